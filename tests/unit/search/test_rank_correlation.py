"""Rank correlation among candidates of about equal size."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from evocnn.search.rank_correlation import RankCorrelation, correlation_within_sizes

SMALL = st.integers(0, 4).map(float)


def of(rows: list[tuple[float, float, float]]) -> RankCorrelation:
    """Return the correlation of rows of score, accuracy and size."""
    scores, accuracies, sizes = np.array(rows, dtype=float).reshape(-1, 3).T
    return correlation_within_sizes(scores, accuracies, np.log(sizes))


@given(st.lists(st.tuples(SMALL, SMALL, st.sampled_from([100.0, 140.0, 160.0, 900.0])), max_size=9))
def test_it_is_agreements_less_disagreements_of_pairs_alike_in_size(
    rows: list[tuple[float, float, float]],
) -> None:
    signs = []
    for (score, accuracy, size), (score_2, accuracy_2, size_2) in combinations(rows, 2):
        if max(size, size_2) / min(size, size_2) <= 1.5 and score != score_2 and accuracy != accuracy_2:
            signs.append(1 if (score > score_2) == (accuracy > accuracy_2) else -1)
    assert of(rows) == (pytest.approx(sum(signs) / max(1, len(signs))), len(signs))


def test_without_ties_and_among_equals_it_is_kendalls_tau() -> None:
    scores, accuracies = np.random.default_rng(0).random((2, 12))
    found = correlation_within_sizes(scores, accuracies, np.zeros(12))
    assert found == (pytest.approx(kendalltau(scores, accuracies).statistic), 66)


def test_what_only_follows_size_has_none() -> None:
    rng = np.random.default_rng(1)
    log_sizes = rng.uniform(4, 11, 400)
    accuracies = log_sizes + rng.normal(0, 0.5, 400)
    assert kendalltau(log_sizes, accuracies).statistic > 0.8
    # What is left is the trend within a factor of 1.5.
    assert correlation_within_sizes(log_sizes + rng.normal(0, 0.5, 400), accuracies, log_sizes).value < 0.1


def test_infinite_scores_are_alike() -> None:
    low = -np.inf
    assert of([(low, 0.1, 100), (low, 0.9, 100)]) == (0, 0)
    assert of([(low, 0.1, 100), (3.0, 0.9, 100)]) == (1, 1)


def test_nothing_has_no_correlation() -> None:
    assert of([]) == (0, 0)
