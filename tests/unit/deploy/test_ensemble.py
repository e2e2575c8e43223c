"""The greedy growth of an ensemble, on predictions that nobody trained for."""

from collections.abc import Sequence
from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
import torch

from evocnn.deploy.ensemble import Growth, averaged, best_ensemble, grow_ensemble
from evocnn.deploy.judgement import Probabilities, probabilities
from evocnn.deploy.model import Model
from evocnn.training.data import image_set

LABELS = np.zeros(10, dtype=np.int64)  # class 0 is always right


def sure_of(*right: float) -> Probabilities:
    """Return two-class probabilities, given those of the right class."""
    first = np.array(right)
    return np.stack([first, 1 - first], axis=1)


A = sure_of(*[0.9] * 7, 0.4, 0.4, 0.4)  # 0.7
B = sure_of(*[0.9] * 6, 0.2, 0.9, 0.9, 0.2)  # 0.8, the best alone
C = sure_of(*[0.05] * 6, 0.9, 0.05, 0.05, 0.9)  # 0.2, and right where B is wrong


def members(growth: Sequence[Growth]) -> list[int]:
    return [row.member for row in growth]


def test_it_begins_with_the_best_and_adds_what_helps_most() -> None:
    growth = grow_ensemble([A, B, C], LABELS, 2)
    assert members(growth) == [1, 0]  # A repairs one of B's mistakes, C both, but with harm elsewhere
    assert [row.accuracy for row in growth] == pytest.approx([0.8, 0.9])
    together = (A + B) / 2
    assert growth[1].loss == pytest.approx(-np.log(together[:, 0]).mean())


def test_none_is_taken_twice_and_there_are_no_more_than_are_given() -> None:
    assert sorted(members(grow_ensemble([A, B, C], LABELS, 9))) == [0, 1, 2]
    assert members(grow_ensemble([B], LABELS, 3)) == [0]


def test_ties_go_to_the_lower_loss_then_to_the_earlier() -> None:
    surer = sure_of(*[0.99] * 8, 0.1, 0.1)
    plain = sure_of(*[0.6] * 8, 0.1, 0.1)
    assert members(grow_ensemble([plain, surer, surer], LABELS, 1)) == [1]


def test_a_probability_of_zero_for_the_right_class_is_no_infinite_loss() -> None:
    (row,) = grow_ensemble([sure_of(*[1.0] * 9, 0.0)], LABELS, 1)
    assert row.loss == pytest.approx(-log(1e-12) / 10)


@pytest.mark.parametrize(
    ("accuracies", "chosen"),
    [((0.8, 0.9, 0.85), (0, 1)), ((0.9, 0.9, 0.9), (0,)), ((0.8, 0.85, 0.9), (0, 1, 2)), ((0.8,), (0,))],
)
def test_the_smallest_of_the_most_accurate_is_chosen(accuracies: Any, chosen: tuple[int, ...]) -> None:
    growth = [Growth(number, accuracy, 0.0) for number, accuracy in enumerate(accuracies)]
    assert best_ensemble(growth) == chosen


def test_probabilities_are_averaged(digits_model: Model) -> None:
    torch.manual_seed(1)
    other = replace(digits_model, network=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)))
    images = image_set(np.full((20, 8, 8), 9, np.uint8), np.arange(20) % 10, name="mine")
    mean = (probabilities(digits_model, images) + probabilities(other, images)) / 2
    assert averaged([digits_model, other], images) == pytest.approx(mean)
