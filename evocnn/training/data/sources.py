"""Where images come from: one name per source, and what a path holds."""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evocnn.errors import DataError
from evocnn.training.data.cifar import cifar_form, load_cifar
from evocnn.training.data.digits import load_digits_split
from evocnn.training.data.download import fetch_published
from evocnn.training.data.folder import load_folder
from evocnn.training.data.framing import Framing, framed
from evocnn.training.data.hook import call_hook
from evocnn.training.data.idx import holds_idx, load_idx
from evocnn.training.data.image_set import ImageSet
from evocnn.training.data.listing import holds_classes
from evocnn.training.data.npz import load_npz
from evocnn.training.data.objects import is_data, load_object
from evocnn.training.data.published import FASHION_MNIST_CLASSES, PUBLISHED

__all__ = ["FASHION_MNIST_CLASSES", "SOURCES", "detect", "load", "matching"]

SOURCES = ("digits", *PUBLISHED, "idx", "npz", "folder")


def load(
    source: Any,
    split: str,
    path: Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
    framing: Framing | None = None,
) -> ImageSet:
    """Return one split of a source.

    Args:
        source: "digits" (ships with scikit-learn), the name of a published set (from `path`, the
            cache or the web), "idx" or "folder" (a folder), "npz" (a file), a function (see
            `call_hook`), or the data themselves (see `load_object`).
        split: "train" or "test".
        path: Where the data lies, for the sources that need or take one.
        class_names: The classes that the split must have. Give those of the training split when
            loading "test", so that a class without a test image shifts no label.
        framing: Size and channels to bring the images to; as they are, where it is left out.

    Raises:
        DataError: The source is unknown, lacks its path or cannot be read, or has other classes.
    """
    names = None if class_names is None else tuple(class_names)
    framing = framing or Framing()
    if isinstance(source, str) and source == "folder":
        what = "the folder that holds one folder a class"
        images = load_folder(_required(path, source, what), split, framing)
    else:
        images = framed(_load(source, split, path, names), framing)
    if names is not None and images.class_names != names:
        raise DataError(
            f"classes of {images.name!r} must be {', '.join(names)}, but they were "
            f"{', '.join(images.class_names)}; training and test data must have the same classes in the "
            "same order"
        )
    return images


def detect(path: Path) -> str:
    """Return the source that can read a path: "idx", "cifar-10", "cifar-100", "folder" or "npz".

    Raises:
        DataError: The path holds none of these, or cannot be read.
    """
    try:
        if (found := _held(path)) is not None:
            return found
        unfit = _unfit(path)
    except OSError as error:
        message = f"data path {path} must be readable, but: {error.strerror}; let it be read, or give another"
        raise DataError(message) from error
    raise DataError(
        f"data path {path} must be a folder with IDX files (train-images-idx3-ubyte[.gz] and so on), "
        "CIFAR-10 or CIFAR-100, a folder that holds one folder of images a class, or a .npz file, but it was "
        f"{unfit}; for other formats write a Python function that returns (images, labels) and name "
        "it as module:function"
    )


def _held(path: Path) -> str | None:
    """Return the source that can read a path, if any."""
    if path.is_dir():
        if holds_idx(path):
            return "idx"
        if (found := cifar_form(path)) is not None:
            return found[0].source
        return "folder" if holds_classes(path) else None
    return "npz" if path.is_file() and path.suffix == ".npz" else None


def _unfit(path: Path) -> str:
    """Return what a path is that no source can read, and what to do about it."""
    if not path.exists():
        return "missing; check the path"
    if not path.is_dir():
        return "another file"
    kind = "a folder without them" if any(path.iterdir()) else "an empty folder"
    return f"{kind}; put images there as {path / 'cat' / '1.jpg'}, {path / 'dog' / '1.jpg'} and so on"


def matching(source: Any, path: Path) -> Any:
    """Return the source to read a path with: what it holds, under the given name where that fits it.

    Raises:
        DataError: Nothing can read the path.
    """
    found = detect(path)
    is_named = isinstance(source, str) and source in PUBLISHED and PUBLISHED[source].inner is None
    return source if is_named and found == "idx" else found


def _load(source: Any, split: str, path: Path | None, names: tuple[str, ...] | None) -> ImageSet:
    if not isinstance(source, str):
        _refuse(path, "data from Python")
        return load_object(source, split, names) if is_data(source) else call_hook(source, split, names)
    if source in PUBLISHED:
        published = PUBLISHED[source]
        folder = fetch_published(published) if path is None else path
        if published.inner is not None:
            return load_cifar(folder, split, source)
        return replace(load_idx(folder, split, published.class_names), name=f"{source} {split}")
    match source:
        case "digits":
            _refuse(path, "source 'digits'")
            return load_digits_split(split)
        case "idx":
            return load_idx(_required(path, "idx", "the folder with the IDX files"), split, names)
        case "npz":
            return load_npz(_required(path, "npz", "the .npz file"), split, names)
    raise DataError(_unknown(source))


def _required(path: Path | None, source: str, what: str) -> Path:
    if path is None:
        raise DataError(
            f"source {source!r} must have a path, but it was missing; name {what} as the data's path"
        )
    return path


def _refuse(path: Path | None, what: str) -> None:
    if path is not None:
        raise DataError(
            f"path must be left out for {what}, but it was {path}; drop it, or choose 'idx', 'npz' "
            "or 'folder'"
        )


def _unknown(source: str) -> str:
    near = difflib.get_close_matches(source, SOURCES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "choose one of these"
    return (
        f"data source must be one of {', '.join(SOURCES)} or a module:function, but it was {source!r}; {hint}"
    )
