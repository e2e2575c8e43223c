import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evocnn.errors import DataError
from evocnn.training.data import ImageSet, image_set
from evocnn.training.data.image_set import images_needed

LABELS = [0, 1, 0, 1]


def grey(dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[np.generic]:
    return np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(dtype)


def test_grey_images_get_a_channel() -> None:
    images = image_set(grey(), LABELS, name="toy")
    assert images.shape == (1, 5, 6)
    assert len(images) == 4
    assert images.images.dtype == np.uint8
    np.testing.assert_array_equal(images.images[:, 0], grey())


def test_channels_last_becomes_channels_first_and_contiguous() -> None:
    pixels = np.arange(4 * 5 * 6 * 3).reshape(4, 5, 6, 3) % 256
    images = image_set(pixels, LABELS, name="toy")
    assert images.shape == (3, 5, 6)
    assert images.images.flags.c_contiguous
    np.testing.assert_array_equal(images.images[2, 1], pixels[2, :, :, 1])


def test_channels_first_stays() -> None:
    pixels = np.arange(4 * 3 * 5 * 6).reshape(4, 3, 5, 6) % 256
    np.testing.assert_array_equal(image_set(pixels, LABELS, name="toy").images, pixels)


def test_channels_last_wins_where_both_fit() -> None:
    pixels = np.arange(4 * 3 * 5 * 1).reshape(4, 3, 5, 1)
    assert image_set(pixels, LABELS, name="toy").shape == (1, 3, 5)


@pytest.mark.parametrize(
    "dtype", [np.int8, np.int16, np.int64, np.uint64, np.float16, np.float32, np.float64]
)
def test_whole_numbers_are_kept(dtype: npt.DTypeLike) -> None:
    np.testing.assert_array_equal(image_set(grey(dtype), LABELS, name="toy").images[:, 0], grey())


@given(
    pixels=hnp.arrays(np.uint8, (4, 2, 3)),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_fractions_of_255_come_back_as_the_bytes_they_were(
    pixels: npt.NDArray[np.uint8], dtype: npt.DTypeLike
) -> None:
    scaled = (pixels / 255).astype(dtype)
    np.testing.assert_array_equal(image_set(scaled, LABELS, name="toy").images[:, 0], pixels)


def test_fractions_are_rounded_not_cut() -> None:
    pixels = np.full((4, 2, 2), 0.999)
    assert image_set(pixels, LABELS, name="toy").images.max() == 255


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 5)), r"images of 'toy' must have shape .* but it was \(4, 5\); reshape"),
        (np.zeros((4, 5, 6, 2)), r"with 1 or 3 channels, but it was \(4, 5, 6, 2\)"),
        (np.zeros((4, 1, 5, 6, 1)), r"must have shape"),
        (np.zeros((0, 5, 6)), r"must not be empty, but their shape was \(0, 5, 6\)"),
        (np.zeros((4, 0, 6)), r"must not be empty"),
        (np.full((4, 5, 6), np.nan), r"must be finite, but they held NaN"),
        (np.full((4, 5, 6), np.inf), r"must be finite"),
        (np.full((4, 5, 6), -np.inf), r"must be finite"),
        (np.full((4, 5, 6), -0.1), r"must lie in 0\.\.255 or in \[0, 1\], but they were -0\.1\.\.-0\.1"),
        (np.full((4, 5, 6), -1), r"must lie in 0\.\.255"),
        (np.full((4, 5, 6), 256), r"must lie in 0\.\.255"),
        (np.full((4, 5, 6), 1.5), r"must lie in \[0, 1\] or be whole numbers"),
        (np.ones((4, 5, 6), dtype=bool), r"must be integers or floats, but they were bool"),
        (np.full((4, 5, 6), "a"), r"must be integers or floats"),
        (np.zeros((4, 5, 6), dtype=complex), r"must be integers or floats"),
        ([np.zeros((5, 6)), np.zeros((5, 7)), np.zeros((5, 6)), np.zeros((5, 6))], r"must be one array"),
    ],
)
def test_unusable_images_are_refused(images: npt.ArrayLike, message: str) -> None:
    with pytest.raises(DataError, match=message):
        image_set(images, LABELS, name="toy")


def test_one_nan_among_good_pixels_is_found() -> None:
    pixels = np.zeros((4, 5, 6))
    pixels[2, 3, 4] = np.nan
    with pytest.raises(DataError, match="must be finite"):
        image_set(pixels, LABELS, name="toy")


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64, np.float32])
def test_whole_labels_become_int64(dtype: npt.DTypeLike) -> None:
    images = image_set(grey(), np.array([1, 0, 1, 0], dtype=dtype), name="toy")
    assert images.labels.dtype == np.int64
    assert images.labels.tolist() == [1, 0, 1, 0]
    assert images.class_names == ("0", "1")


@pytest.mark.parametrize("dtype", [np.str_, object, "S5"])
def test_strings_are_numbered_in_sorted_order(dtype: npt.DTypeLike) -> None:
    images = image_set(grey(), np.array(["dog", "cat", "cat", "dog"], dtype=dtype), name="toy")
    assert images.labels.tolist() == [1, 0, 0, 1]
    assert images.class_names == ("cat", "dog")


def test_strings_of_digits_are_names_not_numbers() -> None:
    images = image_set(grey(), ["10", "2", "10", "2"], name="toy")
    assert images.labels.tolist() == [0, 1, 0, 1]
    assert images.class_names == ("10", "2")


def test_strings_are_looked_up_in_given_names() -> None:
    names = ["dog", "bird", "cat"]
    images = image_set(grey(), ["cat", "dog", "cat", "dog"], class_names=names, name="toy", min_per_class=0)
    assert images.labels.tolist() == [2, 0, 2, 0]
    assert images.class_names == ("dog", "bird", "cat")
    assert images.counts.tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 0], r"labels of 'toy' must be as many as its images, but they were 3 for 4 images"),
        ([], r"must have shape \(n,\)"),
        ([[0], [1], [0], [1]], r"must have shape \(n,\) .* not one-hot rows"),
        ([0.5, 1, 0, 1], r"must be whole numbers"),
        ([np.nan, 1, 0, 1], r"must be whole numbers"),
        ([np.inf, 1, 0, 1], r"must lie in 0\.\.2 without a gap"),
        ([True, False, True, False], r"must be integers or strings, but they were bool"),
        ([0, None, 1, 0], r"must be integers or strings, but they were object"),
        ([-1, 0, -1, 0], r"must lie in 0\.\.1 without a gap, but they were -1\.\.0;"),
        ([1, 2, 1, 2], r"must lie in 0\.\.1 .* were 1\.\.2 with no image of class 0; number"),
        ([0, 2, 0, 2], r"with no image of class 1"),
        ([0, 2**63, 0, 2**63], r"without a gap"),
        ([0, 0, 0, 0], r"'toy' must have at least 2 classes, but it had 1"),
        ([0, 1, 0, 0], r"every class of 'toy' must have at least 2 images, but class '1' had 1"),
        ([[0], [1, 2], [0], [1]], r"must be one array"),
    ],
)
def test_unusable_labels_are_refused(labels: npt.ArrayLike, message: str) -> None:
    with pytest.raises(DataError, match=message):
        image_set(grey(), labels, name="toy")


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1, 2, 1], ["a", "b"], r"must lie in 0\.\.1 without a gap, but they were 0\.\.2;"),
        ([0, 1, 0, 1], ["a", "a"], r"class names of 'toy' must be distinct strings"),
        ([0, 1, 0, 1], "ab", r"class names of 'toy' must be distinct strings"),
        ([0, 1, 0, 1], [0, 1], r"class names of 'toy' must be distinct strings"),
        ([0, 1, 0, 1], ["a", "b", "c"], r"at least 2 images, but class 'c' had 0"),
        (["a", "b", "z", "a"], ["a", "b"], r"must be class names \(a, b\), but 'z' was among them"),
    ],
)
def test_class_names_that_do_not_fit_are_refused(
    labels: npt.ArrayLike, names: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        image_set(grey(), labels, class_names=names, name="toy")


def test_numpy_class_names_become_plain_strings() -> None:
    images = image_set(grey(), LABELS, class_names=np.array(["a", "b"]).tolist(), name="toy")
    assert images.class_names == ("a", "b")
    assert all(type(name) is str for name in images.class_names)


def test_counts_and_majority_share() -> None:
    images = image_set(np.zeros((5, 2, 2)), [0, 1, 0, 1, 0], name="toy")
    assert images.counts.tolist() == [3, 2]
    assert images.majority_share == pytest.approx(0.6)


def test_take_keeps_order_names_and_digest_of_equal_content() -> None:
    images = image_set(grey(), LABELS, class_names=["a", "b"], name="toy")
    taken = images.take([3, 0])
    assert taken.labels.tolist() == [1, 0]
    assert taken.class_names == ("a", "b")
    np.testing.assert_array_equal(taken.images, images.images[[3, 0]])
    assert images.take(range(4)).digest == images.digest
    with pytest.raises(IndexError, match="out of bounds"):
        images.take([4])


def test_digest_depends_on_every_part_but_the_name() -> None:
    pixels = np.zeros((4, 2, 3), dtype=np.uint8)
    images = image_set(pixels, LABELS, class_names=["a", "b"], name="toy")
    brighter = pixels.copy()
    brighter[3, 1, 2] = 1
    others = [
        image_set(brighter, LABELS, class_names=["a", "b"], name="toy"),
        image_set(pixels.reshape(4, 3, 2), LABELS, class_names=["a", "b"], name="toy"),
        image_set(pixels, [0, 0, 1, 1], class_names=["a", "b"], name="toy"),
        image_set(pixels, LABELS, class_names=["a", "c"], name="toy"),
    ]
    assert len({images.digest, *(other.digest for other in others)}) == 5
    assert replace(images, name="other").digest == images.digest


def test_digest_is_the_same_as_ever() -> None:
    """Results are reused by this digest, so a change of its recipe must be deliberate."""
    assert image_set(grey(), LABELS, name="toy").digest == (
        "ac0552bafe0d73fd231bcd0c2fa3318100ab71bcb524de696ce8106cbe3d99ba"
    )


def test_image_sets_pickle_with_their_digest() -> None:
    images = image_set(grey(), LABELS, name="toy")
    digest = images.digest
    again = pickle.loads(pickle.dumps(images))
    assert again.digest == digest
    np.testing.assert_array_equal(again.images, images.images)


def test_image_sets_are_frozen_and_print_a_summary() -> None:
    images = image_set(grey(), LABELS, name="toy")
    assert repr(images) == "ImageSet('toy': 4 images of 1x5x6, 2 classes)"
    with pytest.raises(FrozenInstanceError, match="name"):
        images.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((4, 1, 2, 2)), np.zeros(4, dtype=np.int64)),
        (np.zeros((4, 2, 2), dtype=np.uint8), np.zeros(4, dtype=np.int64)),
        (np.zeros((4, 1, 2, 2), dtype=np.uint8), np.zeros(4, dtype=np.int32)),
        (np.zeros((4, 1, 2, 2), dtype=np.uint8), np.zeros(3, dtype=np.int64)),
        (
            np.zeros((4, 2, 2, 1), dtype=np.uint8).transpose(0, 3, 2, 1)[..., ::-1],
            np.zeros(4, dtype=np.int64),
        ),
    ],
)
def test_an_image_set_made_by_hand_must_hold_the_right_arrays(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]
) -> None:
    with pytest.raises(DataError, match="ImageSet 'toy' must hold contiguous uint8 images"):
        ImageSet(images, labels, ("a", "b"), "toy")


def test_an_image_set_made_by_hand_must_hold_labels_of_its_classes() -> None:
    pixels = np.zeros((2, 1, 2, 2), dtype=np.uint8)
    with pytest.raises(DataError, match=r"labels of ImageSet 'toy' must lie in 0\.\.1, but they were 0\.\.2"):
        ImageSet(pixels, np.array([0, 2]), ("a", "b"), "toy")


def test_only_train_and_test_are_splits() -> None:
    assert images_needed("train") == 2
    assert images_needed("test") == 0
    with pytest.raises(DataError, match="split must be 'train' or 'test', but it was 'validation'"):
        images_needed("validation")


def test_the_package_needs_no_torch() -> None:
    code = "import sys, evocnn.training.data; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
