import math
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from deap import base, tools
from hypothesis import given
from hypothesis import strategies as st

from evocnn.evaluation import crowding_distances, hypervolume, knee, nondominated_ranks

Floats = npt.NDArray[np.float64]


class PlainFitness(base.Fitness):
    weights = (-1.0, -1.0, -1.0)


def grids(n_objectives: int, largest: int = 4) -> st.SearchStrategy[Floats]:
    """Points with few values, so that ties and duplicates are common."""
    row = st.lists(st.integers(0, largest), min_size=n_objectives, max_size=n_objectives)
    return st.lists(row, min_size=1, max_size=16).map(lambda rows: np.array(rows, dtype=float))


def dominates(a: Floats, b: Floats, violation_a: float, violation_b: float) -> bool:
    """Deb (2002), definition 1, word for word."""
    if violation_a == 0 and violation_b == 0:
        return bool(np.all(a <= b) and np.any(a < b))
    return violation_a < violation_b


def peeled(losses: Floats, violations: Floats) -> list[int]:
    """Ranks by taking away what nothing left dominates, again and again."""
    ranks = [-1] * len(losses)
    rank = 0
    while -1 in ranks:
        left = [i for i, r in enumerate(ranks) if r < 0]
        front = [
            i
            for i in left
            if not any(dominates(losses[j], losses[i], violations[j], violations[i]) for j in left)
        ]
        for i in front:
            ranks[i] = rank
        rank += 1
    return ranks


@given(grids(2) | grids(3), st.data())
def test_ranks_are_those_of_the_definition(losses: Floats, data: st.DataObject) -> None:
    some = st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.0]), min_size=len(losses), max_size=len(losses))
    violations = np.array(data.draw(some))
    assert nondominated_ranks(losses, violations).tolist() == peeled(losses, violations)


def test_ranks_where_nothing_is_feasible() -> None:
    ranks = nondominated_ranks(np.zeros((3, 2)), np.array([0.5, 0.1, 0.5]))
    assert ranks.tolist() == [1, 0, 1]


@given(grids(3) | grids(3, largest=1000))
def test_crowding_is_that_of_deap(values: Floats) -> None:
    individuals = [SimpleNamespace(fitness=PlainFitness(tuple(row))) for row in values]
    tools.emo.assignCrowdingDist(individuals)
    expected = [individual.fitness.crowding_dist for individual in individuals]
    np.testing.assert_allclose(crowding_distances(values), expected, rtol=1e-12)


def test_crowding_of_a_front_by_hand() -> None:
    values = np.array([[0.0, 10.0], [1.0, 5.0], [4.0, 0.0], [2.0, 4.0]])
    # (2 - 0) / (2 * 4) + (10 - 4) / (2 * 10) and (4 - 1) / (2 * 4) + (5 - 0) / (2 * 10)
    assert crowding_distances(values).tolist() == pytest.approx([math.inf, 0.55, math.inf, 0.625])
    assert crowding_distances(values[:1]).tolist() == [math.inf]


def test_hypervolume_of_one_point_is_its_box() -> None:
    assert hypervolume(np.array([[1.0, 2.0]]), np.array([4.0, 4.0])) == pytest.approx(6.0)
    assert hypervolume(np.array([[1.0, 2.0, 3.0]]), np.array([4.0, 4.0, 4.0])) == pytest.approx(6.0)


@pytest.mark.parametrize("n", [1, 2, 5, 50])
def test_hypervolume_of_a_staircase(n: int) -> None:
    steps = np.arange(1, n + 1) / (n + 1)
    front = np.column_stack([steps, 1 - steps])
    # n rectangles of width 1 / (n + 1) and heights 1 / (n + 1), 2 / (n + 1), ...
    assert hypervolume(front, np.ones(2)) == pytest.approx(n / (2 * (n + 1)))


def test_hypervolume_in_three_dimensions_by_inclusion_and_exclusion() -> None:
    a, b, c = np.array([0.2, 0.5, 0.6]), np.array([0.7, 0.1, 0.3]), np.array([0.4, 0.8, 0.1])
    box = lambda *points: float(np.prod(1 - np.max(points, axis=0)))  # noqa: E731 - the formula's own term
    expected = box(a) + box(b) + box(c) - box(a, b) - box(a, c) - box(b, c) + box(a, b, c)
    assert hypervolume(np.array([a, b, c]), np.ones(3)) == pytest.approx(expected)


def test_hypervolume_ignores_what_is_dominated_or_beyond_the_corner() -> None:
    front = np.array([[0.2, 0.6], [0.6, 0.2]])
    corner = np.ones(2)
    alone = hypervolume(front, corner)
    assert alone == pytest.approx(0.8 * 0.4 + 0.4 * 0.4)
    more = np.array([*front, [0.7, 0.7], [0.6, 0.2], [1.5, 0.0], [0.0, 1.0]])
    assert hypervolume(more, corner) == pytest.approx(alone)


def test_hypervolume_of_an_empty_front_is_zero() -> None:
    assert hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0


def test_the_knee_of_a_bent_front() -> None:
    x = np.array([0.0, 0.05, 0.1, 0.2, 0.5, 1.0])
    front = np.column_stack([x, np.array([1.0, 0.5, 0.1, 0.09, 0.05, 0.0])])
    own = np.zeros(2, dtype=bool)
    assert knee(front, np.array([1.0, 1.0]), own) == 2
    assert knee(front * [1e6, 1.0] + [0.0, 50.0], np.array([1.0, 1.0]), own) == 2  # units do not matter
    assert knee(front, np.array([1.0, -1.0]), own) == 2  # nor signs
    assert knee(front, np.array([100.0, 1.0]), own) == 1  # none of the ends
    assert knee(front, np.array([1.0, 100.0]), own) == 4


def losses(*rows: tuple[float, float, float]) -> Floats:
    """Of accuracy, parameters and generalization gap, as a search compares them."""
    return np.array([(-accuracy, math.log10(parameters), gap) for accuracy, parameters, gap in rows])


LIKE_ACCURACY = np.array([True, False, True])
WORST_FIRST = ((0.8532, 1570, 0.0), (0.9058, 2645, 0.01), (0.9695, 5266, 0.02), (0.975, 20000, 0.02))


def test_the_knee_is_no_end_of_a_front_of_three_objectives() -> None:
    assert knee(losses(*WORST_FIRST), np.ones(3), LIKE_ACCURACY) == 2
    assert knee(losses(*WORST_FIRST), np.array([1.0, 1000.0, 1.0]), LIKE_ACCURACY) == 1


@pytest.mark.parametrize("gap", [0.0, 0.0004])
def test_a_gap_near_zero_makes_no_knee_of_a_poor_network(gap: float) -> None:
    front = losses((0.80, 1500, 0.0), (0.81, 1600, gap), (0.9695, 5266, 0.02), (0.975, 20000, 0.015))
    assert knee(front, np.ones(3), LIKE_ACCURACY) == 2
    assert knee(front, np.ones(3), np.zeros(3, dtype=bool)) == (
        1 if gap else 2
    )  # what the shared unit is for


def test_where_all_are_ends_the_nearest_to_the_best_is_the_knee() -> None:
    front = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.1], [0.9, 0.5, 0.0]])
    assert knee(front, np.ones(3), np.zeros(3, dtype=bool)) == 1


def test_the_knee_of_fronts_without_extent() -> None:
    own = np.zeros(2, dtype=bool)
    assert knee(np.array([[3.0, 4.0]]), np.ones(2), own) == 0
    assert knee(np.array([[3.0, 4.0], [3.0, 4.0]]), np.ones(2), own) == 0
    assert knee(np.array([[3.0, 4.0], [3.0, 4.0]]), np.ones(2), ~own) == 0
