"""What is special about each evolutionary algorithm but NSGA-II, and about the options of the latter."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Objective, Objectives, Status
from evocnn.search import (
    NSGA3,
    AgingEvolution,
    Breeding,
    Budget,
    Islands,
    MapElites,
    Rungs,
    SteadyStateNSGA2,
    WeightedSum,
)
from evocnn.store import Journal

SIZE = 6
FULL = Rungs((1.0,))


def rng_of(ticket: int) -> np.random.Generator:
    return np.random.default_rng([ticket, 5])


def ok(ones: float, zeros: float) -> Evaluation:
    return Evaluation(Status.OK, {"ones": ones, "zeros": zeros})


@pytest.fixture
def breeding(toy: Any) -> Breeding:
    return Breeding(toy.BitSpace(n_bits=16), toy.BitVariation(), toy.FIDELITY)


@pytest.mark.parametrize("form", [NSGA3, WeightedSum, AgingEvolution, MapElites, Islands])
def test_each_finds_far_more_of_a_known_front_than_chance(
    toy: Any, new_journal: Callable[[], Journal], form: Any
) -> None:
    """Of 13 of 4096 strings, 300 draws find one on average, twice 300 find ten once in 100,000 times."""
    n_bits = 12
    space = toy.BitSpace(n_bits=n_bits)
    best = {"1" * n + "0" * (n_bits - n) for n in range(n_bits + 1)}
    options = {"widths": {"ones": 1.0}} if form is MapElites else {}

    def n_found(seed: int) -> int:
        breeding = Breeding(space, toy.BitVariation(), toy.FIDELITY)
        algorithm = form(breeding, toy.OBJECTIVES, 20, **options)
        records = toy.search(new_journal(), algorithm, space=space, seed=seed, evaluations=300).records
        return len(best & {record.text for record in records})

    assert n_found(1) + n_found(2) > 9


def test_the_oldest_dies_however_good_it_is(toy: Any, breeding: Breeding) -> None:
    algorithm = AgingEvolution(breeding, toy.OBJECTIVES, SIZE, sample=3)
    for ticket in range(SIZE + 2):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket in range(SIZE + 2):
        failed = Evaluation(Status.DIVERGED)
        algorithm.tell(ticket, failed if ticket == 3 else ok(-ticket, -ticket))
    assert [one.ticket for one in algorithm._alive] == [1, 2, 4, 5, 6, 7]  # 0 was the best of all


def test_aging_mutates_the_best_of_a_sample(toy: Any, breeding: Breeding) -> None:
    algorithm = AgingEvolution(breeding, toy.OBJECTIVES, SIZE, sample=50)
    for ticket in range(SIZE):
        assert algorithm.ask(ticket, rng_of(ticket)).parents == ()
        algorithm.tell(ticket, ok(ticket % 4, ticket % 4))
    candidates = [algorithm.ask(ticket, rng_of(ticket)) for ticket in range(SIZE, 3 * SIZE)]
    assert {candidate.parents for candidate in candidates} == {(3,)}  # one parent, by far the best


def test_a_cell_keeps_its_best_and_cells_do_not_compete(toy: Any, breeding: Breeding) -> None:
    algorithm = MapElites(breeding, toy.OBJECTIVES, SIZE, widths={"zeros": 2.0})
    for ticket, (ones, zeros) in enumerate([(5, 0.5), (7, 1.9), (6, 1.0), (1, 2.0), (0, 6.5)]):
        algorithm.ask(ticket, rng_of(ticket))
        algorithm.tell(ticket, ok(ones, zeros))
    assert {cell: one.ticket for cell, one in algorithm.elites.items()} == {(0,): 1, (1,): 3, (3,): 4}
    parents = {p for t in range(SIZE, 40) for p in algorithm.ask(t, rng_of(t)).parents}
    assert parents == {1, 3, 4}


def test_cells_are_spanned_by_what_the_space_describes(toy: Any, breeding: Breeding) -> None:
    algorithm = MapElites(breeding, toy.OBJECTIVES, SIZE, widths={"bit.0": 1.0})
    texts = {}
    for ticket in range(SIZE):
        texts[ticket] = algorithm.ask(ticket, rng_of(ticket)).request.genome.text
        algorithm.tell(ticket, ok(ticket, 0))
    best = {(int(text[0]),): ticket for ticket, text in texts.items()}  # the later, the better
    assert {cell: one.ticket for cell, one in algorithm.elites.items()} == best


def test_islands_keep_to_themselves_but_for_migrants(toy: Any, breeding: Breeding) -> None:
    algorithm = Islands(breeding, toy.OBJECTIVES, 12, FULL, n_islands=3, migrate_every=30)
    for ticket in range(30):
        candidate = algorithm.ask(ticket, rng_of(ticket))
        assert {parent % 3 for parent in candidate.parents} <= {ticket % 3}
        algorithm.tell(ticket, ok(ticket % 3, ticket % 3) if ticket < 12 else ok(-1, -1))
    algorithm.ask(30, rng_of(30))
    residents = [{one.ticket % 3 for one in island._population.individuals} for island in algorithm._islands]
    # Island 0 takes in one of 2; who leaves for 1 and 2 is worse than the four who live there.
    assert residents == [{0, 2}, {1}, {2}]


def test_a_migrant_is_ranked_on_each_island_by_itself(toy: Any, breeding: Breeding) -> None:
    home = SteadyStateNSGA2(breeding, toy.OBJECTIVES, 4, FULL)
    abroad = SteadyStateNSGA2(breeding, toy.OBJECTIVES, 4, FULL)
    for ticket, (island, value) in enumerate([(home, 1), (abroad, 2), (abroad, 3)]):
        island.ask(ticket, rng_of(ticket))
        island.tell(ticket, ok(value, value))
    abroad.welcome(home.front()[0])
    abroad.welcome(home.front()[0])  # known by now
    assert [one.fitness.rank for one in home._population.individuals] == [0]
    ranks = [(one.ticket, one.fitness.rank) for one in abroad._population.individuals]
    assert ranks == [(2, 0), (1, 1), (0, 2)]


def test_local_search_mutates_a_member_of_the_front_alone(toy: Any, breeding: Breeding) -> None:
    algorithm = SteadyStateNSGA2(breeding, toy.OBJECTIVES, SIZE, FULL, local_search=1.0, proposals=1)
    for ticket in range(SIZE):
        algorithm.ask(ticket, rng_of(ticket))
        algorithm.tell(ticket, ok(ticket, -ticket) if ticket in {1, 4} else ok(-1, -9))
    parents = {algorithm.ask(ticket, rng_of(ticket)).parents for ticket in range(SIZE, 40)}
    assert parents == {(1,), (4,)}


def test_a_restart_keeps_the_front_and_fills_up_with_newcomers(toy: Any, breeding: Breeding) -> None:
    algorithm = SteadyStateNSGA2(breeding, toy.OBJECTIVES, SIZE, FULL, proposals=1, restart_after=3)
    for ticket in range(SIZE):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket, value in enumerate((1, 2, 3, 4, 5, 6)):
        algorithm.tell(ticket, ok(value, value))  # each the best so far
    for ticket, value in ((6, 0), (7, 5.5), (8, 5.6)):
        assert algorithm.ask(ticket, rng_of(ticket)).parents
        assert len(algorithm._population.individuals) == SIZE
        algorithm.tell(ticket, ok(value, value))
    assert [one.ticket for one in algorithm._population.individuals] == [5]
    newcomers = [algorithm.ask(ticket, rng_of(ticket)) for ticket in range(9, 14)]
    assert {candidate.parents for candidate in newcomers} == {()}
    algorithm.tell(9, ok(1, 1))
    assert algorithm.ask(14, rng_of(14)).parents  # as many as have left, then offspring


def test_a_restart_of_a_population_that_is_all_front_keeps_the_least_crowded_half(
    toy: Any, breeding: Breeding
) -> None:
    algorithm = SteadyStateNSGA2(breeding, toy.OBJECTIVES, SIZE, FULL, proposals=1, restart_after=1)
    for ticket in range(SIZE):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket, value in enumerate((0, 10, 20, 21, 22, 40)):
        algorithm.tell(ticket, ok(value, -value))
    algorithm.ask(6, rng_of(6))
    algorithm.tell(6, ok(-1, -41))
    assert {one.ticket for one in algorithm._population.individuals} == {0, 1, 5}
    assert [algorithm.ask(ticket, rng_of(ticket)).parents for ticket in (7, 8, 9)] == [()] * 3
    assert algorithm.ask(10, rng_of(10)).parents


@pytest.mark.parametrize(
    ("form", "options", "complaint"),
    [
        (SteadyStateNSGA2, {"local_search": 1.5}, "local_search must lie within 0 and 1, but it was 1.5"),
        (SteadyStateNSGA2, {"restart_after": 0}, "restart_after must be at least 1, but it was 0"),
        (AgingEvolution, {"sample": 0}, "sample must be at least 1, but it was 0"),
        (MapElites, {"widths": {"depth": 0}}, "widths of map-elites must be above 0"),
        (MapElites, {"widths": {}}, "widths of map-elites must be above 0"),
        (Islands, {"n_islands": 4}, "at least 2 individuals for each of 4 islands, but it was 6"),
        (Islands, {"n_islands": 0}, "must be at least 1, but they were 0 and 25"),
        (Islands, {"n_islands": 2, "migrate_every": 0}, "must be at least 1, but they were 2 and 0"),
    ],
)
def test_options_out_of_range_are_refused(
    toy: Any, breeding: Breeding, form: Any, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ExperimentError, match=complaint):
        form(breeding, toy.OBJECTIVES, SIZE, **options)


def test_a_grid_over_what_nobody_knows_is_refused(toy: Any, breeding: Breeding) -> None:
    algorithm = MapElites(breeding, toy.OBJECTIVES, SIZE, widths={"zeroes": 1.0})
    algorithm.ask(0, rng_of(0))
    with pytest.raises(ExperimentError, match=r"but it was for 'zeroes'.*zeros"):
        algorithm.tell(0, ok(1, 1))


@pytest.mark.parametrize("form", [AgingEvolution, MapElites, Islands])
def test_the_states_of_those_who_may_be_donors_are_kept(toy: Any, form: Any) -> None:
    """And heirs inherit from what was saved."""
    breeding = Breeding(toy.BitSpace(n_bits=16), toy.BitVariation(), toy.TEN_EPOCHS, inherit=0.5)
    options = {"widths": {"zeros": 1.0}} if form is MapElites else {"rungs": Rungs((1.0,), saves_last=True)}
    algorithm = form(breeding, toy.OBJECTIVES, 8, **({} if form is AgingEvolution else options))
    for ticket in range(30):
        needed = set(algorithm.needed_states())
        request = algorithm.ask(ticket, rng_of(ticket)).request
        assert request.saves_state
        assert request.donor is None or request.donor in needed
        algorithm.tell(ticket, ok(ticket % 7, ticket % 5))
    assert request.donor is not None


@pytest.mark.parametrize("form", [NSGA3, WeightedSum, AgingEvolution, MapElites, Islands])
def test_nothing_is_asked_twice_while_the_space_has_others(
    toy: Any, new_journal: Callable[[], Journal], form: Any
) -> None:
    space = toy.BitSpace(n_bits=8)  # 256 strings
    options = {"widths": {"ones": 1.0}} if form is MapElites else {}
    algorithm = form(Breeding(space, toy.BitVariation(), toy.FIDELITY), toy.OBJECTIVES, 12, **options)
    outcome = toy.search(new_journal(), algorithm, space=space, evaluations=120, window=16)
    assert len({record.text for record in outcome.records}) == len(outcome.records) == 120


def test_weighted_sum_says_what_it_sums_and_which_network_has_the_most(breeding: Breeding) -> None:
    objectives = Objectives((Objective("ones", 1.0), Objective("zeros", -0.1, log=True)))
    algorithm = WeightedSum(breeding, objectives, SIZE, FULL)
    assert algorithm.plan(Budget()) == (
        "weighted-sum: seeks the largest ones - 0.1 log10(zeros), by the weights of [objectives]"
    )
    assert algorithm.outcome() == "weighted-sum: no network was trained in full"
    for ticket in range(SIZE):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket, found in enumerate([(3, 10), (5, 1000), (4, 100), (1, 1), (1, 1), (1, 1)]):
        algorithm.tell(ticket, ok(*found))
    assert algorithm.outcome() == "weighted-sum: ticket 1 has the largest, 4.7"
    algorithm.ask(SIZE, rng_of(SIZE))
    algorithm.ask(SIZE + 1, rng_of(SIZE + 1))
    algorithm.tell(SIZE + 1, ok(6, 1))
    assert algorithm.outcome() == f"weighted-sum: ticket {SIZE + 1} has the largest, 6"
