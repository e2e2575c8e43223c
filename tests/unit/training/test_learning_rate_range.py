"""The range test: bounds of losses whose course is known, and of networks on digits."""

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from math import exp, inf, log, nan

import numpy as np
import pytest
import torch

from evocnn.genotype import Chromosome, Conv, Pool
from evocnn.training import learning_rate_range as module
from evocnn.training.data import ImageSet, load
from evocnn.training.images import resident
from evocnn.training.learning_rate_range import (
    HIGHEST,
    LOWEST,
    LearningRateRange,
    learning_rate_ranges,
    median_range,
    rising,
)

STEP = (HIGHEST / LOWEST) ** (1 / 199)  # ratio of two rates that follow each other
SMALL = Chromosome.parse("conv4k3 · pool | gap | sgd lr=.05 batch=32", (Conv, Pool))


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load("digits", "train").take(np.arange(200))


def noisy_quadratic(curvature: float, seed: int) -> Callable[[float], float]:
    """Return gradient descent on `curvature * x^2 / 2` with gradients that are a little off."""
    rng, x = np.random.default_rng(seed), 1.0

    def step(rate: float) -> float:
        nonlocal x
        loss = curvature * x**2 / 2
        x -= rate * curvature * (x + 0.01 * float(rng.standard_normal()))
        return loss

    return step


def falling(begin: float, end: float) -> Callable[[float], float]:
    """Return a loss that falls from 2 to 1 between two rates, evenly on a log scale, and rises behind."""

    def step(rate: float) -> float:
        share = log(rate / begin) / log(end / begin)
        return 2 - min(max(share, 0), 1) if share < 1 else exp(4 * (share - 1))

    return step


@pytest.mark.parametrize("curvature", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_upper_bound_is_about_where_gradient_descent_becomes_unstable(
    curvature: float, seed: int
) -> None:
    found = rising(noisy_quadratic(curvature, seed))
    limit = 2 / curvature  # x is multiplied by 1 - rate * curvature
    assert found.high is not None
    assert found.low is not None
    assert limit / 2 < found.high < limit
    assert limit / 1000 < found.low < limit / 100


@pytest.mark.parametrize(("begin", "end"), [(1e-4, 1e-2), (1e-3, 1.0)])
def test_the_bounds_are_where_a_tenth_of_the_fall_is_done_and_where_it_ends(begin: float, end: float) -> None:
    found = rising(falling(begin, end))
    assert found.low is not None
    assert begin < found.low < begin * (end / begin) ** 0.1 * STEP
    assert found.high is not None
    assert end / 2.2 < found.high < end * STEP  # the average turns at once where the loss does


@pytest.mark.parametrize(("relapse", "highest"), [(2.0, 1e-2), (1.2, 10.0)])
def test_what_is_learned_after_training_was_lost_does_not_count(relapse: float, highest: float) -> None:
    def step(rate: float) -> float:
        if 1e-3 < rate < 1e-2:
            return 1.0
        return 2.0 if rate < 1e-3 else relapse if rate < 0.1 else 0.9

    found = rising(step)
    assert found.high is not None
    assert highest / 10 < found.high < highest * STEP


def test_rates_rise_in_equal_ratios_over_seven_decades() -> None:
    asked: list[float] = []

    def step(rate: float) -> float:
        asked.append(rate)
        return 1.0

    found = rising(step)
    assert list(found.rates) == asked
    assert len(asked) == 200
    assert (asked[0], asked[-1]) == pytest.approx((1e-6, 10.0))
    assert all(after / before == pytest.approx(STEP) for before, after in pairwise(asked))
    assert found.averages == pytest.approx([1.0] * 191)  # unbiased from the first


def test_a_loss_that_falls_too_little_has_no_bounds() -> None:
    found = rising(lambda rate: 2.0 - 0.09 * (rate > 1e-3))
    assert (found.low, found.high) == (None, None)
    assert rising(lambda rate: 2.0 - 0.11 * (rate > 1e-3)).low is not None


@pytest.mark.parametrize("end", [nan, inf, 100.0])
def test_it_ends_where_the_loss_is_no_number_or_far_too_large(end: float) -> None:
    n_asked = 0

    def step(rate: float) -> float:
        nonlocal n_asked
        n_asked += 1
        return end if rate > 0.1 else 2.0 if rate < 1e-3 else 1.0

    found = rising(step)
    n_good = sum(LOWEST * STEP**n <= 0.1 for n in range(200))
    assert n_asked == n_good + 1
    assert (len(found.losses), max(found.losses)) == (n_good, 2.0)
    assert found.high is not None
    assert found.high < 0.1


def test_a_loss_that_is_no_number_from_the_start_has_no_bounds() -> None:
    assert rising(lambda rate: inf) == LearningRateRange((), (), (), None, None)


def test_the_median_leaves_out_what_has_no_bounds() -> None:
    def ranged(low: float | None, high: float | None) -> LearningRateRange:
        return LearningRateRange((), (), (), low, high)

    found = [ranged(1e-3, 0.1), ranged(None, None), ranged(1e-5, 1.0), ranged(1e-4, 10.0)]
    assert median_range(found) == pytest.approx((1e-4, 1.0))
    assert median_range(found[:3]) == pytest.approx((1e-4, 10**-0.5))
    assert median_range(found[1:2]) is None


def test_every_batch_is_full_and_every_image_comes_once_a_pass(digits: ImageSet) -> None:
    images = resident(digits, torch.device("cpu"))
    with torch.random.fork_rng():
        batches = [index.tolist() for index in islice(module._batches(images, 50, 1), 8)]
        left_over = [index.tolist() for index in islice(module._batches(images, 150, 1), 3)]
        few = next(module._batches(images, 500, 1))
    passes = [sorted(sum(batches[:4], [])), sorted(sum(batches[4:], []))]  # noqa: RUF017 - two short lists
    assert passes == [list(range(200))] * 2
    assert batches[0] != batches[4]
    assert [len(set(index)) for index in left_over] == [150] * 3
    assert sorted(few.tolist()) == list(range(200))


def test_a_range_follows_from_seed_and_chromosome_alone(digits: ImageSet) -> None:
    def ranges(*chromosomes: Chromosome, seed: int = 1) -> Iterator[LearningRateRange]:
        return learning_rate_ranges(chromosomes, digits, pool_order="early", seed=seed)

    other = Chromosome.parse("conv4k3 · pool | gap | adamw lr=.05 batch=32", (Conv, Pool))
    torch.manual_seed(5)
    before, n_threads = torch.get_rng_state(), torch.get_num_threads()
    first, second = ranges(SMALL, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == n_threads
    assert next(ranges(other)) == second != first
    assert next(ranges(SMALL, seed=2)).losses != first.losses
    assert first.losses[0] == pytest.approx(log(10), rel=0.1)
    for found in first, second:
        assert found.low is not None
        assert found.high is not None
        assert 1e-4 < found.low < 0.1 < found.high


def test_the_recipe_is_trained_as_it_is(digits: ImageSet) -> None:
    texts = ["sgd lr=.05", "sgd lr=.9 step epochs=7", "sgd lr=.05 smoothing=.5 batch=10"]
    chromosomes = [Chromosome.parse(f"pool > conv4k3 | gap | {text}", (Conv, Pool)) for text in texts]
    same_key = "0" * 32
    for chromosome in chromosomes:
        vars(chromosome)["key"] = same_key  # so that all draw the same
    found = list(learning_rate_ranges(chromosomes, digits, pool_order="early", seed=1))
    assert found[0] == found[1]  # neither its learning rate nor its schedule
    assert found[0].losses != found[2].losses
