"""The rank test of Mann and Whitney, with an effect size, and Holm's correction for several tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, erfc, sqrt

import numpy as np

MOST_EXACT = 100  # values of both samples together; beyond, the normal approximation


@dataclass(frozen=True)
class RankTest:
    """What two samples say of each other.

    Attributes:
        p: Probability of ranks as uneven, either way, if both samples came from one distribution.
        superiority: Probability that a value of the first is above one of the second, ties counted half.
    """

    p: float
    superiority: float


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> RankTest:
    """Compare two independent samples, two-sided: exactly, with ties, up to MOST_EXACT values.

    Args:
        first: At least one value.
        second: At least one value.

    Mann and Whitney (1947), "On a Test of Whether One of Two Random Variables is Stochastically Larger
    than the Other"; with ties the distribution is that of the ranks as they are (permutation test).
    """
    n_first, n_second = len(first), len(second)
    pooled = np.array([*first, *second])
    _, inverse, n_tied = np.unique(pooled, return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(n_tied) - n_tied + 1)[inverse]  # twice the mid-ranks: whole numbers
    u = doubled[:n_first].sum() / 2 - n_first * (n_first + 1) / 2
    mean = n_first * n_second / 2
    if len(pooled) <= MOST_EXACT:
        p = _exact(doubled, n_first)
    else:
        n = len(pooled)
        tied = (n_tied**3 - n_tied).sum() / (n * (n - 1))
        deviation = sqrt(n_first * n_second / 12 * (n + 1 - tied))
        p = erfc(max(0.0, abs(u - mean) - 0.5) / deviation / sqrt(2)) if deviation else 1.0
    return RankTest(min(1.0, float(p)), float(u / (n_first * n_second)))


def _exact(ranks: np.ndarray, n_first: int) -> float:
    """Return the share of all choices of `n_first` ranks whose sum lies as far from the mean."""
    total = int(ranks.sum())
    ways = np.zeros((n_first + 1, total + 1))  # by number of ranks chosen and their sum
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    n = len(ranks)
    distances = np.abs(n * np.arange(total + 1) - n_first * total)  # from the mean, times n
    observed = distances[ranks[:n_first].sum()]
    return float(ways[n_first, distances >= observed].sum() / comb(n, n_first))


def least_p(n_first: int, n_second: int) -> float:
    """Return the least p that samples of these sizes can give: all of one above all of the other."""
    return min(1.0, 2 / comb(n_first + n_second, n_first))


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """Return p-values corrected for their number, in the same order.

    Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    corrected = [0.0] * len(ps)
    highest = 0.0
    for position, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        highest = max(highest, min(1.0, (len(ps) - position) * ps[index]))
        corrected[index] = highest
    return tuple(corrected)
