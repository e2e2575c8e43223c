"""Images that are the same, pixel for pixel."""

import hashlib
from dataclasses import dataclass

from evocnn.training.data.image_set import ImageSet


@dataclass(frozen=True)
class Duplicates:
    """How often images occur again.

    Attributes:
        repeated: Training images that are the same as an earlier one.
        contradictory: Those of them that stand under another class than an earlier one.
        shared: Test images that are training images, too; None without a test split.
    """

    repeated: int
    contradictory: int
    shared: int | None


def count_duplicates(training: ImageSet, test: ImageSet | None) -> Duplicates:
    """Count the images that are the same as another one, by hashes of their pixels."""
    classes: dict[bytes, set[int]] = {}
    repeated = contradictory = 0
    for pixels, label in zip(_hashes(training), training.labels.tolist(), strict=True):
        known = classes.setdefault(pixels, set())
        repeated += bool(known)
        contradictory += bool(known - {label})
        known.add(label)
    shared = None if test is None else sum(pixels in classes for pixels in _hashes(test))
    return Duplicates(repeated, contradictory, shared)


def _hashes(images: ImageSet) -> list[bytes]:
    """Return a hash of each image; images of other shapes have other hashes."""
    shape = repr(images.shape).encode()
    return [hashlib.blake2b(row.data, key=shape, digest_size=16).digest() for row in images.images]
