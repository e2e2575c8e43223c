"""Selection by reference points and by weighted sums."""

import numpy as np
import pytest

from evocnn.evaluation import Fitness, Individual
from evocnn.operators import reference_points, select_nsga3, select_weighted_sum


def individuals(losses: list[tuple[float, ...]], violations: list[float] | None = None) -> list[Individual]:
    """Return individuals with ticket numbers as genomes; all objectives are minimized."""
    violations = violations or [0.0] * len(losses)
    weights = (-1.0,) * len(losses[0])
    return [
        Individual(i, None, Fitness(weights, values, violation))  # type: ignore[arg-type]
        for i, (values, violation) in enumerate(zip(losses, violations, strict=True))
    ]


def tickets(found: list[Individual]) -> list[int]:
    return [individual.ticket for individual in found]


@pytest.mark.parametrize(
    ("n_objectives", "most", "n_points"), [(1, 20, 1), (2, 20, 20), (3, 92, 91), (3, 2, 3)]
)
def test_reference_points_are_as_many_as_there_is_room_for(
    n_objectives: int, most: int, n_points: int
) -> None:
    points = reference_points(n_objectives, most)
    assert points.shape == (n_points, n_objectives)
    assert len(np.unique(points, axis=0)) == n_points
    np.testing.assert_allclose(points.sum(axis=1), 1)


def test_every_reference_line_gets_its_nearest_before_any_gets_a_second() -> None:
    """Of a crowd near each of three lines, one each, though the losses' units differ a thousandfold."""
    crowds = [(0.0, 1.0), (0.01, 0.97), (0.02, 0.96), (0.5, 0.5), (0.53, 0.49), (1.0, 0.0)]
    found = select_nsga3(individuals([(a, 1000 * b) for a, b in crowds]), 3, reference_points(2, 3))
    assert sorted(tickets(found)) == [0, 3, 5]


def test_a_line_with_a_member_of_a_better_front_waits_for_the_others() -> None:
    """The first front stays whole; of the second, the middle is what it lacks."""
    front = [(0.0, 0.9), (0.9, 0.0)]
    second = [(0.1, 1.0), (0.6, 0.6), (1.0, 0.1)]
    assert tickets(select_nsga3(individuals(front + second), 3, reference_points(2, 3))) == [0, 1, 3]


def test_the_infeasible_come_last_by_violation_and_lose_tournaments() -> None:
    pool = individuals([(0, 0), (5, 5), (1, 1), (4, 6)], [0.5, 0, 0.1, 0])
    assert tickets(select_nsga3(pool, 3, reference_points(2, 3))) == [1, 3, 2]
    assert [individual.fitness.rank for individual in pool] == [2, 0, 1, 0]


@pytest.mark.parametrize("losses", [[(1.0, 1.0)] * 4, [(1.0, 2.0), (1.0, 2.0), (1.0, 2.0)], [(1.0,), (1.0,)]])
def test_fronts_without_extent_are_selected_from(losses: list[tuple[float, ...]]) -> None:
    """Nothing is divided by zero."""
    with np.errstate(all="raise"):
        found = select_nsga3(individuals(losses), len(losses) - 1, reference_points(len(losses[0]), 5))
    assert len(found) == len(losses) - 1


def test_weighted_sums_count_each_objective_by_its_weight() -> None:
    def accuracy_and_size(accuracy: float, size: float, violation: float = 0.0) -> Fitness:
        return Fitness((1.0, -0.1), (accuracy, size), violation)

    fitnesses = [accuracy_and_size(0.9, 5), accuracy_and_size(0.85, 4), accuracy_and_size(0.99, 1, 0.1)]
    pool = [Individual(i, None, fitness) for i, fitness in enumerate(fitnesses)]  # type: ignore[arg-type]
    assert tickets(select_weighted_sum(pool, 2)) == [1, 0]  # 0.45, 0.40, and one below its floor
    assert [individual.fitness.rank for individual in pool] == [1, 0, 2]
