"""The rank test against enumerations and SciPy; Holm's correction by hand."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from evocnn.report.rank_test import MOST_EXACT, holm, least_p, mann_whitney


def enumerated(first: list[float], second: list[float]) -> float:
    """Return the share of all divisions of the values whose rank sum lies as far from its mean."""
    pooled = np.array([*first, *second])
    ranks = np.array([(pooled < value).sum() + ((pooled == value).sum() + 1) / 2 for value in pooled])
    n = len(first)
    mean = n * (len(pooled) + 1) / 2
    observed = abs(ranks[:n].sum() - mean)
    sums = [ranks[list(chosen)].sum() for chosen in combinations(range(len(pooled)), n)]
    return float(np.mean([abs(total - mean) >= observed - 1e-9 for total in sums]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1, 2, 3], [4, 5, 6, 7]),
        ([1, 5, 5, 5], [2, 5, 9]),
        ([0.5, 0.5, 0.7], [0.5, 0.9, 0.9, 0.9, 1.0]),
        ([3], [1, 2]),
        ([1, 1, 2, 8], [8, 8, 8, 9]),
    ],
)
def test_p_is_that_of_all_divisions_ties_included(first: list[float], second: list[float]) -> None:
    assert mann_whitney(first, second).p == pytest.approx(enumerated(first, second))
    assert mann_whitney(second, first).p == pytest.approx(enumerated(first, second))


@pytest.mark.parametrize(("n_first", "n_second"), [(4, 5), (30, 30), (50, 50)])
def test_without_ties_it_is_the_exact_test_of_scipy(n_first: int, n_second: int) -> None:
    rng = np.random.default_rng(n_first)
    first, second = list(rng.normal(0.4, 1, n_first)), list(rng.normal(size=n_second))
    expected = mannwhitneyu(first, second, method="exact")
    found = mann_whitney(first, second)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.superiority == pytest.approx(expected.statistic / (n_first * n_second))


def test_many_values_take_the_normal_approximation_with_ties() -> None:
    rng = np.random.default_rng(1)
    first, second = [list(rng.integers(low, low + 9, MOST_EXACT)) for low in (0, 1)]
    expected = mannwhitneyu(first, second, method="asymptotic")
    found = mann_whitney(first, second)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.superiority == pytest.approx(expected.statistic / len(first) ** 2)
    assert mann_whitney([1] * MOST_EXACT, [1] * 9).p == 1


def test_superiority_counts_ties_half() -> None:
    assert mann_whitney([1, 2], [0, 2]).superiority == (1 + 0 + 1 + 0.5) / 4
    assert mann_whitney([1, 1], [1, 1]).superiority == 0.5


@pytest.mark.parametrize(
    ("n_first", "n_second", "p"), [(3, 3, 0.1), (4, 4, 2 / 70), (3, 4, 2 / 35), (1, 1, 1)]
)
def test_the_least_p_is_that_of_samples_apart(n_first: int, n_second: int, p: float) -> None:
    assert least_p(n_first, n_second) == pytest.approx(p)
    apart = mann_whitney(list(range(n_first)), list(range(9, 9 + n_second)))
    assert apart.p == pytest.approx(p)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,)
    assert holm([]) == ()
