"""Which files of a folder are images, of which class and of which split; and which are left out, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evocnn.errors import DataError, printable
from evocnn.training.data.labels import MIN_CLASSES

FORMATS = ("JPEG", "PNG", "WEBP")
FOLDS = 5  # every fifth file of a class is a test image where there are no folders train and test
MAX_NAMED = 3  # files that a note names


@dataclass(frozen=True)
class ImageFile:
    """A file of a class, as its first bytes show it.

    Attributes:
        path: Where it lies.
        label: Index of its class.
        is_test: Whether it belongs to the test split.
    """

    path: Path
    label: int
    is_test: bool


class Notes:
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
        names = [printable(str(path.relative_to(self._root))) for path in paths[:MAX_NAMED]]
        more = f" and {len(paths) - MAX_NAMED:,} more" if len(paths) > MAX_NAMED else ""
        noun = "file" if len(paths) == 1 else "files"
        return f"{len(paths):,} {noun} left out, {reason}: {', '.join(names)}{more}"


def list_images(root: Path, notes: Notes) -> tuple[tuple[str, ...], list[ImageFile]]:
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
            ImageFile(path, label, index % FOLDS == FOLDS - 1)
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
        ImageFile(path, label, is_test=False)
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
        files += [ImageFile(path, label, is_test=True) for path in _images(folder, notes)]
    return classes, files


def _folders(root: Path, notes: Notes) -> list[Path]:
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


def _check_classes(root: Path, folders: Mapping[str, Path], notes: Notes) -> None:
    """Raise where a folder holds fewer than two classes."""
    if len(folders) < MIN_CLASSES:
        found = f"only {min(folders)!r}" if folders else "none"
        raise DataError(
            f"folder {root} must hold at least 2 folders, one a class, but there was {found}{notes.text}; "
            "name the folder that holds the classes"
        )


def _images(folder: Path, notes: Notes) -> list[Path]:
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
        elif is_image(entry):
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


def is_image(path: Path) -> bool:
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


def holds_classes(path: Path) -> bool:
    """Return whether a folder holds folders, as a folder of images does, or images."""
    return any(
        entry.is_dir() or is_image(entry) for entry in path.iterdir() if not entry.name.startswith(".")
    )
