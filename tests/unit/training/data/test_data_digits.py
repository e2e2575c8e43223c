import numpy as np
import pytest
from sklearn.datasets import load_digits

from evocnn.errors import DataError
from evocnn.training.data.digits import load_digits_split


def test_train_and_test_are_all_digits_once() -> None:
    train, test = load_digits_split("train"), load_digits_split("test")
    assert (len(train), len(test)) == (1442, 355)
    assert train.shape == test.shape == (1, 8, 8)
    assert train.class_names == test.class_names == tuple("0123456789")
    together = np.concatenate([train.images, test.images]).reshape(-1, 64)
    original, _ = load_digits(return_X_y=True)
    np.testing.assert_array_equal(
        together[np.lexsort(together.T)], original[np.lexsort(original.T)].astype(np.uint8)
    )


def test_pixels_and_labels_are_those_of_scikit_learn() -> None:
    original, labels = load_digits(return_X_y=True)
    train = load_digits_split("train")
    assert train.images.max() == 16
    np.testing.assert_array_equal(train.images[:4].reshape(4, 64), original[:4])
    assert train.labels[:4].tolist() == labels[:4].tolist()


def test_the_test_split_holds_a_fifth_of_each_class() -> None:
    train, test = load_digits_split("train"), load_digits_split("test")
    np.testing.assert_array_equal(test.counts, (train.counts + test.counts) // 5)


def test_there_is_no_validation_split() -> None:
    with pytest.raises(DataError, match="split must be 'train' or 'test'"):
        load_digits_split("validation")
