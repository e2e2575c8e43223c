"""Non-dominated ranks, crowding, NSGA-II's survivors and the tournament."""

import copy
from collections import Counter
from typing import Any

import numpy as np
import pytest
from deap import tools

from evocnn.evaluation import Fitness, Individual
from evocnn.genotype import Chromosome, Head, Recipe
from evocnn.operators import assign_ranks, dominating, select_nsga2, tournament

GENOME = Chromosome((), Head(), Recipe())
INF = float("inf")


def population(
    values: np.ndarray, weights: tuple[float, ...], violations: np.ndarray | None = None
) -> list[Individual]:
    if violations is None:
        violations = np.zeros(len(values))
    return [
        Individual(ticket, GENOME, Fitness(weights, row, float(violation)))
        for ticket, (row, violation) in enumerate(zip(values.tolist(), violations, strict=True))
    ]


def random_instance(seed: int, *, grid: bool, constrained: bool) -> tuple[list[Individual], int]:
    rng = np.random.default_rng(seed)
    n, n_objectives = int(rng.integers(1, 40)), int(rng.integers(1, 5))
    weights = tuple(rng.choice([-1.0, 1.0, -2.5], n_objectives).tolist())
    shape = (n, n_objectives)
    values = rng.integers(0, 5, shape).astype(float) if grid else rng.random(shape)
    missed = rng.integers(1, 4, n) / 4 if grid else rng.random(n)
    violations = np.where(rng.random(n) < 0.4, missed, 0.0) if constrained else np.zeros(n)
    return population(values, weights, violations), int(rng.integers(1, n + 1))


def deap_copy(individuals: list[Individual]) -> list[Individual]:
    return [Individual(i.ticket, i.genome, copy.deepcopy(i.fitness)) for i in individuals]


def deap_ranks(individuals: list[Individual]) -> dict[int, int]:
    fronts = tools.sortNondominated(deap_copy(individuals), len(individuals))
    return {individual.ticket: rank for rank, front in enumerate(fronts) for individual in front}


@pytest.mark.parametrize("constrained", [False, True])
def test_the_choice_is_deaps(constrained: bool) -> None:
    """Holds where it is determined: where crowding ties at the last place, either may be taken."""
    n_determined = 0
    for seed in range(250):
        individuals, k = random_instance(seed, grid=False, constrained=constrained)
        theirs = tools.selNSGA2(deap_copy(individuals), k)
        ours = select_nsga2(individuals, k)
        assert {i.ticket: i.fitness.rank for i in individuals} == deap_ranks(individuals)
        found = Counter((i.fitness.rank, i.fitness.crowding_dist) for i in ours)
        ranks = {i.ticket: i.fitness.rank for i in individuals}
        assert found == Counter((ranks[i.ticket], i.fitness.crowding_dist) for i in theirs)
        ordered = sorted((i.fitness.rank, -i.fitness.crowding_dist) for i in individuals)
        if k == len(ordered) or ordered[k - 1] != ordered[k]:
            n_determined += 1
            assert {i.ticket for i in ours} == {i.ticket for i in theirs}
    assert n_determined > 150


@pytest.mark.parametrize("constrained", [False, True])
def test_with_ties_ranks_are_deaps_and_the_best_are_taken(constrained: bool) -> None:
    """Among equals DEAP's crowding hangs on the order in which it sorts, so only ranks are compared."""
    for seed in range(150):
        individuals, k = random_instance(seed, grid=True, constrained=constrained)
        theirs = tools.selNSGA2(deap_copy(individuals), k)
        ours = select_nsga2(individuals, k)
        ranks = deap_ranks(individuals)
        assert {i.ticket: i.fitness.rank for i in individuals} == ranks
        assert Counter(ranks[i.ticket] for i in ours) == Counter(ranks[i.ticket] for i in theirs)


def test_with_ties_in_two_objectives_the_choice_has_deaps_values() -> None:
    n_determined = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        values = rng.integers(0, 8, (25, 2)).astype(float)  # equal in one objective on a front: equal in both
        individuals, k = population(values, (1.0, -1.0)), int(rng.integers(1, 25))
        theirs = tools.selNSGA2(deap_copy(individuals), k)
        ours = select_nsga2(individuals, k)
        ordered = sorted((i.fitness.rank, -i.fitness.crowding_dist) for i in individuals)
        if ordered[k - 1] != ordered[k]:
            n_determined += 1
            assert Counter(i.fitness.values for i in ours) == Counter(i.fitness.values for i in theirs)
    assert n_determined > 50


def test_ranks_and_crowding_by_hand() -> None:
    values = np.array([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0], [2.0, 4.0], [5.0, 5.0]])
    individuals = population(values, (-1.0, -1.0))
    assign_ranks(individuals)
    assert [i.fitness.rank for i in individuals] == [0, 0, 0, 1, 2]
    assert [i.fitness.crowding_dist for i in individuals] == [INF, (4 / 4 + 4 / 4) / 2, INF, INF, INF]


def test_an_infeasible_one_comes_after_all_feasible_ones_however_good() -> None:
    values = np.array([[9.0, 9.0], [0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    individuals = population(values, (-1.0, -1.0), np.array([0.0, 0.5, 0.2, 0.2]))
    assert select_nsga2(individuals, 4)[0].ticket == 0
    assert [i.fitness.rank for i in individuals] == [0, 2, 1, 1]


def test_the_size_of_a_weight_does_not_matter_but_its_sign_does() -> None:
    values = np.random.default_rng(1).random((20, 2))
    choices = [
        {i.ticket for i in select_nsga2(population(values, weights), 7)}
        for weights in ((1.0, -1.0), (0.01, -100.0), (-1.0, 1.0))
    ]
    assert choices[0] == choices[1] != choices[2]


def test_no_more_are_taken_than_there_are() -> None:
    individuals = population(np.array([[1.0], [2.0]]), (1.0,))
    assert [i.ticket for i in select_nsga2(individuals, 5)] == [1, 0]
    assert select_nsga2(individuals, 0) == []
    assert select_nsga2([], 3) == []


class Rigged:
    def __init__(self, *pair: int) -> None:
        self.pair = pair

    def integers(self, n: int, size: int) -> np.ndarray:
        assert max(self.pair) < n
        assert size == 2
        return np.array(self.pair)


@pytest.mark.parametrize(
    ("pair", "winner"),
    [
        ((0, 1), 0),  # of rank 0 and of rank 1
        ((1, 0), 0),
        ((2, 3), 3),  # of equal rank: the one with more room
        ((3, 2), 3),
        ((1, 1), 1),
    ],
)
def test_a_tournament_is_won_by_rank_and_then_by_crowding(pair: tuple[int, int], winner: int) -> None:
    individuals: list[Any] = population(np.zeros((4, 1)), (1.0,))
    for individual, rank, distance in zip(individuals, (0, 1, 2, 2), (0.1, INF, 0.1, 0.2), strict=True):
        individual.fitness.rank, individual.fitness.crowding_dist = rank, distance
    assert tournament(individuals, Rigged(*pair)).ticket == winner  # type: ignore[arg-type]


def test_every_individual_may_enter_a_tournament() -> None:
    # Of three equals, the first drawn wins: each with odds of a third, so none is missed in 200 draws
    # but with odds below 10^-34.
    individuals = population(np.zeros((3, 1)), (1.0,))
    rng = np.random.default_rng(2)
    assert {tournament(individuals, rng).ticket for _ in range(200)} == {0, 1, 2}


@pytest.mark.parametrize(
    ("values", "distances", "violations", "winner"),
    [
        (((1, 1), (2, 2)), (INF, 0.1), (0, 0), 1),  # the second dominates
        (((2, 2), (1, 1)), (0.1, INF), (0, 0), 0),
        (((1, 2), (2, 1)), (0.1, 0.2), (0, 0), 1),  # neither does: the one with more room, whatever the ranks
        (((1, 2), (2, 1)), (0.2, 0.1), (0, 0), 0),
        (((2, 2), (1, 1)), (INF, 0.1), (1, 0), 1),  # the first breaks a constraint
    ],
)
def test_a_competition_without_ranks_is_won_by_domination_and_then_by_crowding(
    values: Any, distances: Any, violations: Any, winner: int
) -> None:
    pair: list[Any] = population(np.array(values), (1.0, 1.0))
    for individual, rank, distance, violation in zip(pair, (0, 7), distances, violations, strict=True):
        individual.fitness.rank, individual.fitness.crowding_dist = rank, distance
        individual.fitness.violation = violation
    assert dominating(*pair) is pair[winner]
