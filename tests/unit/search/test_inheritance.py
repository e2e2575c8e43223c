"""Weight inheritance in a search: who is whose heir, and the states that this takes."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ReplayError
from evocnn.evaluation import Evaluation, EvaluationRequest, Fitness, Individual
from evocnn.operators import Offspring, tournament
from evocnn.search import Algorithm, Breeding, Candidate, Ending, GenerationalNSGA2, Rungs, SteadyStateNSGA2
from evocnn.store import Journal
from evocnn.workers import Executor, SerialExecutor, SimulatedExecutor

MakeJournal = Callable[[], Journal]
FORMS = (GenerationalNSGA2, SteadyStateNSGA2)
RUNGS = Rungs(saves_last=True)


def bred(breeding: Breeding, population: list[Individual], rng: np.random.Generator) -> Candidate:
    """Return an offspring of the winners of two tournaments."""
    return breeding.offspring_of(lambda: (tournament(population, rng), tournament(population, rng)), rng)


def scattered(table: Any) -> Executor:
    """Return seven workers that finish in quite another order than the clock's."""
    return SimulatedExecutor(table, 7, lambda ticket, request: float(ticket * 7919 % 101))


@dataclass
class Taking:
    """Makes offspring that are their mother's or father's, with one bit flipped."""

    toy: Any
    takes_after: int

    def breed(self, mother: Any, father: Any, space: Any, rng: np.random.Generator, /) -> Offspring:
        after = (mother, father)[self.takes_after].text
        place = int(rng.integers(len(after)))
        flipped = after[:place] + "10"[int(after[place])] + after[place + 1 :]
        return Offspring(self.toy.Bits(flipped), ("flip",), 2, {}, self.takes_after)

    def learn(self, operators: Any, *, succeeded: bool) -> None:
        """Learn nothing."""


@dataclass
class Legacy:
    """The toy's table, which sees that an heir is given what its donor saved in full training."""

    table: Any
    heirs: list[str] = field(default_factory=list)

    @property
    def context(self) -> str:
        return str(self.table.context)

    @property
    def calls(self) -> list[str]:
        return list(self.table.calls)

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        assert (request.donor is None) == (request.donor_genome is None)
        if request.donor_genome is not None and request.donor_state is not None:
            owner, epochs = request.donor_state.decode().split()
            assert owner == request.donor_genome.text
            assert epochs in ("3", "10")  # of an heir, and of another
            self.heirs.append(request.genome.text)
        found: Evaluation = self.table(request)
        return found


def breeding_of(toy: Any, inherit: float | None = 0.3, space: Any = None, variation: Any = None) -> Breeding:
    return Breeding(space or toy.BitSpace(), variation or toy.BitVariation(), toy.TEN_EPOCHS, inherit)


def algorithm_of(form: Any, toy: Any, space: Any = None, population: int = 8) -> Algorithm:
    options = {"local_search": 0, "proposals": 1} if form is SteadyStateNSGA2 else {}
    found: Algorithm = form(breeding_of(toy, space=space), toy.OBJECTIVES, population, RUNGS, **options)
    return found


def couple(toy: Any) -> list[Individual]:
    return [Individual(n, toy.Bits(text), Fitness((1.0,), (n,))) for n, text in ((5, "0000"), (9, "1111"))]


@pytest.mark.parametrize("takes_after", [0, 1])
def test_the_donor_is_the_parent_that_a_child_takes_after(toy: Any, takes_after: int) -> None:
    breeding = breeding_of(toy, variation=Taking(toy, takes_after))
    donors = set()
    for seed in range(8):
        candidate = bred(breeding, couple(toy), np.random.default_rng(seed))
        n_ones = candidate.request.genome.text.count("1")
        assert candidate.request.donor == (5 if n_ones == 1 else 9)
        donors.add(candidate.request.donor)
    assert donors == {5, 9}


@pytest.mark.parametrize(("inherit", "epochs"), [(0.3, 3), (0.04, 1), (1.0, 10), (None, 10)])
def test_an_heir_is_trained_for_a_share_of_the_epochs(toy: Any, inherit: float | None, epochs: int) -> None:
    heir = bred(breeding_of(toy, inherit, variation=Taking(toy, 0)), couple(toy), np.random.default_rng(1))
    assert heir.request.fidelity == replace(toy.TEN_EPOCHS, epochs=epochs)
    assert (heir.request.donor is None) == (inherit is None)


def test_founders_and_newcomers_are_nobodys_heirs(toy: Any) -> None:
    space = toy.BitSpace(members=("0000", "1111", "0110"))
    breeding = breeding_of(toy, space=space)
    rng = np.random.default_rng(1)
    found = [breeding.founder(rng), *(bred(breeding, couple(toy), rng) for _ in range(5))]
    newcomers = [one for one in found if not one.parents]
    assert len(newcomers) > 1
    for one in newcomers:
        assert (one.request.donor, one.request.fidelity) == (None, toy.TEN_EPOCHS)


def test_a_genome_that_was_asked_again_leaves_nothing(toy: Any) -> None:
    """Its state may have been dropped when the first of it left the population."""
    breeding = breeding_of(toy, space=toy.BitSpace(members=("0000",)), variation=Taking(toy, 0))
    rng = np.random.default_rng(1)
    mother = [Individual(5, toy.Bits("0000"), Fitness((1.0,), (0,)))] * 2
    breeding.founder(rng)
    assert bred(breeding, mother, rng).request.donor == 5
    breeding.founder(rng)
    child = bred(breeding, mother, rng)
    assert child.parents == (5,)
    assert (child.request.donor, child.request.fidelity) == (None, toy.TEN_EPOCHS)


def test_full_training_saves_its_state_where_it_may_be_inherited(toy: Any) -> None:
    new = breeding_of(toy).founder(np.random.default_rng(1))
    for rungs, expected in ((RUNGS, [True, True, True]), (Rungs(), [True, True, False])):
        chain = [rungs.first(new)]
        while not chain[-1].request.fidelity.is_full:
            chain.append(rungs.next(chain[-1], len(chain)))
        assert [one.request.saves_state for one in chain] == expected
    heir = bred(breeding_of(toy, variation=Taking(toy, 0)), couple(toy), np.random.default_rng(1))
    again = RUNGS.next(RUNGS.first(heir), 3)
    assert [one.request.fidelity.stop for one in (RUNGS.first(heir), again)] == [1, 3]  # rungs of 3 epochs
    assert again.request.donor == heir.request.donor


@pytest.mark.parametrize("executor", [SerialExecutor, scattered])
@pytest.mark.parametrize("form", FORMS)
def test_heirs_are_given_their_donors_states(
    toy: Any, journal: Journal, form: Any, executor: Callable[[Any], Executor]
) -> None:
    legacy = Legacy(toy.Table())
    records = toy.search(journal, algorithm_of(form, toy), executor, table=legacy, evaluations=40).records
    by_ticket = {record.ticket: record for record in records}
    heirs = [record for record in records if record.donor is not None]
    assert len(heirs) > 20
    assert len(legacy.heirs) == sum(record.reused_from is None for record in heirs)
    assert any(by_ticket[heir.donor].donor is not None for heir in heirs)  # of an heir
    for heir in heirs:
        assert heir.donor in heir.parents
        assert by_ticket[heir.donor].is_full
        assert (heir.epochs, heir.n_epochs) in ((3, 1), (3, 2), (3, 3))
    assert {record.epochs for record in records if record.donor is None} == {10}
    assert legacy.table.anew == []


@pytest.mark.parametrize("form", FORMS)
def test_the_states_of_a_population_are_kept(toy: Any, journal: Journal, form: Any) -> None:
    algorithm = algorithm_of(form, toy)
    records = toy.search(journal, algorithm, evaluations=40).records
    by_ticket = {record.ticket: record for record in records}
    needed = set(algorithm.needed_states())
    full = [ticket for ticket in needed if by_ticket[ticket].is_full]
    assert len(full) >= 8
    needed |= {by_ticket[t].donor for t in needed if not by_ticket[t].is_full} - {None}
    kept = {path.name for path in (journal.path.parent / "states").iterdir()}
    assert kept >= {by_ticket[ticket].identity for ticket in needed}


@pytest.mark.parametrize("form", FORMS)
def test_after_a_crash_the_journal_becomes_that_of_an_uninterrupted_run(
    toy: Any, new_journal: MakeJournal, form: Any
) -> None:
    def search(journal: Journal, after: int | None = None) -> Any:
        return toy.search(
            journal,
            algorithm_of(form, toy),
            lambda table: toy.Recorder(scattered(table), crash_after=after),
            table=Legacy(toy.Table(lambda text: text.count("1") == 6)),
            evaluations=25,
        )

    whole = search(new_journal())
    assert sum(record.donor is not None for record in whole.records) > 10
    for after in (20, 33, 47):
        journal = new_journal()
        assert search(journal, after).ending is None
        second = search(journal)
        assert toy.timeless(second.records) == toy.timeless(whole.records)
        assert second.log == whole.log


@pytest.mark.parametrize("form", FORMS)
def test_a_larger_budget_goes_on_as_one_long_search(toy: Any, new_journal: MakeJournal, form: Any) -> None:
    def search(journal: Journal, evaluations: int) -> Any:
        return toy.search(
            journal, algorithm_of(form, toy), table=Legacy(toy.Table()), evaluations=evaluations
        )

    whole = search(new_journal(), 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no state is missing
        for first in (12, 17, 22, 27):
            journal = new_journal()
            search(journal, first)
            assert toy.timeless(search(journal, 30).records) == toy.timeless(whole.records)


@pytest.mark.parametrize("form", FORMS)
def test_a_lost_state_of_an_heir_costs_time_and_no_result(
    toy: Any, new_journal: MakeJournal, form: Any
) -> None:
    """It is trained anew from its donor's weights, which are kept that long."""
    whole = toy.search(new_journal(), algorithm_of(form, toy), evaluations=25)
    n_lost = 0
    for after in (33, 47):
        journal, table = new_journal(), toy.Table()
        toy.search(
            journal,
            algorithm_of(form, toy),
            lambda table, after=after: toy.Recorder(SerialExecutor(table), crash_after=after),
            evaluations=25,
        )
        halted = {r.identity for r in journal.records() if r.donor is not None and not r.is_full}
        for identity in halted:
            (journal.path.parent / "states" / identity).unlink(missing_ok=True)
        with warnings.catch_warnings(action="ignore"):  # of the loss
            second = toy.search(journal, algorithm_of(form, toy), table=table, evaluations=25)
        n_lost += len(table.anew)
        assert toy.timeless(second.records) == toy.timeless(whole.records)
    assert n_lost > 0


def test_a_lost_state_of_a_donor_is_an_error_with_a_way_out(toy: Any, journal: Journal) -> None:
    toy.search(
        journal,
        algorithm_of(SteadyStateNSGA2, toy),
        lambda table: toy.Recorder(SerialExecutor(table), crash_after=40),
        evaluations=25,
    )
    for path in (journal.path.parent / "states").iterdir():
        path.unlink()
    message = r"the state of ticket \d+, whose weights are inherited, must lie in .*; put it back from a copy"
    with pytest.warns(UserWarning, match="saved states"), pytest.raises(ReplayError, match=message):
        toy.search(journal, algorithm_of(SteadyStateNSGA2, toy), evaluations=25)


class Alternating(Breeding):
    """Breeds an heir, then a newcomer, and so on; writes down what is learned."""

    n_bred = 0

    def offspring_of(self, *arguments: Any) -> Candidate:
        self.n_bred += 1
        return super().offspring_of(*arguments) if self.n_bred % 2 else self.founder(arguments[1])

    def learn(self, candidate: Candidate, *, succeeded: bool) -> None:
        LEARNED.append((candidate.request.genome.key, succeeded))


LEARNED: list[tuple[str, bool]] = []


def test_heirs_that_are_trained_already_wait_for_the_rest_of_their_generation(toy: Any) -> None:
    """Newcomers have a rung more; who breeds next is known once they are told."""
    LEARNED.clear()
    breeding = Alternating(toy.BitSpace(n_bits=16), toy.BitVariation(), toy.TEN_EPOCHS, 0.3)
    algorithm, table = GenerationalNSGA2(breeding, toy.OBJECTIVES, 6, RUNGS), toy.Table()
    asked: list[EvaluationRequest] = []
    parents: set[int] = set()
    n_waited = 0
    for ticket in range(80):
        candidate = algorithm.ask(ticket, np.random.default_rng(ticket))
        assert candidate is not None
        request = candidate.request
        if request.continues is None and asked and asked[-1].continues is not None:  # a generation ended
            assert len(LEARNED) == len(set(LEARNED)) == sum(one.continues is None for one in asked)
        if asked and asked[-1].donor is not None and asked[-1].fidelity.is_full and request.donor is None:
            n_waited += request.continues is not None
        asked.append(request)
        parents |= set(candidate.parents)
        algorithm.tell(ticket, table(request))
        assert len(set(algorithm.needed_states())) == len(algorithm.needed_states())
    assert n_waited > 0
    assert all(asked[ticket].fidelity.is_full for ticket in parents)
    assert any(asked[ticket].donor is not None for ticket in parents)


@pytest.mark.parametrize("form", FORMS)
def test_a_tiny_space_is_exhausted_all_the_same(toy: Any, journal: Journal, form: Any) -> None:
    """Heirs of heirs of each other's would be new for ever."""
    space = toy.BitSpace(members=("000", "001", "010", "011", "100", "111"))
    algorithm = algorithm_of(form, toy, space, population=4)
    outcome = toy.search(journal, algorithm, space=space, window=2, evaluations=1000)
    assert outcome.ending is Ending.EXHAUSTED


def test_an_heir_is_charged_the_share_of_full_training_that_it_is(toy: Any, journal: Journal) -> None:
    """An heir's heir, too: after 1 + 3 x 0.3 of 2 evaluations there is one more."""
    at = {epochs: replace(toy.TEN_EPOCHS, epochs=epochs) for epochs in (3, 10)}
    lines = [EvaluationRequest(toy.Bits("0"), at[10], saves_state=True)]
    lines += [EvaluationRequest(toy.Bits("1" * n), at[3], donor=n - 1, saves_state=True) for n in range(1, 9)]
    script = toy.Script(lines, needed=range(9))
    records = toy.search(journal, script, window=1, evaluations=2).records
    assert [record.n_epochs for record in records] == [10, 3, 3, 3, 3]


def test_it_is_off_by_default(toy: Any, journal: Journal) -> None:
    records = toy.search(journal, "steady with rungs", evaluations=30).records
    assert {record.donor for record in records} == {None}
    assert all(record.state is None for record in records if record.is_full)
    assert any(record.parents for record in records)
