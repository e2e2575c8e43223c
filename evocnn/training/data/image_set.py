"""One split of labelled images, as everything downstream trains and measures on it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError
from evocnn.training.data.labels import to_labels
from evocnn.training.data.mapped import Pixels, hold
from evocnn.training.data.pixels import to_pixels

SPLITS = ("train", "test")
"""The two halves that a source of data offers; validation is taken from "train"."""

IMAGE_DIMS = 4  # n, channels, height, width
CHUNK = 1024  # images that are copied at a time


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """One split of labelled images. Arrays that need checking go through `image_set`.

    Attributes:
        images: Pixels, uint8, shape `(n, channels, height, width)`, C-contiguous.
        labels: Class indices, int64, shape `(n,)`, each in `[0, n_classes)`.
        class_names: One name per class, in the order of the class indices.
        name: What messages and reports call the split.
        notes: What was left out or repaired when the images were read, one sentence each.

    Raises:
        DataError: The arrays are not of these types, shapes and ranges.

    The arrays must not be written to: `digest` is computed once. Large sets may be mapped from a file;
    see `evocnn.training.data.mapped`.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    name: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse arrays that would train on something else than they show."""
        images, labels = self.images, self.labels
        if not (
            images.dtype == np.uint8
            and images.ndim == IMAGE_DIMS
            and images.flags.c_contiguous
            and labels.dtype == np.int64
            and labels.shape == images.shape[:1]
        ):
            raise DataError(
                f"ImageSet {self.name!r} must hold contiguous uint8 images (n, channels, height, width) "
                f"and int64 labels (n,), but it was {images.dtype} {images.shape} and {labels.dtype} "
                f"{labels.shape}; build it with image_set(images, labels, name=...)"
            )
        if len(labels) and not (labels.min() >= 0 and labels.max() < self.n_classes):
            raise DataError(
                f"labels of ImageSet {self.name!r} must lie in 0..{self.n_classes - 1}, but they were "
                f"{labels.min()}..{labels.max()}; give one class name for each label"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __repr__(self) -> str:
        """Return a summary instead of the pixels."""
        shape = "x".join(str(size) for size in self.shape)
        return f"ImageSet({self.name!r}: {len(self)} images of {shape}, {self.n_classes} classes)"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: channels, height, width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def n_classes(self) -> int:
        """Number of classes, with or without images."""
        return len(self.class_names)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Number of images of each class, shape `(n_classes,)`."""
        return np.bincount(self.labels, minlength=self.n_classes).astype(np.int64)

    @property
    def majority_share(self) -> float:
        """Share of the largest class, a fraction: the accuracy of always guessing it."""
        return int(self.counts.max()) / len(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over shape, class names, pixels and labels; name and notes do not count."""
        header = json.dumps([self.images.shape, self.class_names])
        digest = hashlib.sha256(header.encode() + b"\0")
        digest.update(self.images.data)
        digest.update(self.labels.astype("<i8").data)  # the same on big-endian machines
        return digest.hexdigest()

    def take(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> "ImageSet":
        """Return the images at some indices, in that order, with all class names.

        Args:
            indices: Which images, each in `[0, n)`, shape `(n_taken,)`.

        Raises:
            IndexError: An index lies outside the set.
        """
        chosen = np.asarray(indices)
        source = getattr(self.images, "filename", None)
        if source is None:
            images = self.images[chosen]
        else:
            identity = f"{source}\0{self.images.shape}\0{chosen.dtype}\0".encode() + chosen.tobytes()
            key = hashlib.sha256(identity).hexdigest()
            images, _ = hold((len(chosen), *self.shape), key, lambda target: self._copy(chosen, target))
        return replace(self, images=images, labels=self.labels[chosen])

    def _copy(self, chosen: npt.NDArray[np.integer], target: Pixels) -> None:
        """Copy the images at some indices, a few at a time."""
        for start in range(0, len(chosen), CHUNK):
            target[start : start + CHUNK] = self.images[chosen[start : start + CHUNK]]


def image_set(
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    name: str,
    min_per_class: int = 2,
) -> ImageSet:
    """Check and normalize a user's arrays: the one way in for images from outside.

    Args:
        images: Pixels, shape `(n, height, width)`, `(n, height, width, channels)` or
            `(n, channels, height, width)` with 1 or 3 channels; channels last wins where both fit.
            Integers within 0..255 are kept. Floats within [0, 1] are multiplied by 255 and rounded;
            floats that are whole numbers within 0..255 are kept.
        labels: Class of each image, shape `(n,)`: integers (or whole floats) 0..n_classes-1, or
            strings, which are looked up in `class_names` or else numbered in sorted order.
        class_names: One name per class. By default the labels themselves, which must then leave no
            class between 0 and the largest label without an image.
        name: What messages call these images.
        min_per_class: Fewest images of each class. Training data needs 2, one on each side of the
            split into train and validation; see `images_needed`.

    Returns:
        The checked images. Arrays that already fit are shared with the caller, not copied.

    Raises:
        DataError: The arrays cannot be used; the message says which rule they break.
    """
    return labelled(
        to_pixels(images, name), labels, class_names=class_names, name=name, min_per_class=min_per_class
    )


def labelled(
    pixels: Pixels,
    labels: npt.ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    name: str,
    min_per_class: int,
    notes: tuple[str, ...] = (),
) -> ImageSet:
    """Check the labels of pixels that need no check themselves.

    Args:
        pixels: As `ImageSet` holds them.
        labels: As `image_set` takes them.
        class_names: As `image_set` takes them.
        name: What messages call these images.
        min_per_class: Fewest images of each class.
        notes: What was left out or repaired.

    Raises:
        DataError: The labels cannot be used.
    """
    numbers, names = to_labels(labels, class_names, name)
    if len(pixels) != len(numbers):
        raise DataError(
            f"labels of {name!r} must be as many as its images, but they were {len(numbers)} "
            f"for {len(pixels)} images; give one label per image"
        )
    counts = np.bincount(numbers, minlength=len(names))
    rarest = int(counts.argmin())
    if counts[rarest] < min_per_class:
        raise DataError(
            f"every class of {name!r} must have at least {min_per_class} images, but class "
            f"{names[rarest]!r} had {counts[rarest]}; add images or leave the class out"
        )
    return ImageSet(pixels, numbers, names, name, notes)


def images_needed(split: str) -> int:
    """Return the fewest images that each class of a split needs.

    Args:
        split: "train", where each class is cut in two (train and validation), or "test", where a
            class may be missing.

    Raises:
        DataError: There is no such split.
    """
    if split not in SPLITS:
        raise DataError(
            f"split must be 'train' or 'test', but it was {split!r}; "
            "validation images are taken from 'train' by split()"
        )
    return 2 if split == "train" else 0
