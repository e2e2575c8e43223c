"""Stratified subsets: train against validation, and the images that training accuracy is read on."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError
from evocnn.rng import Purpose, stream
from evocnn.training.data.apportion import apportion
from evocnn.training.data.image_set import ImageSet


def split(
    images: ImageSet, *, validation: float, seed: int, n_images: int | None = None
) -> tuple[ImageSet, ImageSet]:
    """Split training data into train and validation, each class in proportion.

    Args:
        images: The training data.
        validation: Share of the images that go to validation, in (0, 1); their number is rounded
            half up.
        seed: The run's seed; the split follows from it and from the labels alone.
        n_images: How many images to use, train and validation together; by default all.

    Returns:
        Train and validation. They are disjoint, keep the order of `images`, and both hold at least
        one image of every class.

    Raises:
        DataError: There are fewer images than asked for, or too few for every class to be on both
            sides.
    """
    if not 0 < validation < 1:
        raise DataError(
            f"validation must lie between 0 and 1, but it was {validation}; 0.2 keeps a fifth for validation"
        )
    counts = images.counts
    if counts.min() < 2:  # one for each side
        rarest = int(counts.argmin())
        raise DataError(
            f"every class of {images.name!r} must have at least 2 images to be split, but class "
            f"{images.class_names[rarest]!r} had {counts[rarest]}; add images or leave the class out"
        )
    kept = _kept(images, len(images) if n_images is None else n_images)
    n_kept = int(kept.sum())
    n_validation = math.floor(validation * n_kept + 0.5)
    if not images.n_classes <= n_validation <= n_kept - images.n_classes:
        raise DataError(
            f"validation must leave each of {images.n_classes} classes an image on both sides, but it was "
            f"{validation}, which puts {n_validation} of {n_kept} images into validation; "
            "move the share towards 0.5 or use more images"
        )
    ones = np.ones_like(kept)
    held_out = apportion(kept, n_validation, ones, kept - 1)
    shuffled = _shuffled(images, seed, Purpose.SPLIT)
    train = [row[start:end] for row, start, end in zip(shuffled, held_out, kept, strict=True)]
    rest = [row[:end] for row, end in zip(shuffled, held_out, strict=True)]
    return _joined(images, train, "training part"), _joined(images, rest, "validation part")


def training_subset(train: ImageSet, n: int, seed: int) -> ImageSet:
    """Return the fixed images on which training accuracy is measured, each class in proportion.

    As many as the validation split has, so that both accuracies, and with them the generalization
    gap, are equally noisy.

    Args:
        train: The training side of a split.
        n: How many images, at least 1; all of them where there are fewer.
        seed: The run's seed.

    Returns:
        `min(n, len(train))` images in the order of `train`, at least one of every class that has
        any where `n` allows it.

    Raises:
        DataError: `n` is below 1.
    """
    if n < 1:
        raise DataError(
            f"training subset must have at least 1 image, but it was {n}; "
            "use as many as the validation split has"
        )
    n = min(n, len(train))
    counts = train.counts
    one_each = np.minimum(counts, 1)
    least = one_each if n >= one_each.sum() else np.zeros_like(counts)
    shares = apportion(counts, n, least, counts)
    shuffled = _shuffled(train, seed, Purpose.TRAINING_SUBSET)
    return _joined(train, [row[:end] for row, end in zip(shuffled, shares, strict=True)], "measured part")


def _kept(images: ImageSet, n_images: int) -> npt.NDArray[np.int64]:
    """Return how many images of each class to use, shape `(n_classes,)`."""
    if not 2 * images.n_classes <= n_images <= len(images):
        raise DataError(
            f"number of images must lie in {2 * images.n_classes}..{len(images)} for the "
            f"{images.n_classes} classes of {images.name!r}, but it was {n_images}; "
            "leave it out to use all images"
        )
    return apportion(images.counts, n_images, np.full_like(images.counts, 2), images.counts)


def _shuffled(images: ImageSet, seed: int, purpose: Purpose) -> list[npt.NDArray[np.intp]]:
    """Return the indices of each class in an order that the seed fixes."""
    rng = stream(seed, purpose)
    return [rng.permutation(np.flatnonzero(images.labels == label)) for label in range(images.n_classes)]


def _joined(images: ImageSet, rows: list[npt.NDArray[np.intp]], part: str) -> ImageSet:
    """Return the images at some rows of indices, in their original order."""
    taken = images.take(np.sort(np.concatenate(rows)))
    return replace(taken, name=f"{images.name}, {part}")
