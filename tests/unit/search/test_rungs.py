"""Rungs: where a candidate is halted, who is continued, and what full training alone decides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import (
    Evaluation,
    EvaluationRequest,
    Fitness,
    Individual,
    Objective,
    Objectives,
    Status,
)
from evocnn.genotype import Fidelity
from evocnn.search import Breeding, Candidate, GenerationalNSGA2, RandomSearch, Rungs, SteadyStateNSGA2
from evocnn.search.rungs import AsynchronousHalving, third

FULL = Fidelity(epochs=10, n_images=100)
ONE = Objectives((Objective("value", 1.0),))


def rng_of(ticket: int) -> np.random.Generator:
    return np.random.default_rng([ticket, 5])


def worth(value: float) -> Evaluation:
    return Evaluation(Status.OK, {"value": value})


@pytest.fixture
def candidate(toy: Any) -> Callable[..., Candidate]:
    """Return a function of a text and a fidelity that makes a candidate."""

    def make(text: str = "a", fidelity: Fidelity = FULL) -> Candidate:
        return Candidate(EvaluationRequest(toy.Bits(text), fidelity), (3, 1), ("mix",), {"flipped": 2})

    return make


@pytest.fixture
def individual(toy: Any) -> Callable[..., Individual]:
    """Return a function of a ticket and its worth that makes an individual."""
    return lambda ticket, value, text="": Individual(
        ticket, toy.Bits(text or str(ticket)), Fitness((1.0,), (value,))
    )


@pytest.fixture
def breeding(toy: Any) -> Breeding:
    return Breeding(toy.BitSpace(n_bits=16), toy.BitVariation(), FULL)


def climb(rungs: Rungs, candidate: Candidate) -> list[tuple[float, int]]:
    """Return shares and epochs of a candidate that is continued to the end."""
    found = [rungs.first(candidate)]
    while not found[-1].request.fidelity.is_full:
        found.append(rungs.next(found[-1], ticket=len(found)))
    return [(one.request.fidelity.share, one.request.fidelity.stop) for one in found]


@pytest.mark.parametrize(
    ("epochs", "shares", "expected"),
    [
        (10, (0.1, 0.3, 1.0), [(0.1, 1), (0.3, 3), (1.0, 10)]),
        (100, (0.1, 0.3, 1.0), [(0.1, 10), (0.3, 30), (1.0, 100)]),
        (10, (0.5, 1), [(0.5, 5), (1, 10)]),
        (10, (1.0,), [(1.0, 10)]),
        (3, (0.1, 0.3, 1.0), [(0.3, 1), (1.0, 3)]),  # both end after the first epoch
        (2, (0.1, 0.3, 1.0), [(0.3, 1), (1.0, 2)]),
        (1, (0.1, 0.3, 1.0), [(1.0, 1)]),  # and are full training
        (4, (0.1, 0.95, 1.0), [(0.1, 1), (1.0, 4)]),
    ],
)
def test_rungs_that_end_together_are_one(
    epochs: int, shares: tuple[float, ...], expected: list[tuple[float, int]], candidate: Any
) -> None:
    assert climb(Rungs(shares), candidate(fidelity=Fidelity(epochs, 100))) == expected


def test_a_continuation_is_the_candidate_that_it_continues(candidate: Any) -> None:
    rungs, new = Rungs(), candidate()
    first = rungs.first(new)
    second = rungs.next(first, ticket=7)
    third = rungs.next(second, ticket=9)
    for one in (first, second, third):
        assert (one.parents, one.operators, one.repairs) == (new.parents, new.operators, new.repairs)
        assert one.request.genome is new.request.genome
        assert (one.request.fidelity.epochs, one.request.fidelity.n_images) == (10, 100)
    assert [one.request.continues for one in (first, second, third)] == [None, 7, 9]
    assert [one.request.saves_state for one in (first, second, third)] == [True, True, False]


@pytest.mark.parametrize(
    "shares", [(), (0.1, 0.3), (0.3, 0.1, 1.0), (0.1, 0.1, 1.0), (0.0, 1.0), (-0.1, 1.0), (0.5, 1.5), (2.0,)]
)
def test_rungs_that_lead_nowhere_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(
        ExperimentError,
        match=r"rungs must be ascending shares .* but they were \[.*\]; write \[0.1, 0.3, 1\]",
    ):
        Rungs(shares)


def test_rungs_of_no_number_are_refused() -> None:
    with pytest.raises(ExperimentError, match=r"rungs must be ascending shares .* \[nan, 1.0\]"):
        Rungs((float("nan"), 1.0))


@pytest.mark.parametrize(
    ("n_told", "n_best"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 2), (6, 2), (24, 8), (25, 9)]
)
def test_a_third_is_rounded_up(n_told: int, n_best: int) -> None:
    assert third(n_told) == n_best


class TestAsynchronousHalving:
    """Who is continued, ticket by ticket."""

    @pytest.fixture
    def tell(self, candidate: Any, individual: Any) -> Callable[..., list[Candidate]]:
        """Return a function that tells a halving of a ticket with some worth at a rung."""

        def tell(
            halving: AsynchronousHalving, ticket: int, value: float, share: float = 0.1, text: str = ""
        ) -> list[Candidate]:
            told = candidate(text or str(ticket), Fidelity(10, 100, share))
            return halving.tell(individual(ticket, value, text), told)

        return tell

    def test_nobody_is_continued_before_anybody_is_told(self) -> None:
        assert AsynchronousHalving(Rungs(), 10).next() is None

    def test_the_best_third_is_continued_once_each(self, tell: Any) -> None:
        halving = AsynchronousHalving(Rungs(), 10)
        for ticket in range(6):
            assert tell(halving, ticket, ticket) == []
        found = [halving.next() for _ in range(3)]
        assert [one and one.request.continues for one in found] == [5, 4, None]
        assert found[0] is not None
        assert found[0].request.fidelity == Fidelity(10, 100, 0.3)
        tell(halving, 6, 4.5)  # of seven, three are the best third: 5, 6 and 4
        assert [one and one.request.continues for one in (halving.next(), halving.next())] == [6, None]

    def test_the_best_are_those_of_the_front_and_there_the_least_crowded(
        self, toy: Any, candidate: Any
    ) -> None:
        halving = AsynchronousHalving(Rungs(), 10)
        values = [
            (4, 4),
            (5, 5),
            (5.1, 4.9),
            (0, 9),
            (3, 3),
            (9, 0),
        ]  # a front of four: two in its midst crowd
        for ticket, pair in enumerate(values):
            one = Individual(ticket, toy.Bits(str(ticket)), Fitness((1.0, 1.0), pair))
            halving.tell(one, candidate(str(ticket), Fidelity(10, 100, 0.1)))
        assert [one and one.request.continues for one in (halving.next(), halving.next())] == [3, 5]
        assert halving.next() is None

    def test_a_search_that_gets_better_continues_a_third_all_the_same(self, tell: Any) -> None:
        halving, n_continued = AsynchronousHalving(Rungs(), 10), 0
        for ticket in range(60):
            tell(halving, ticket, ticket)
            while halving.next():
                n_continued += 1
        assert n_continued == 20

    def test_who_waits_is_continued_once_it_is_among_the_best(self, tell: Any) -> None:
        halving = AsynchronousHalving(Rungs(), 10)
        for ticket, value in enumerate((9, 8, 1)):
            tell(halving, ticket, value)
        assert [one and one.request.continues for one in (halving.next(), halving.next())] == [0, None]
        tell(halving, 3, 0)
        assert [one and one.request.continues for one in (halving.next(), halving.next())] == [1, None]

    def test_the_highest_rung_comes_first(self, tell: Any) -> None:
        halving = AsynchronousHalving(Rungs(), 10)
        tell(halving, 0, 9)
        tell(halving, 1, 0, share=0.3)
        found = [halving.next() for _ in range(3)]
        assert [one and (one.request.continues, one.request.fidelity.share) for one in found] == [
            (1, 1.0),
            (0, 0.3),
            None,
        ]

    def test_rungs_are_judged_apart(self, tell: Any) -> None:
        halving = AsynchronousHalving(Rungs(), 10)
        for ticket in range(3):
            tell(halving, ticket, 10 + ticket)
        for ticket in range(3, 6):
            tell(halving, ticket, ticket, share=0.3)
        found = [halving.next() for _ in range(3)]
        assert [one and one.request.continues for one in found] == [5, 2, None]

    def test_who_is_overtaken_is_forgotten(self, tell: Any) -> None:
        halving = AsynchronousHalving(Rungs(), memory=3)
        for ticket in range(3):
            tell(halving, ticket, -ticket)
        assert halving.next() is not None  # 0 goes on
        assert set(halving.waiting) == {1, 2}
        assert tell(halving, 3, -3) == []  # 0 is forgotten, which was continued
        (forgotten,) = tell(halving, 4, -4)
        assert forgotten.request.genome.text == "1"
        assert set(halving.waiting) == {2, 3, 4}
        found = halving.next()
        assert found is not None
        assert found.request.continues == 2  # the best of those that are remembered

    def test_a_repeat_is_not_remembered_and_makes_room_for_another(self, tell: Any) -> None:
        halving = AsynchronousHalving(Rungs(), 10)
        for ticket in range(3):
            tell(halving, ticket, -ticket, text="abc"[ticket])
        assert [one and one.request.continues for one in (halving.next(), halving.next())] == [0, None]
        (repeat,) = tell(halving, 3, 0, text="a")
        assert repeat.request.genome.text == "a"
        assert [one and one.request.continues for one in (halving.next(), halving.next())] == [1, None]


def test_founders_are_all_looked_at_before_any_is_continued(breeding: Breeding) -> None:
    algorithm = SteadyStateNSGA2(breeding, ONE, 6)
    for ticket in range(6):
        candidate = algorithm.ask(ticket, rng_of(ticket))
        assert (candidate.request.fidelity.share, candidate.parents) == (0.1, ())
        algorithm.tell(ticket, worth(ticket))
    found = [algorithm.ask(6 + n, rng_of(6 + n)).request for n in range(3)]
    assert [request.continues for request in found] == [5, 4, None]  # then a newcomer: nobody can breed yet
    assert [request.fidelity.share for request in found] == [0.3, 0.3, 0.1]


def test_only_who_was_trained_in_full_breeds(breeding: Breeding) -> None:
    algorithm = SteadyStateNSGA2(breeding, ONE, 6)
    values = np.random.default_rng(3)
    full: set[int] = set()
    shares, n_bred = [], 0
    for ticket in range(150):
        candidate = algorithm.ask(ticket, rng_of(ticket))
        assert set(candidate.parents) <= full
        n_bred += bool(candidate.parents)
        shares.append(candidate.request.fidelity.share)
        if candidate.request.fidelity.is_full:
            full.add(ticket)
        algorithm.tell(ticket, worth(values.random()))
    assert {i.ticket for i in algorithm._population.individuals} <= full
    assert n_bred > 50
    assert [shares.count(share) for share in (0.1, 0.3, 1.0)] == [
        pytest.approx(n, abs=8) for n in (102, 36, 12)
    ]


@pytest.mark.parametrize("form", [GenerationalNSGA2, SteadyStateNSGA2])
def test_who_fails_is_never_continued(form: Any, breeding: Breeding) -> None:
    algorithm, asked = form(breeding, ONE, 6), {}
    for ticket in range(60):
        asked[ticket] = algorithm.ask(ticket, rng_of(ticket)).request
        if asked[ticket].continues is not None:
            assert asked[ticket].continues % 2
        algorithm.tell(ticket, worth(ticket) if ticket % 2 else Evaluation(Status.DIVERGED))
    assert any(request.continues is not None for request in asked.values())


def test_a_generation_climbs_the_rungs_together(breeding: Breeding) -> None:
    algorithm = GenerationalNSGA2(breeding, ONE, 9)
    ticket = 0
    for generation in range(3):
        before: list[int] = []
        for n, share in ((9, 0.1), (3, 0.3), (1, 1.0)):
            stage = range(ticket, ticket + n)
            found = [algorithm.ask(number, rng_of(number)) for number in stage]
            assert algorithm.ask(ticket + n, rng_of(ticket + n)) is None  # the rest of the rung is waited for
            requests = [candidate.request for candidate in found if candidate is not None]
            assert [request.fidelity.share for request in requests] == [share] * n
            assert [request.continues for request in requests] == (before or [None] * n)
            for number in stage:
                algorithm.tell(number, worth(number))
            before = list(reversed(stage))[: -(-n // 3)]
            ticket += n
        assert algorithm._survivors[0].ticket == ticket - 1
        assert len(algorithm._survivors) == generation + 1


def test_a_generation_of_failures_is_followed_by_another(breeding: Breeding) -> None:
    algorithm = GenerationalNSGA2(breeding, ONE, 4)
    for ticket in range(8):
        candidate = algorithm.ask(ticket, rng_of(ticket))
        assert candidate is not None
        assert candidate.request.fidelity.share == 0.1
        algorithm.tell(ticket, Evaluation(Status.CRASHED))
    assert algorithm.needed_states() == []


@pytest.mark.parametrize("form", [GenerationalNSGA2, SteadyStateNSGA2])
def test_floors_are_asked_of_full_training_alone(form: Any, breeding: Breeding) -> None:
    objectives = Objectives((Objective("value", 1.0, floor=0.8), Objective("size", -1.0)))
    algorithm = form(breeding, objectives, 6)
    sizes = (1, 2, 3, 4, 5, 6)
    for ticket in range(6):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket, size in enumerate(
        sizes
    ):  # all are below the floor; by value alone, 5 and 4 were the best third
        algorithm.tell(ticket, Evaluation(Status.OK, {"value": 0.1 * ticket, "size": float(size)}))
    found = {algorithm.ask(6 + n, rng_of(6 + n)).request.continues for n in range(2)}
    assert found == {0, 5}  # the ends of the front
    for ticket in (6, 7):
        algorithm.tell(ticket, Evaluation(Status.OK, {"value": 0.1, "size": 1.0}))
    third = algorithm.ask(8, rng_of(8))
    assert third.request.fidelity.is_full
    algorithm.tell(8, Evaluation(Status.OK, {"value": 0.1, "size": 1.0}))
    kept = algorithm._survivors if form is GenerationalNSGA2 else algorithm._population.individuals
    assert [individual.fitness.violation > 0 for individual in kept] == [True]


def test_random_search_trains_everybody_in_full(breeding: Breeding) -> None:
    algorithm = RandomSearch(breeding)
    for ticket in range(10):
        request = algorithm.ask(ticket, rng_of(ticket)).request
        assert (request.fidelity, request.saves_state, request.continues) == (FULL, False, None)
        algorithm.tell(ticket, worth(ticket))
    assert list(algorithm.needed_states()) == []


@pytest.mark.parametrize("form", [GenerationalNSGA2, SteadyStateNSGA2])
def test_each_candidate_is_learned_from_once(form: Any, toy: Any) -> None:
    learned: list[tuple[str, bool]] = []
    breeding = Breeding(toy.BitSpace(n_bits=16), toy.BitVariation(), FULL)
    breeding.learn = lambda candidate, *, succeeded: learned.append(
        (candidate.request.genome.text, succeeded)
    )  # type: ignore[method-assign]
    algorithm, size = form(breeding, ONE, 3), 3
    values, n_asked = np.random.default_rng(2), 0
    full: set[str] = set()
    for ticket in range(120):
        request = algorithm.ask(ticket, rng_of(ticket)).request
        n_asked += request.continues is None
        if request.fidelity.is_full:
            full.add(request.genome.text)
        failed = values.random() < 0.1
        algorithm.tell(ticket, Evaluation(Status.CRASHED) if failed else worth(values.random()))
    texts = [text for text, _ in learned]
    assert len(set(texts)) == len(texts)
    assert n_asked - 2 * size <= len(texts) <= n_asked  # the fate of the others is not clear yet
    succeeded = {text for text, success in learned if success}
    assert succeeded
    assert succeeded < full


@pytest.mark.parametrize("form", [GenerationalNSGA2, SteadyStateNSGA2])
def test_the_states_that_are_needed_are_those_that_may_be_continued(form: Any, breeding: Breeding) -> None:
    algorithm, values = form(breeding, ONE, 5), np.random.default_rng(4)
    continued: set[int] = set()
    told: set[int] = set()
    most = 0
    for ticket in range(300):
        needed = set(algorithm.needed_states())
        assert needed <= told - continued
        most = max(most, len(needed))
        source = algorithm.ask(ticket, rng_of(ticket)).request.continues
        assert source is None or source in needed
        continued.add(source)
        algorithm.tell(ticket, worth(values.random()))
        told.add(ticket)
    assert 0 < most <= 2 * 5
