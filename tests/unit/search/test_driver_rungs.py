"""Rungs and the driver: what a continuation costs, and the states that go from one ticket to the next."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evocnn.errors import JournalError, ReplayError
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.search import Ending
from evocnn.store import Journal, Record, front_of
from evocnn.workers import Executor, SerialExecutor, SimulatedExecutor

FORMS = ("generational with rungs", "steady with rungs")
LOST = "saved states in '.*' are missing or damaged; candidates that go on from one are trained anew, which"
MakeJournal = Callable[[], Journal]


def scattered(table: Any) -> Executor:
    """Return seven workers that finish in quite another order than the clock's."""
    return SimulatedExecutor(table, 7, lambda ticket, request: float(ticket * 7919 % 101))


def is_failing(text: str) -> bool:
    return text.count("1") == 6


def states_of(journal: Journal) -> Path:
    return journal.path.parent / "states"


def chains(records: list[Record]) -> Iterator[list[Record]]:
    """Yield the records of each candidate, from its first rung on; duplicates aside."""
    following = {record.continues: record for record in records if record.continues is not None}
    for record in records:
        if record.continues is None and record.reused_from is None:
            chain = [record]
            while chain[-1].ticket in following:
                chain.append(following[chain[-1].ticket])
            yield chain


def at(toy: Any, text: str, share: float, continues: int | None = None) -> EvaluationRequest:
    fidelity = replace(toy.TEN_EPOCHS, share=share)
    return EvaluationRequest(toy.Bits(text), fidelity, continues=continues, saves_state=share < 1)


@pytest.fixture
def ladder(toy: Any) -> list[EvaluationRequest]:
    """Return two candidates, of which the first climbs all rungs."""
    return [at(toy, "1", 0.1), at(toy, "0", 0.1), at(toy, "1", 0.3, 0), at(toy, "1", 1.0, 2)]


@pytest.mark.parametrize("algorithm", FORMS)
def test_a_candidate_climbs_from_rung_to_rung(toy: Any, journal: Journal, algorithm: str) -> None:
    outcome = toy.search(journal, algorithm, table=toy.Table(is_failing), evaluations=30)
    found = list(chains(outcome.records))
    for chain in found:
        assert [record.share for record in chain] == [0.1, 0.3, 1.0][: len(chain)]
        assert [record.n_epochs for record in chain] == [1, 2, 7][: len(chain)]
        assert len({(r.key, r.parents, r.operators, str(r.repairs)) for r in chain}) == 1
        assert all(record.evaluation.status is Status.OK for record in chain[:-1])
        assert [record.state is None for record in chain[:-1]] == [False] * (len(chain) - 1)
        assert len({record.identity for record in chain}) == len(chain)
    lengths = [len(chain) for chain in found]
    assert lengths.count(3) >= 10
    assert lengths.count(1) > lengths.count(2) > lengths.count(3)
    full = {chain[2].ticket for chain in found if len(chain) == 3}
    assert {parent for record in outcome.records for parent in record.parents} <= full
    assert {record.ticket for record in front_of(outcome.records, toy.OBJECTIVES).members} <= full


def test_a_continuation_costs_what_it_adds(toy: Any, journal: Journal, ladder: Any) -> None:
    space = toy.BitSpace(costs={"1": 2.0, "0": 3.0})
    script = toy.Script(ladder, needed=(0, 2))
    outcome = toy.search(journal, script, space=space, window=1, evaluations=2, epochs=11)
    assert [record.cost for record in outcome.records] == [2.0, 3.0, 4.0, 14.0]
    assert [record.n_epochs for record in outcome.records] == [1, 1, 2, 7]
    assert [(record.share, record.continues) for record in outcome.records] == [
        (0.1, None),
        (0.1, None),
        (0.3, 0),
        (1.0, 2),
    ]


def test_states_go_from_ticket_to_ticket(toy: Any, journal: Journal, ladder: Any) -> None:
    table = toy.Table()
    toy.search(journal, toy.Script(ladder, needed=(0, 2)), table=table, window=1, epochs=11)
    assert table.calls == ["1 to 1", "0 to 1", "1 to 3", "1"]
    assert table.anew == []


def test_an_evaluator_that_brings_no_state_is_asked_all_the_same(
    toy: Any, journal: Journal, ladder: Any
) -> None:
    table = toy.Table()
    lines = [replace(line, saves_state=False) for line in ladder]
    outcome = toy.search(journal, toy.Script(lines, needed=(0, 2)), table=table, window=1, epochs=11)
    assert table.anew == ["1 to 3", "1"]
    assert {record.state for record in outcome.records} == {None}
    assert not states_of(journal).exists()


def test_states_are_dropped_once_nobody_can_ask_for_them(toy: Any, journal: Journal, ladder: Any) -> None:
    """`1` is needed until its continuation is asked, and kept until that is committed."""
    script = toy.Script(ladder, needed={0, 2})

    def look(outcome: Any) -> bool:
        script.needed -= {record.continues for record in ladder[: script.position]}
        seen.append(sorted(path.read_text() for path in states_of(journal).glob("*")))
        return False

    seen: list[list[str]] = []
    toy.search(journal, script, window=1, epochs=11, should_stop=look)
    assert seen == [[], ["1 1"], ["1 1"], ["1 3"]]  # while each of the four tickets runs
    left = sorted(path.read_text() for path in states_of(journal).iterdir())
    assert left == ["1 3"]  # with a larger budget it might have been needed


@pytest.mark.parametrize("algorithm", FORMS)
@pytest.mark.parametrize("executor", [SerialExecutor, scattered])
def test_whatever_a_larger_budget_can_need_is_left(
    toy: Any, journal: Journal, algorithm: str, executor: Callable[[Any], Executor]
) -> None:
    searched = toy.algorithm(algorithm, toy.BitSpace())
    outcome = toy.search(journal, searched, executor, evaluations=20)
    needed = set(searched.needed_states())
    by_ticket = {record.ticket: record for record in outcome.records}
    assert {path.name for path in states_of(journal).iterdir()} >= {by_ticket[t].identity for t in needed}
    assert len(list(states_of(journal).iterdir())) < len(needed) + 8  # those in flight at most
    table = toy.Table()
    more = toy.search(journal, algorithm, executor, table=table, evaluations=30)
    assert table.anew == []
    assert len(more.calls) > 10


@pytest.mark.parametrize("executor", [SerialExecutor, scattered])
@pytest.mark.parametrize("algorithm", FORMS)
def test_after_a_crash_the_journal_becomes_that_of_an_uninterrupted_run(
    toy: Any, new_journal: MakeJournal, algorithm: str, executor: Callable[[Any], Executor]
) -> None:
    def search(journal: Journal, after: int | None = None) -> Any:
        return toy.search(
            journal,
            algorithm,
            lambda table: toy.Recorder(executor(table), crash_after=after),
            table=toy.Table(is_failing),
            evaluations=10,
        )

    whole = search(new_journal())
    assert len(whole.calls) > 30
    for after in (0, 7, 12, 19, 30):
        journal = new_journal()
        assert search(journal, after).ending is None
        second = search(journal)
        assert toy.timeless(second.records) == toy.timeless(whole.records)
        assert second.log == whole.log
        assert after + len(second.calls) == len(whole.calls)  # nothing is evaluated twice


@pytest.mark.parametrize("algorithm", FORMS)
def test_a_crash_loses_no_state_that_is_needed(toy: Any, new_journal: MakeJournal, algorithm: str) -> None:
    for after in range(3, 30, 5):
        journal, tables = new_journal(), [toy.Table(), toy.Table()]
        for table, crash in zip(tables, (after, None), strict=True):
            toy.search(
                journal,
                algorithm,
                lambda table, crash=crash: toy.Recorder(scattered(table), crash_after=crash),
                table=table,
                evaluations=9,
            )
        assert [table.anew for table in tables] == [[], []]


@pytest.mark.parametrize("algorithm", FORMS)
@pytest.mark.parametrize("damage", ["missing", "empty", "another's"])
def test_lost_states_cost_time_and_no_result(
    toy: Any, new_journal: MakeJournal, algorithm: str, damage: str
) -> None:
    whole = toy.search(new_journal(), algorithm, evaluations=15)
    journal, table = new_journal(), toy.Table()
    toy.search(
        journal, algorithm, lambda table: toy.Recorder(SerialExecutor(table), crash_after=9), evaluations=15
    )
    paths = sorted(states_of(journal).iterdir())
    contents = [path.read_bytes() for path in paths]
    for path, other in zip(paths, contents[1:] + contents[:1], strict=True):
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"" if damage == "empty" else other)
    with pytest.warns(UserWarning, match=LOST) as caught:
        second = toy.search(journal, algorithm, table=table, evaluations=15)
    assert len(caught) == 1
    assert len(table.anew) > 1
    assert toy.timeless(second.records) == toy.timeless(whole.records)
    assert second.log == whole.log


def test_a_state_that_was_never_lost_is_not_warned_of(toy: Any, journal: Journal, ladder: Any) -> None:
    """Who continues a ticket that it said it would not need gets no state, and no warning."""
    table = toy.Table()
    with warnings.catch_warnings(action="error"):
        toy.search(journal, toy.Script(ladder), table=table, window=1, epochs=11)
    assert table.anew == ["1 to 3", "1"]


def test_a_reused_ticket_is_continued_from_its_sources_state(toy: Any, journal: Journal) -> None:
    table = toy.Table()
    lines = [at(toy, "1", 0.1), at(toy, "1", 0.1), at(toy, "1", 1.0, continues=1)]
    outcome = toy.search(journal, toy.Script(lines, needed=(0, 1)), table=table, window=1, epochs=10)
    assert [record.reused_from for record in outcome.records] == [None, 0, None]
    assert [record.n_epochs for record in outcome.records] == [1, 0, 9]
    assert [record.cost == 0 for record in outcome.records] == [False, True, False]
    assert outcome.records[0].state == outcome.records[1].state
    assert (table.calls, table.anew) == (["1 to 1", "1"], [])


def test_a_donors_state_is_handed_on_and_its_loss_is_an_error(toy: Any, new_journal: MakeJournal) -> None:
    lines = [at(toy, "1", 0.1), replace(at(toy, "0", 1.0), donor=0)]
    given: list[bytes | None] = []

    class Listening(toy.Table):  # type: ignore[misc]
        def __call__(self, request: EvaluationRequest) -> Any:
            given.append(request.donor_state)
            return super().__call__(request)

    journal = new_journal()
    toy.search(journal, toy.Script(lines, needed=(0,)), table=Listening(), window=1, epochs=11)
    assert given == [None, b"1 1"]

    journal = new_journal()
    toy.search(journal, toy.Script(lines, needed=(0,)), window=1, epochs=1)
    next(states_of(journal).iterdir()).unlink()
    message = (
        r"the state of ticket 0, whose weights are inherited, must lie in the run folder, but it was missing "
        r"or damaged; put it back from a copy, or start a new run"
    )
    with pytest.warns(UserWarning, match=LOST), pytest.raises(ReplayError, match=message):
        toy.search(journal, toy.Script(lines, needed=(0,)), window=1, epochs=11)


def test_a_state_that_cannot_be_written_ends_the_search_before_its_row(
    toy: Any, journal: Journal, ladder: Any
) -> None:
    states_of(journal).write_text("no folder")
    with pytest.raises(
        JournalError, match=r"saved state '.*' must be writable, but: .*; free some space, then"
    ):
        toy.search(journal, toy.Script(ladder, needed=(0, 2)), window=1, epochs=11)
    assert list(journal.records()) == []
    states_of(journal).unlink()
    assert len(toy.search(journal, toy.Script(ladder, needed=(0, 2)), window=1, epochs=11).records) == 4


@pytest.mark.parametrize("n_epochs", [1, 9, 10, 11, 100])
def test_a_budget_of_epochs_ends_with_the_ticket_that_spends_it(
    toy: Any, new_journal: MakeJournal, n_epochs: int
) -> None:
    for algorithm in ("random with rungs", *FORMS):
        outcome = toy.search(new_journal(), algorithm, evaluations=None, epochs=n_epochs)
        by_asking = [record.n_epochs for record in outcome.records]
        assert sum(by_asking) >= n_epochs > sum(by_asking[:-1])
        assert outcome.ending is Ending.FINISHED


@pytest.mark.parametrize("algorithm", ["random with rungs", *FORMS])
def test_a_budget_of_evaluations_is_as_much_training_whatever_the_algorithm(
    toy: Any, journal: Journal, algorithm: str
) -> None:
    outcome = toy.search(journal, algorithm, evaluations=12)
    assert 120 <= sum(record.n_epochs for record in outcome.records) <= 126
    n_looked_at = sum(record.continues is None for record in outcome.records)
    assert n_looked_at == 12 if algorithm.startswith("random") else 25 < n_looked_at < 60


def test_shares_add_up_without_rounding(toy: Any, journal: Journal) -> None:
    """Ten times a tenth is one."""
    lines = [at(toy, format(n, "04b"), 0.1) for n in range(16)]
    outcome = toy.search(journal, toy.Script(lines), window=1, evaluations=1)
    assert len(outcome.records) == 10


@pytest.mark.parametrize("algorithm", FORMS)
def test_a_tiny_space_is_trained_in_full_before_it_is_exhausted(
    toy: Any, journal: Journal, algorithm: str
) -> None:
    space = toy.BitSpace(members=("000", "001", "010", "011", "100", "111"))
    outcome = toy.search(journal, algorithm, space=space, window=2, evaluations=1000, population=4)
    assert outcome.ending is Ending.EXHAUSTED
    full = [r for r in outcome.records if r.is_full and r.reused_from is None]
    assert sorted(record.text for record in full) == sorted(space.members)
