"""Images that are the same, pixel for pixel."""

import numpy as np

from evocnn.training.data import ImageSet
from evocnn.training.data.duplicates import Duplicates, count_duplicates


def images(values: list[int], labels: list[int], shape: tuple[int, int] = (2, 2)) -> ImageSet:
    pixels = np.broadcast_to(np.array(values, dtype=np.uint8)[:, None, None, None], (len(values), 1, *shape))
    return ImageSet(np.ascontiguousarray(pixels), np.array(labels), ("a", "b"), "toy")


def test_repetitions_and_contradictions_are_counted() -> None:
    found = count_duplicates(images([1, 1, 1, 2, 3, 2], [0, 0, 1, 0, 1, 0]), None)
    assert found == Duplicates(repeated=3, contradictory=1, shared=None)


def test_test_images_that_are_in_training_are_counted_each() -> None:
    found = count_duplicates(images([1, 2, 3], [0, 1, 0]), images([2, 2, 9], [0, 0, 0]))
    assert found == Duplicates(repeated=0, contradictory=0, shared=2)


def test_images_of_another_shape_are_others() -> None:
    assert count_duplicates(images([1], [0], (2, 3)), images([1], [0], (3, 2))).shared == 0
