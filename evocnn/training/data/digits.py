"""Scikit-learn's handwritten digits: the real data set that needs no download."""

import numpy as np

from evocnn.training.data.image_set import ImageSet, image_set, images_needed

FOLDS = 5


def load_digits_split(split: str) -> ImageSet:
    """Return the training or test split of the digits, 8x8 grey, ten classes, 1,797 in all.

    The test split is every fifth image of each class, whatever the seed. Pixels keep their values
    0..16.

    Args:
        split: "train" (1,442 images) or "test" (355 images).

    Raises:
        DataError: There is no such split.

    Alpaydin & Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI; the copy that
    scikit-learn ships is its test set.
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415  # 0.5 s that other sources need not pay

    needed = images_needed(split)
    images, labels = load_digits(return_X_y=True)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        is_test[np.flatnonzero(labels == label)[FOLDS - 1 :: FOLDS]] = True
    chosen = is_test if split == "test" else ~is_test
    return image_set(
        images[chosen].reshape(-1, 8, 8).astype(np.uint8),
        labels[chosen],
        name=f"digits {split}",
        min_per_class=needed,
    )
