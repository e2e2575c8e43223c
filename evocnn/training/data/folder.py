"""Reader of folders of images: JPEG, PNG and WebP files, one sub-folder a class."""

import hashlib
import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageOps

from evocnn.errors import DataError
from evocnn.training.data.framing import Framing, fitted, shown_size, write_row
from evocnn.training.data.image_set import ImageSet, images_needed, labelled
from evocnn.training.data.labels import MIN_CLASSES
from evocnn.training.data.mapped import Pixels, hold

FOLDS = 5  # every fifth file of a class is a test image where there are no folders train and test
FORMATS = ("JPEG", "PNG", "WEBP")
PROPOSED_SIDE = 128  # largest size that is proposed: what is larger is seldom meant
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # EXIF: the values that exchange height and width
MAX_NAMED = 3  # files that a note names
CHUNK = 64  # files that a thread takes at a time
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")

UNREADABLE = (
    OSError,  # of the file system, and Pillow's for what it does not know or finds cut short
    SyntaxError,  # Pillow's for broken PNG files
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for files that are no images, cut short or changed."""

BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _File:
    """A file of a class, as its first bytes show it.

    Attributes:
        path: Where it lies.
        label: Index of its class.
        is_test: Whether it belongs to the test split.
    """

    path: Path
    label: int
    is_test: bool


@dataclass(frozen=True)
class _Header:
    """What an image says of itself before it is decoded: size as it is seen, and whether it is grey."""

    height: int
    width: int
    is_grey: bool


def load_folder(path: Path, split: str, framing: Framing) -> ImageSet:
    """Return a split of a folder of images.

    Args:
        path: Holds one folder a class, or the folders `train` and `test` that each do. Without these,
            every fifth file of each class, in the order of names, is a test image.
        split: "train" or "test".
        framing: Size and channels. A size is needed where the images differ in theirs.

    Returns:
        The images that can be read, classes in the order of names; `notes` names and counts all
        other files.

    Raises:
        DataError: The folder is not laid out like this, a class has too few images, or the images
            differ in size and none is given.
    """
    needed = images_needed(split)
    notes = _Notes(path)
    classes, files = _listed(path, notes)
    with _bombs_refused():
        headers = _in_threads(_header, [file.path for file in files])
    known: list[tuple[_File, _Header]] = []
    for file, header in zip(files, headers, strict=True):
        if isinstance(header, str):
            notes.add(header, file.path)
        else:
            known.append((file, header))
    if not known:
        raise DataError(
            f"folder {path} must hold {', '.join(FORMATS)} images in one folder a class, but none could be "
            f"read{notes.text}; check the path"
        )
    size = framing.size or _common_size(path, [header for _, header in known])
    grey = framing.channels == "grey" or (framing.channels == "auto" and all(h.is_grey for _, h in known))
    chosen = [file for file, _ in known if file.is_test == (split == "test")]
    pixels, failed = _pixels(chosen, size, framing, is_grey=grey)
    for index, reason in failed:
        notes.add(reason, chosen[index].path)
    dropped = {index for index, _ in failed}
    labels = [file.label for index, file in enumerate(chosen) if index not in dropped]
    counts = Counter(labels)
    for label, name in enumerate(classes):
        if counts[label] < needed:
            raise DataError(
                f"every class of {path} must have at least {needed} {split} images that can be read, but "
                f"class {name!r} had {counts[label]}{notes.text}; add images or remove the folder"
            )
    if not labels:
        raise DataError(
            f"folder {path} must hold images for the {split} split, but it held none{notes.text}; add a "
            "folder test, or five images or more to a class"
        )
    name = f"{path.resolve().name} {split}"
    return labelled(
        pixels[: len(labels)],
        np.array(labels),
        class_names=classes,
        name=name,
        min_per_class=needed,
        notes=notes.sentences,
    )


def holds_classes(path: Path) -> bool:
    """Return whether a folder holds folders, as a folder of images does, or images."""
    return any(
        entry.is_dir() or _is_image(entry) for entry in path.iterdir() if not entry.name.startswith(".")
    )


class _Notes:
    """Counts the files that are left out, by the reason, and remembers the first names of each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: dict[str, list[Path]] = {}

    def add(self, reason: str, path: Path) -> None:
        """Note a file."""
        self._paths.setdefault(reason, []).append(path)

    @property
    def sentences(self) -> tuple[str, ...]:
        """A sentence for each reason, the commonest first."""
        ranked = sorted(self._paths.items(), key=lambda item: -len(item[1]))
        return tuple(self._sentence(reason, sorted(set(paths))) for reason, paths in ranked)

    @property
    def text(self) -> str:
        """All of it in brackets, for an error; nothing where there is nothing."""
        return f" ({'; '.join(self.sentences)})" if self._paths else ""

    def _sentence(self, reason: str, paths: list[Path]) -> str:
        names = [str(path.relative_to(self._root)) for path in paths[:MAX_NAMED]]
        more = f" and {len(paths) - MAX_NAMED:,} more" if len(paths) > MAX_NAMED else ""
        noun = "file" if len(paths) == 1 else "files"
        return f"{len(paths):,} {noun} left out, {reason}: {', '.join(names)}{more}"


def _listed(root: Path, notes: _Notes) -> tuple[tuple[str, ...], list[_File]]:
    """Return the names of the classes and the files that start like images."""
    folders = {folder.name: folder for folder in _folders(root, notes)}
    train, test = folders.get("train"), folders.get("test")
    if train is None or not any(entry.is_dir() for entry in _entries(train)):
        if train is not None and test is not None:
            raise DataError(
                f"folder {train} must hold one folder a class, but it held none; sort the images into folders"
            )
        _check_classes(root, folders, notes)
        return tuple(folders), [
            _File(path, label, index % FOLDS == FOLDS - 1)
            for label, folder in enumerate(folders.values())
            for index, path in enumerate(_images(folder, notes))
        ]
    for name, folder in folders.items():
        if name not in ("train", "test"):
            notes.add("beside the folders train and test", folder)
    own = {folder.name: folder for folder in _folders(train, notes)}
    _check_classes(train, own, notes)
    classes = tuple(own)
    files = [
        _File(path, label, is_test=False)
        for label, f in enumerate(own.values())
        for path in _images(f, notes)
    ]
    for folder in [] if test is None else _folders(test, notes):
        if folder.name not in classes:
            raise DataError(
                f"folder {test} must hold the classes of {train}, but {folder.name!r} was another; "
                "rename or remove it"
            )
        label = classes.index(folder.name)
        files += [_File(path, label, is_test=True) for path in _images(folder, notes)]
    return classes, files


def _folders(root: Path, notes: _Notes) -> list[Path]:
    """Return the folders in a folder, in the order of names.

    Raises:
        DataError: One is another one, or leads back to where it lies.
    """
    folders: list[Path] = []
    homes: dict[Path, Path] = {}
    for entry in _entries(root):
        if entry.name.startswith("."):
            notes.add("hidden", entry)
        elif not entry.is_dir():
            notes.add("beside the folders of the classes", entry)
        else:
            home = entry.resolve()
            if home in homes or home == root.resolve() or home in root.resolve().parents:
                raise DataError(
                    f"folder {entry} must be a class of its own, but it was a link to "
                    f"{homes.get(home, home)}; remove the link"
                )
            homes[home] = entry
            folders.append(entry)
    return folders


def _check_classes(root: Path, folders: Mapping[str, Path], notes: _Notes) -> None:
    """Raise where a folder holds fewer than two classes."""
    if len(folders) < MIN_CLASSES:
        found = f"only {min(folders)!r}" if folders else "none"
        raise DataError(
            f"folder {root} must hold at least 2 folders, one a class, but there was {found}{notes.text}; "
            "name the folder that holds the classes"
        )


def _images(folder: Path, notes: _Notes) -> list[Path]:
    """Return the files of a class that start like images, in the order of names.

    Raises:
        DataError: There are folders with something in them among the files.
    """
    found: list[Path] = []
    for entry in _entries(folder):
        if entry.name.startswith("."):
            notes.add("hidden", entry)
        elif entry.is_dir():
            if any(not inner.name.startswith(".") for inner in _entries(entry)):
                raise DataError(
                    f"folder {folder} must hold the images of a class, but it held the folder "
                    f"{entry.name!r}; put all images of a class directly into its folder, or name the "
                    "folder that holds the classes"
                )
            notes.add("empty folders", entry)
        elif _is_image(entry):
            found.append(entry)
        else:
            notes.add(f"not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}", entry)
    return found


def _entries(folder: Path) -> list[Path]:
    """Return what a folder holds, in the order of names."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"folder {folder} must be readable, but it was not ({error.strerror}); check its permissions"
        ) from error


def _is_image(path: Path) -> bool:
    """Return whether a file starts as a JPEG, PNG or WebP image does, or does not let one see that."""
    try:
        if path.exists() and not path.is_file():  # a pipe would wait for ever
            return False
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return True  # and is unreadable
    return start.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (start[:4], start[8:]) == (
        b"RIFF",
        b"WEBP",
    )


@contextmanager
def _bombs_refused() -> Iterator[None]:
    """Let Pillow raise where it would warn of an image that is far larger than its file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata, which change no pixel
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return what a function returns for each item; Pillow lets other threads work while it decodes."""
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        try:
            done = pool.map(lambda chunk: [*map(function, chunk)], chunks)
            return [result for results in done for result in results]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _header(path: Path) -> _Header | str:
    """Return what an image says of itself, or why it cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if "exif" in image.info and image.getexif().get(ORIENTATION) in TURNED:
                width, height = height, width
            return _Header(height, width, _is_grey(image))
    except BOMB:
        return f"larger than {Image.MAX_IMAGE_PIXELS or 0:,} pixels"
    except UNREADABLE:
        return "unreadable"


def _is_grey(image: Image.Image) -> bool:
    """Return whether an image is stored in grey, or with a palette of greys."""
    if image.mode in ("P", "PA"):
        colours = np.array(image.getpalette("RGB") or [0]).reshape(-1, 3)
        return bool((colours == colours[:, :1]).all())
    return image.mode in GREY_MODES


def _common_size(path: Path, headers: Sequence[_Header]) -> tuple[int, int]:
    """Return the size that all images have.

    Raises:
        DataError: They differ; the message proposes a size.
    """
    sizes = Counter((header.height, header.width) for header in headers)
    if len(sizes) == 1:
        return next(iter(sizes))
    shorter = sorted(min(header.height, header.width) for header in headers)
    proposed = min(shorter[len(shorter) // 2], PROPOSED_SIDE)
    low, high = min(sizes, key=lambda size: size[0] * size[1]), max(sizes, key=lambda size: size[0] * size[1])
    raise DataError(
        f"images of {path} must have one size, but they had {len(sizes):,}, from {shown_size(*low)} to "
        f"{shown_size(*high)}; give data.size (or --size), for instance {proposed}"
    )


def _pixels(
    files: Sequence[_File], size: tuple[int, int], framing: Framing, *, is_grey: bool
) -> tuple[Pixels, list[tuple[int, str]]]:
    """Return the decoded images, the readable ones first, and index and reason of those that are not."""
    mode = "L" if is_grey else "RGB"

    def fill(target: Pixels) -> list[tuple[int, str]]:
        def write(index: int) -> str | None:
            return _decode(files[index].path, target[index], mode, size, framing)

        with _bombs_refused():
            reasons = _in_threads(write, range(len(files)))
        failed = [(index, reason) for index, reason in enumerate(reasons) if reason is not None]
        kept = [index for index, reason in enumerate(reasons) if reason is None]
        for place, index in enumerate(kept if failed else ()):
            target[place] = target[index]
        return failed

    stamps: list[Any] = [size, framing.fit, mode]
    for file in files:
        found = file.path.stat()
        stamps.append((str(file.path.resolve()), found.st_size, found.st_mtime_ns))
    key = hashlib.sha256(repr(stamps).encode()).hexdigest()
    pixels, failed = hold((len(files), 1 if is_grey else 3, *size), key, fill)
    return pixels, [(index, reason) for index, reason in failed]


def _decode(path: Path, row: Pixels, mode: str, size: tuple[int, int], framing: Framing) -> str | None:
    """Write an image into its row, or return why it cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            side = 2 * max(size)  # a JPEG may be decoded at a fraction of its size, at least at twice ours
            image.draft(None, (side, side))
            upright = ImageOps.exif_transpose(image)
            write_row(fitted(_converted(upright, mode), size, framing.fit), row)
    except BOMB:
        return f"larger than {Image.MAX_IMAGE_PIXELS or 0:,} pixels"
    except UNREADABLE:
        return "unreadable"
    return None


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """Return an image in grey or RGB: 16 bits become 8, and what is transparent becomes white."""
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray(np.minimum(levels >> 8, 255).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert(mode)
    return image.convert(mode)
