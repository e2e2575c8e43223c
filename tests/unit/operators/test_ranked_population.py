"""A population that stays ranked: the same as ranking everything anew, to the bit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evocnn.evaluation import Fitness, Individual
from evocnn.operators import RankedPopulation, select_nsga2

WEIGHTS = (1.0, -2.0, 0.5, -1.0)


def individual(ticket: int, values: Any, violation: float = 0.0, key: str = "") -> Individual:
    genome: Any = SimpleNamespace(key=key or str(ticket))
    return Individual(ticket, genome, Fitness(WEIGHTS[: len(values)], values, violation))


def described(individuals: list[Individual]) -> list[tuple[int, int, str]]:
    """Return tickets, ranks and the bits of the crowding distances, in order."""
    return [(i.ticket, i.fitness.rank, float(i.fitness.crowding_dist).hex()) for i in individuals]


def assert_same_as_ranking_anew(rows: np.ndarray, violations: np.ndarray, size: int) -> None:
    """Add one by one, to both forms."""
    population = RankedPopulation(size, rows.shape[1])
    plain: list[Individual] = []
    for ticket, (row, violation) in enumerate(zip(rows.tolist(), violations.tolist(), strict=True)):
        plain = select_nsga2([*plain, individual(ticket, row, violation)], size)
        is_kept = population.add(individual(ticket, row, violation))
        assert described(population.individuals) == described(plain)
        assert is_kept == (ticket in {one.ticket for one in plain})
        assert population.front == [one for one in population.individuals if one.fitness.rank == 0]


@given(st.data())
@settings(max_examples=80)
def test_it_keeps_what_ranking_anew_keeps(data: st.DataObject) -> None:
    n_objectives, n, size = data.draw(
        st.tuples(st.integers(1, 4), st.integers(1, 24), st.integers(1, 12)), label="objectives, n, size"
    )
    value = data.draw(
        st.sampled_from([st.integers(0, 3).map(float), st.integers(-(10**6), 10**6).map(lambda n: n / 1e3)])
    )
    row = st.lists(value, min_size=n_objectives, max_size=n_objectives)
    rows = data.draw(st.lists(row, min_size=n, max_size=n))
    violations = data.draw(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.7]), min_size=n, max_size=n))
    assert_same_as_ranking_anew(np.array(rows), np.array(violations), size)


@pytest.mark.parametrize("n_objectives", [2, 3])
@pytest.mark.parametrize("n_steps", [4, 15, 10**6])  # ties and duplicates, some, none
@pytest.mark.parametrize("share_infeasible", [0.0, 0.3])
def test_large_populations_of_many_fronts_are_the_same(
    n_objectives: int, n_steps: int, share_infeasible: float
) -> None:
    rng = np.random.default_rng(n_steps + n_objectives)
    rows = rng.integers(0, n_steps, (200, n_objectives)) / n_steps
    violations = np.where(rng.random(200) < share_infeasible, rng.integers(1, 5, 200) / 4, 0.0)
    assert_same_as_ranking_anew(rows, violations, 60)


def test_a_newcomer_ahead_of_a_chain_pushes_all_of_it_back() -> None:
    population = RankedPopulation(9, 2)
    for ticket, level in enumerate((1, 2, 3)):
        population.add(individual(ticket, (-level, level)))
    aside = individual(3, (-4, 0.5))  # dominated by none
    population.add(aside)
    population.add(individual(4, (0, 0.9)))
    assert {one.ticket: one.fitness.rank for one in population.individuals} == {4: 0, 3: 0, 0: 1, 1: 2, 2: 3}


def test_a_known_genome_is_left_out_until_its_individual_has_left() -> None:
    population = RankedPopulation(1, 1)
    assert population.add(individual(0, (1,), key="a"))
    assert not population.add(individual(1, (2,), key="a"))
    assert population.add(individual(2, (3,), key="b"))  # "a" leaves
    assert population.add(individual(3, (4,), key="a"))
    assert not population.add(individual(4, (0,), key="b"))
    assert described(population.individuals) == [(3, 0, "inf")]


def test_after_dropping_all_but_the_front_it_goes_on_from_there() -> None:
    rng = np.random.default_rng(7)
    rows = rng.integers(0, 9, (40, 2)).tolist()
    population, plain = RankedPopulation(10, 2), []
    for ticket, row in enumerate(rows):
        if ticket % 15 == 14:
            population.keep_front(most=3)
            plain = [one for one in plain if one.fitness.rank == 0][:3]
            assert described(population.individuals) == described(plain)
        plain = select_nsga2([*plain, individual(ticket, row)], 10)
        population.add(individual(ticket, row))
        assert described(population.individuals) == described(plain)
    assert population.add(individual(99, (1000, -1000), key="0"))  # the genome of one dropped long ago
