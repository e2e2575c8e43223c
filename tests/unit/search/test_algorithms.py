from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from deap import tools

from evocnn.evaluation import Evaluation, Individual, Objective, Objectives, Status
from evocnn.operators import Offspring, select_nsga2
from evocnn.search import Breeding, Candidate, GenerationalNSGA2, RandomSearch, Rungs, SteadyStateNSGA2
from evocnn.search.algorithms.generational import Generational
from evocnn.store import Journal, front_of

SIZE = 6
THREE = Objectives(
    (Objective("a", 2.0, floor=0.2), Objective("b", -1.0, log=True), Objective("c", -0.5, ceiling=0.9))
)


def rng_of(ticket: int) -> np.random.Generator:
    return np.random.default_rng([ticket, 5])


def drawn(rng: np.random.Generator) -> Evaluation:
    """Return random figures; one in five fails, about one in four breaks a bound."""
    if rng.random() < 0.2:
        return Evaluation(Status.DIVERGED, reason="rigged")
    a, b, c = rng.random(3)
    return Evaluation(Status.OK, {"a": a, "b": 10 ** (4 * b), "c": c})


@pytest.fixture
def breeding(toy: Any) -> Breeding:
    return Breeding(toy.BitSpace(n_bits=16), toy.BitVariation(), toy.FIDELITY)


def ok(ones: float, zeros: float) -> Evaluation:
    return Evaluation(Status.OK, {"ones": ones, "zeros": zeros})


def test_a_generation_is_asked_then_waited_for(toy: Any, breeding: Breeding) -> None:
    algorithm = GenerationalNSGA2(breeding, toy.OBJECTIVES, SIZE)
    ticket = 0
    for generation in range(4):
        asked = [algorithm.ask(ticket + i, rng_of(ticket + i)) for i in range(SIZE)]
        assert None not in asked
        assert all(bool(candidate.parents) == (generation > 0) for candidate in asked)
        for i in reversed(range(SIZE)):
            for _ in range(2):
                assert algorithm.ask(ticket + SIZE, rng_of(ticket + SIZE)) is None
            algorithm.tell(ticket + i, ok(i, -i))
        ticket += SIZE


def test_survivors_are_those_of_deap(breeding: Breeding) -> None:
    algorithm = GenerationalNSGA2(breeding, THREE, SIZE)
    figures = np.random.default_rng(3)
    survivors: list[Individual] = []
    results: dict[int, Evaluation] = {}
    n_compared = 0
    for generation in range(60):
        tickets = range(generation * SIZE, (generation + 1) * SIZE)
        pool = [Individual(i.ticket, i.genome, THREE.fitness(results[i.ticket])) for i in survivors]
        for ticket in tickets:
            genome = algorithm.ask(ticket, rng_of(ticket)).request.genome
            results[ticket] = drawn(figures)
            if results[ticket].status is Status.OK:
                pool.append(Individual(ticket, genome, THREE.fitness(results[ticket])))
        for ticket in sorted(tickets, key=lambda t: t * 7 % 5):  # in any order
            algorithm.tell(ticket, results[ticket])
        survivors = algorithm._survivors
        assert len(survivors) == min(SIZE, len(pool))

        chosen = tools.selNSGA2(pool, SIZE)
        crowding = {i.ticket: i.fitness.crowding_dist for i in pool}
        mine = {i.ticket for i in survivors}
        theirs = {i.ticket for i in chosen}
        # Several at the ends of a front are equally good: which of them stay is nobody's business.
        assert sorted(crowding[t] for t in mine - theirs) == sorted(crowding[t] for t in theirs - mine)
        n_compared += mine == theirs
    assert n_compared > 30


def test_the_order_of_being_told_changes_no_survivor(toy: Any) -> None:
    def survivors(tickets: list[int]) -> list[int]:
        breeding = Breeding(toy.BitSpace(n_bits=16), toy.BitVariation(), toy.FIDELITY)
        algorithm = GenerationalNSGA2(breeding, toy.OBJECTIVES, 20)
        for ticket in range(20):
            algorithm.ask(ticket, rng_of(ticket))
        for ticket in tickets:
            algorithm.tell(ticket, ok(ticket % 3, -(ticket % 3)))  # many are equally good
        return [individual.ticket for individual in algorithm._survivors]

    assert survivors(list(range(20))) == survivors(list(reversed(range(20))))


def test_a_generation_without_a_success_is_followed_by_founders(toy: Any, breeding: Breeding) -> None:
    algorithm = GenerationalNSGA2(breeding, toy.OBJECTIVES, SIZE)
    for ticket in range(SIZE):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket in range(SIZE):
        algorithm.tell(ticket, Evaluation(Status.CRASHED) if ticket else ok(1, 1))
    founders = [algorithm.ask(SIZE + i, rng_of(SIZE + i)) for i in range(SIZE)]
    assert {candidate.parents for candidate in founders} == {()}  # one parent alone is none
    for ticket in range(SIZE, 2 * SIZE):
        algorithm.tell(ticket, Evaluation(Status.CRASHED) if ticket > SIZE else ok(2, 2))
    offspring = algorithm.ask(2 * SIZE, rng_of(2 * SIZE))
    assert set(offspring.parents) <= {0, SIZE}  # survivors last until better ones come
    assert offspring.parents


def test_all_survivors_of_a_generation_enter_tournaments_equally_often(toy: Any, breeding: Breeding) -> None:
    contestants: list[int] = []

    def compete(first: Individual, second: Individual) -> Individual:
        contestants.extend((first.ticket, second.ticket))
        return second

    algorithm = Generational(breeding, toy.OBJECTIVES, SIZE, None, select_nsga2, compete=compete)
    for ticket in range(SIZE):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket in range(SIZE):
        algorithm.tell(ticket, ok(ticket, -ticket))
    for ticket in range(SIZE, 2 * SIZE):
        algorithm.ask(ticket, rng_of(ticket))
    rounds = [contestants[start : start + SIZE] for start in range(0, 2 * SIZE, SIZE)]
    assert all(sorted(one) == list(range(SIZE)) for one in rounds)
    assert len(set(map(tuple, rounds))) > 1  # each shuffled anew


@dataclass
class Doubling:
    """A variation whose pairs are texts of one letter each, in a row; of two parents, or of one each."""

    bits: Any
    letters: str
    n_parents: int = 2
    couples: list[tuple[str, str]] = field(default_factory=list)

    def breed_both(
        self, mother: Any, father: Any, space: Any, rng: np.random.Generator, /
    ) -> tuple[Offspring, Offspring]:
        place = 2 * len(self.couples)
        self.couples.append((mother.text, father.text))
        first, second = self.letters[place : place + 2]
        return (
            Offspring(self.bits(first), ("first",), self.n_parents, {"a": 1}),
            Offspring(self.bits(second), ("second",), self.n_parents, {"b": 2}),
        )

    def learn(self, operators: Any, *, succeeded: bool) -> None:
        """Learn nothing."""


def founded(toy: Any, variation: Any, size: int = 2, inherit: float | None = None) -> GenerationalNSGA2:
    """Return an algorithm whose first generation is told."""
    breeding = Breeding(toy.BitSpace(n_bits=16), variation, toy.TEN_EPOCHS, inherit)
    algorithm = GenerationalNSGA2(breeding, toy.OBJECTIVES, size, Rungs((1.0,)))
    tell_all(algorithm, range(size))
    return algorithm


def tell_all(algorithm: GenerationalNSGA2, tickets: range) -> list[Candidate]:
    """Ask a generation and tell it; all of it is on the front, and later ones beat earlier ones."""
    found = [algorithm.ask(ticket, rng_of(ticket)) for ticket in tickets]
    for place, ticket in enumerate(tickets):
        algorithm.tell(ticket, ok(100 * tickets.start + place, -place))
    assert None not in found
    return [one for one in found if one is not None]


@pytest.mark.parametrize("n_parents", [1, 2])
def test_both_children_of_a_couple_are_asked_one_after_the_other(toy: Any, n_parents: int) -> None:
    algorithm = founded(toy, variation := Doubling(toy.Bits, "abcd", n_parents), size=4, inherit=0.5)
    tickets = {one.genome.text: one.ticket for one in algorithm._survivors}
    asked = tell_all(algorithm, range(4, 8))
    assert [one.request.genome.text for one in asked] == [*"abcd"]
    assert [one.operators for one in asked] == [("first",), ("second",)] * 2
    assert [one.repairs for one in asked] == [{"a": 1}, {"b": 2}] * 2
    for place, (mother, father) in enumerate(variation.couples):
        first, second = asked[2 * place : 2 * place + 2]
        couple = [tickets[mother], tickets[father]]
        assert first.parents == tuple(dict.fromkeys(couple[:n_parents]))
        assert second.parents == tuple(dict.fromkeys(couple[::-1][:n_parents]))  # the father comes first
        assert [first.request.donor, second.request.donor] == couple


def test_a_sibling_that_was_asked_before_gives_way_to_another_couple(toy: Any) -> None:
    algorithm = founded(toy, Doubling(toy.Bits, "aabcbd"), size=4)
    asked = tell_all(algorithm, range(4, 8))
    assert [one.request.genome.text for one in asked] == [*"abcd"]


def test_a_sibling_of_the_generation_before_is_not_asked_but_may_be_bred_again(toy: Any) -> None:
    algorithm = founded(toy, Doubling(toy.Bits, "abcdedfg"), size=3)
    asked = [*tell_all(algorithm, range(3, 6)), *tell_all(algorithm, range(6, 9))]
    assert [one.request.genome.text for one in asked] == [*"abc", *"edf"]


def test_steady_state_never_waits_and_keeps_the_best(toy: Any, breeding: Breeding) -> None:
    algorithm = SteadyStateNSGA2(breeding, toy.OBJECTIVES, SIZE, local_search=0, proposals=1)
    founders = [algorithm.ask(ticket, rng_of(ticket)) for ticket in range(SIZE + 3)]
    assert {candidate.parents for candidate in founders} == {()}  # nothing is told yet
    for ticket in range(SIZE):
        algorithm.tell(ticket, ok(ticket, ticket))
    algorithm.tell(SIZE, Evaluation(Status.DIVERGED))
    kept = algorithm._population
    assert {i.ticket for i in kept.individuals} == set(range(SIZE))
    algorithm.tell(SIZE + 1, ok(2.5, 2.5))
    assert {i.ticket for i in kept.individuals} == {1, 2, 3, 4, 5, SIZE + 1}  # the worst has left
    algorithm.tell(SIZE + 2, ok(0.5, 0.5))
    assert {i.ticket for i in kept.individuals} == {1, 2, 3, 4, 5, SIZE + 1}  # or never came in
    offspring = [algorithm.ask(ticket, rng_of(ticket)) for ticket in range(SIZE + 3, SIZE + 9)]
    assert all(set(one.parents) <= {1, 2, 3, 4, 5, SIZE + 1} for one in offspring)
    assert {len(one.parents) for one in offspring} >= {2}


def test_steady_state_founds_a_whole_population_before_it_breeds(toy: Any, breeding: Breeding) -> None:
    algorithm = SteadyStateNSGA2(breeding, toy.OBJECTIVES, SIZE, local_search=0, proposals=1)
    for ticket in range(SIZE):
        assert algorithm.ask(ticket, rng_of(ticket)).parents == ()
        algorithm.tell(ticket, ok(ticket, -ticket))
    assert algorithm.ask(SIZE, rng_of(SIZE)).parents


def test_random_search_ignores_what_it_is_told(toy: Any) -> None:
    def texts(told: float) -> list[str]:
        algorithm = RandomSearch(Breeding(toy.BitSpace(), toy.BitVariation(), toy.FIDELITY))
        found = []
        for ticket in range(20):
            candidate = algorithm.ask(ticket, rng_of(ticket))
            assert (candidate.parents, candidate.operators) == ((), ())
            found.append(candidate.request.genome.text)
            algorithm.tell(ticket, ok(told, told))
        return found

    assert texts(1.0) == texts(2.0)
    assert len(set(texts(1.0))) == 20


@pytest.mark.parametrize("algorithm", ["generational", "steady"])
def test_failed_and_infeasible_candidates_are_told_but_failed_ones_never_breed(
    toy: Any, journal: Journal, algorithm: str
) -> None:
    table = toy.Table(fails=lambda text: text.count("1") % 3 == 0)
    outcome = toy.search(journal, algorithm, table=table, evaluations=120)
    failed = {r.ticket for r in outcome.records if r.evaluation.status is Status.OUT_OF_MEMORY}
    parents = {parent for record in outcome.records for parent in record.parents}
    assert len(failed) > 20
    assert failed <= set(outcome.told)
    assert len(parents) > 10
    assert not parents & failed


@pytest.mark.parametrize("algorithm", ["generational", "steady", "random"])
def test_a_search_in_which_everything_fails_still_ends(toy: Any, journal: Journal, algorithm: str) -> None:
    outcome = toy.search(journal, algorithm, table=toy.Table(fails=lambda text: True), evaluations=40)
    assert len(outcome.calls) == 40
    assert {record.parents for record in outcome.records} == {()}


def test_nsga2_finds_more_of_a_known_front_than_random_search(
    toy: Any, new_journal: Callable[[], Journal]
) -> None:
    n_bits = 12  # 4096 strings, 13 of them on the front
    space = toy.BitSpace(n_bits=n_bits)
    best = {"1" * n + "0" * (n_bits - n) for n in range(n_bits + 1)}

    def n_found(name: str, seed: int) -> int:
        records = toy.search(
            new_journal(), name, space=space, seed=seed, evaluations=300, population=20
        ).records
        members = front_of(records, toy.OBJECTIVES).members
        return len(best & {member.text for member in members})

    # An algorithm no better than chance would win all eight once in 256 sets of seeds.
    for seed in range(8):
        by_chance = n_found("random", seed)
        assert n_found("generational", seed) > by_chance
        assert n_found("steady", seed) > by_chance
