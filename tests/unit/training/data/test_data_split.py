import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evocnn.errors import DataError
from evocnn.training.data import ImageSet, image_set, split, training_subset


def numbered(counts: list[int]) -> ImageSet:
    """Images whose pixels spell their index, classes interleaved."""
    n = sum(counts)
    pixels = np.stack([np.arange(n) // 256, np.arange(n) % 256], axis=1).astype(np.uint8)
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return image_set(pixels.reshape(n, 1, 2), labels, name="toy")


def indices(images: ImageSet) -> npt.NDArray[np.int64]:
    """Read the indices back from the pixels."""
    high, low = images.images.reshape(-1, 2).astype(np.int64).T
    return high * 256 + low


counts_strategy = st.lists(st.integers(2, 40), min_size=2, max_size=6)


@given(counts=counts_strategy, validation=st.floats(0.05, 0.95), seed=st.integers(0, 2**63), data=st.data())
def test_a_split_is_disjoint_exact_stratified_and_repeatable(
    counts: list[int], validation: float, seed: int, data: st.DataObject
) -> None:
    images = numbered(counts)
    n_images = data.draw(st.none() | st.integers(2 * len(counts), len(images)))
    n = len(images) if n_images is None else n_images
    n_validation = int(validation * n + 0.5)
    assume(len(counts) <= n_validation <= n - len(counts))

    train, held_out = split(images, validation=validation, seed=seed, n_images=n_images)

    assert len(held_out) == n_validation
    assert len(train) == n - n_validation
    assert len(np.unique(np.concatenate([indices(train), indices(held_out)]))) == n
    for part in (train, held_out):
        assert part.counts.min() >= 1
        assert np.all(np.diff(indices(part)) > 0)
        np.testing.assert_array_equal(part.labels, images.labels[indices(part)])
    again = split(images, validation=validation, seed=seed, n_images=n_images)
    assert (again[0].digest, again[1].digest) == (train.digest, held_out.digest)


def test_shares_follow_the_classes() -> None:
    train, held_out = split(numbered([100, 50, 30]), validation=0.2, seed=1)
    assert held_out.counts.tolist() == [20, 10, 6]
    assert train.counts.tolist() == [80, 40, 24]


def test_a_rare_class_is_on_both_sides() -> None:
    train, held_out = split(numbered([100, 2]), validation=0.1, seed=1)
    assert held_out.counts.tolist() == [9, 1]
    assert train.counts.tolist() == [91, 1]


def test_other_seeds_split_otherwise() -> None:
    images = numbered([30, 30])
    digests = {split(images, validation=0.5, seed=seed)[1].digest for seed in range(20)}
    assert len(digests) == 20


def test_all_images_asked_for_are_all_images() -> None:
    images = numbered([30, 20])
    assert [part.digest for part in split(images, validation=0.3, seed=4, n_images=50)] == [
        part.digest for part in split(images, validation=0.3, seed=4)
    ]


def test_a_subset_keeps_the_proportions() -> None:
    train, held_out = split(numbered([100, 50, 50]), validation=0.25, seed=2, n_images=40)
    assert (train.counts + held_out.counts).tolist() == [20, 10, 10]
    assert len(held_out) == 10


def test_a_split_is_the_same_as_ever() -> None:
    """Runs are repeated by their seed, so a change of how seeds split must be deliberate."""
    _, held_out = split(numbered([12, 8]), validation=0.3, seed=0)
    assert indices(held_out).tolist() == [6, 7, 11, 14, 17, 18]


def test_parts_are_named_after_the_whole() -> None:
    train, held_out = split(numbered([4, 4]), validation=0.5, seed=0)
    assert (train.name, held_out.name) == ("toy, training part", "toy, validation part")


@pytest.mark.parametrize("validation", [0.0, 1.0, -0.2, float("nan")])
def test_a_share_outside_the_open_interval_is_refused(validation: float) -> None:
    with pytest.raises(DataError, match="validation must lie between 0 and 1, but it was"):
        split(numbered([4, 4]), validation=validation, seed=0)


@pytest.mark.parametrize("validation", [0.1, 0.95])
def test_a_share_that_leaves_a_class_out_is_refused(validation: float) -> None:
    with pytest.raises(DataError, match=r"an image on both sides, but it was .* use more images"):
        split(numbered([4, 4, 4]), validation=validation, seed=0)


@pytest.mark.parametrize("n_images", [0, 3, 9])
def test_a_number_of_images_that_is_not_there_is_refused(n_images: int) -> None:
    with pytest.raises(DataError, match=rf"number of images must lie in 4\.\.8 .* but it was {n_images};"):
        split(numbered([4, 4]), validation=0.5, seed=0, n_images=n_images)


def test_a_class_that_cannot_be_split_is_refused() -> None:
    images = numbered([4, 4])
    lonely = images.take([*np.flatnonzero(images.labels == 0), np.flatnonzero(images.labels == 1)[0]])
    with pytest.raises(DataError, match=r"at least 2 images to be split, but class '1' had 1"):
        split(lonely, validation=0.5, seed=0)


@given(counts=counts_strategy, n=st.integers(1, 300), seed=st.integers(0, 2**63))
def test_a_training_subset_is_exact_stratified_and_repeatable(counts: list[int], n: int, seed: int) -> None:
    images = numbered(counts)
    subset = training_subset(images, n, seed)
    n_expected = min(n, len(images))
    assert len(subset) == n_expected
    assert np.all(np.diff(indices(subset)) > 0)
    np.testing.assert_array_equal(subset.labels, images.labels[indices(subset)])
    assert subset.counts.min() >= (1 if n_expected >= len(counts) else 0)
    assert training_subset(images, n, seed).digest == subset.digest


def test_a_training_subset_follows_classes_and_seed() -> None:
    images = numbered([100, 50])
    assert training_subset(images, 30, 0).counts.tolist() == [20, 10]
    assert len({training_subset(images, 30, seed).digest for seed in range(20)}) == 20


def test_a_training_subset_is_not_drawn_like_the_split() -> None:
    images = numbered([40, 40])
    _, held_out = split(images, validation=0.5, seed=0)
    assert training_subset(images, 40, 0).digest != held_out.digest


def test_an_absent_class_stays_absent_from_a_training_subset() -> None:
    images = numbered([10, 10, 10])
    without = images.take(np.flatnonzero(images.labels != 1))
    assert training_subset(without, 6, 0).counts.tolist() == [3, 0, 3]


def test_an_empty_training_subset_is_refused() -> None:
    with pytest.raises(DataError, match="training subset must have at least 1 image, but it was 0"):
        training_subset(numbered([4, 4]), 0, 0)
