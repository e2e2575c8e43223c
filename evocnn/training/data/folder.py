"""Reader of folders of images: JPEG, PNG and WebP files, one sub-folder a class."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from evocnn.errors import DataError
from evocnn.training.data.framing import Framing, shown_size
from evocnn.training.data.image_file import BOMB, UNREADABLE, bombs_refused, decode, reason_of
from evocnn.training.data.image_set import ImageSet, images_needed, labelled
from evocnn.training.data.listing import FORMATS, ImageFile, Notes, list_images
from evocnn.training.data.mapped import Pixels, hold

PROPOSED_SIDE = 128  # largest size that is proposed: what is larger is seldom meant
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # EXIF: the values that exchange height and width
CHUNK = 64  # files that a thread takes at a time
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Header:
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
    notes = Notes(path)
    classes, known = read_headers(path, notes)
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


def read_headers(path: Path, notes: Notes) -> tuple[tuple[str, ...], list[tuple[ImageFile, Header]]]:
    """Return the names of the classes of a folder, and each image with what it says of itself.

    Args:
        path: As for `load_folder`.
        notes: Takes what is left out.

    Raises:
        DataError: The folder is not laid out like this, or holds no image that can be read.
    """
    classes, files = list_images(path, notes)
    with bombs_refused():
        headers = _in_threads(_header, [file.path for file in files])
    known: list[tuple[ImageFile, Header]] = []
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
    return classes, known


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


def _header(path: Path) -> Header | str:
    """Return what an image says of itself, or why it cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if "exif" in image.info and image.getexif().get(ORIENTATION) in TURNED:
                width, height = height, width
            return Header(height, width, _is_grey(image))
    except (*BOMB, *UNREADABLE) as error:
        return reason_of(error)


def _is_grey(image: Image.Image) -> bool:
    """Return whether an image is stored in grey, or with a palette of greys."""
    if image.mode in ("P", "PA"):
        colours = np.array(image.getpalette("RGB") or [0]).reshape(-1, 3)
        return bool((colours == colours[:, :1]).all())
    return image.mode in GREY_MODES


def _common_size(path: Path, headers: Sequence[Header]) -> tuple[int, int]:
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
    files: Sequence[ImageFile], size: tuple[int, int], framing: Framing, *, is_grey: bool
) -> tuple[Pixels, list[tuple[int, str]]]:
    """Return the decoded images, the readable ones first, and index and reason of those that are not."""
    mode = "L" if is_grey else "RGB"

    def fill(target: Pixels) -> list[tuple[int, str]]:
        def write(index: int) -> str | None:
            return decode(files[index].path, target[index], mode, size, framing.fit)

        with bombs_refused():
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
