"""Where images come from: one name per source, and what a path holds."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evocnn.errors import DataError
from evocnn.training.data.digits import load_digits_split
from evocnn.training.data.download import fetch_fashion_mnist
from evocnn.training.data.hook import call_hook
from evocnn.training.data.idx import holds_idx, load_idx
from evocnn.training.data.image_set import ImageSet
from evocnn.training.data.npz import load_npz

SOURCES = ("digits", "fashion-mnist", "idx", "npz")

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(
    source: str | Callable[..., Any],
    split: str,
    path: Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
) -> ImageSet:
    """Return one split of a source.

    Args:
        source: "digits" (ships with scikit-learn), "fashion-mnist" (from `path`, the cache or the
            web), "idx" (a folder), "npz" (a file), or a function; see `call_hook`.
        split: "train" or "test".
        path: Where the data lies, for the sources that need or take one.
        class_names: The classes that the split must have. Give those of the training split when
            loading "test", so that a class without a test image shifts no label.

    Raises:
        DataError: The source is unknown, lacks its path or cannot be read, or has other classes.
    """
    names = None if class_names is None else tuple(class_names)
    images = _load(source, split, path, names)
    if names is not None and images.class_names != names:
        raise DataError(
            f"classes of {images.name!r} must be {', '.join(names)}, but they were "
            f"{', '.join(images.class_names)}; training and test data must have the same classes in the "
            "same order"
        )
    return images


def detect(path: Path) -> str:
    """Return the source that can read a path, "idx" or "npz".

    Raises:
        DataError: The path is neither a folder with IDX files nor a `.npz` file.
    """
    if path.is_dir() and holds_idx(path):
        return "idx"
    if path.is_file() and path.suffix == ".npz":
        return "npz"
    kind = "a folder without them" if path.is_dir() else "another file" if path.exists() else "missing"
    raise DataError(
        f"data path {path} must be a folder with IDX files (train-images-idx3-ubyte[.gz] and so on) or a "
        f".npz file, but it was {kind}; for other formats write a Python function that returns "
        "(images, labels) and name it as module:function"
    )


def _load(
    source: str | Callable[..., Any], split: str, path: Path | None, names: tuple[str, ...] | None
) -> ImageSet:
    match source:
        case "digits":
            _refuse(path, "source 'digits'")
            return load_digits_split(split)
        case "fashion-mnist":
            folder = fetch_fashion_mnist() if path is None else path
            images = load_idx(folder, split, FASHION_MNIST_CLASSES)
            return replace(images, name=f"fashion-mnist {split}")
        case "idx":
            return load_idx(_required(path, "idx", "the folder with the IDX files"), split, names)
        case "npz":
            return load_npz(_required(path, "npz", "the .npz file"), split, names)
        case str():
            raise DataError(_unknown(source))
        case _:
            _refuse(path, "a data function")
            return call_hook(source, split, names)


def _required(path: Path | None, source: str, what: str) -> Path:
    if path is None:
        raise DataError(
            f"source {source!r} must have a path, but it was missing; name {what} as the data's path"
        )
    return path


def _refuse(path: Path | None, what: str) -> None:
    if path is not None:
        raise DataError(
            f"path must be left out for {what}, but it was {path}; drop it, or choose 'idx' or 'npz'"
        )


def _unknown(source: str) -> str:
    near = difflib.get_close_matches(source, SOURCES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "choose one of these"
    return (
        f"data source must be one of {', '.join(SOURCES)} or a module:function, but it was {source!r}; {hint}"
    )
