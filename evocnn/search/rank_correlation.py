"""Rank correlation of two figures among candidates of about equal size."""

from math import log
from typing import NamedTuple

import numpy as np

SAME_SIZE = log(1.5)  # the greatest difference of the logarithms of two sizes that count as equal


class RankCorrelation(NamedTuple):
    """A rank correlation and what it rests on.

    Attributes:
        value: From -1 to 1; 0 where there is no pair.
        n_pairs: Pairs of candidates that were compared.
    """

    value: float
    n_pairs: int


def correlation_within_sizes(
    scores: np.ndarray, accuracies: np.ndarray, log_sizes: np.ndarray
) -> RankCorrelation:
    """Return the rank correlation of scores and accuracies among candidates of about equal size.

    Of the pairs of candidates whose sizes differ by at most a factor of 1.5, and that differ in score
    and in accuracy: the share in which one has more of both, less the share in which it has more of
    one. That is Goodman and Kruskal's gamma (1954) of pairs that are alike in a third figure (Davis
    1967, "A Partial Coefficient for Goodman and Kruskal's Gamma"), alike within a tolerance (Quade
    1974, "Nonparametric Partial Correlation"); without ties it is Kendall's tau of those pairs.

    Args:
        scores: Shape `(n,)`; infinite ones are equal.
        accuracies: Shape `(n,)`.
        log_sizes: Natural logarithms of parameter counts, shape `(n,)`.
    """
    first, second = np.triu_indices(len(scores), k=1)
    is_alike = np.abs(log_sizes[first] - log_sizes[second]) <= SAME_SIZE
    first, second = first[is_alike], second[is_alike]
    agreements = _order(scores, first, second) * _order(accuracies, first, second)
    n_pairs = int(np.count_nonzero(agreements))
    return RankCorrelation(float(agreements.sum()) / max(1, n_pairs), n_pairs)


def _order(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return 1 where the first of two values is greater, -1 where the second is, 0 where they are equal."""
    order: np.ndarray = (values[first] > values[second]) * 1 - (values[first] < values[second]) * 1
    return order
