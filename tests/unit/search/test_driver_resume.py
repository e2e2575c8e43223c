"""The journal is the checkpoint: a search that was cut goes on as if it had not been."""

from collections.abc import Callable
from typing import Any

import pytest

from evocnn.errors import JournalError, ReplayError
from evocnn.evaluation import Evaluation
from evocnn.search import Ending
from evocnn.store import Journal
from evocnn.workers import Executor, SerialExecutor, SimulatedExecutor

ALGORITHMS = ("generational", "steady", "random")
MakeJournal = Callable[[], Journal]


def scattered(table: Any) -> Executor:
    """Return seven workers that finish in quite another order than the clock's."""
    return SimulatedExecutor(table, 7, lambda ticket, request: float(ticket * 7919 % 101))


def is_failing(text: str) -> bool:
    return text.count("1") == 6


def crashing(toy: Any, executor: Callable[[Any], Executor], after: int) -> Callable[[Any], Executor]:
    return lambda table: toy.Recorder(executor(table), crash_after=after)


@pytest.mark.parametrize("executor", [SerialExecutor, scattered])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_after_a_crash_the_journal_becomes_that_of_an_uninterrupted_run(
    toy: Any, new_journal: MakeJournal, algorithm: str, executor: Callable[[Any], Executor]
) -> None:
    whole = toy.search(new_journal(), algorithm, executor, table=toy.Table(is_failing))
    for after in (0, 1, 13, 59):
        journal = new_journal()
        first = toy.search(journal, algorithm, crashing(toy, executor, after), table=toy.Table(is_failing))
        assert first.ending is None
        kept = [record for record in first.records if record.reused_from is None]
        assert len(kept) == after  # all that came back is in the journal

        # other workers, too
        second = toy.search(journal, algorithm, scattered, table=toy.Table(is_failing))
        assert second.ending is whole.ending
        assert toy.timeless(second.records) == toy.timeless(whole.records)
        assert second.log == whole.log
        assert second.told == whole.told
        assert not {record.text for record in kept} & set(second.calls)  # nothing is evaluated twice
        assert len(kept) + len(second.calls) == len(set(whole.calls)) == 60


@pytest.mark.parametrize("executor", [SerialExecutor, scattered])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_after_a_stop_too(
    toy: Any, new_journal: MakeJournal, algorithm: str, executor: Callable[[Any], Executor]
) -> None:
    whole = toy.search(new_journal(), algorithm, executor)
    for after in (0, 1, 20, 45):
        journal = new_journal()
        recorders: list[Any] = []

        def recorded(table: Any, recorders: list[Any] = recorders) -> Executor:
            recorders.append(toy.Recorder(executor(table)))
            return recorders[0]

        first = toy.search(
            journal, algorithm, recorded, should_stop=lambda outcome, n=after: len(outcome.calls) >= n
        )
        assert first.ending is Ending.INTERRUPTED
        kept = {record.ticket for record in first.records if record.reused_from is None}
        assert kept == set(recorders[0].submitted)  # what ran was finished and is in the journal
        assert after <= len(kept) < after + 7

        second = toy.search(journal, algorithm, executor)
        assert toy.timeless(second.records) == toy.timeless(whole.records)
        assert second.log == whole.log
        assert len(kept) + len(second.calls) == 60


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_that_crashes_again_and_again_comes_to_its_end(
    toy: Any, new_journal: MakeJournal, algorithm: str
) -> None:
    whole, journal = toy.search(new_journal(), algorithm), new_journal()
    sessions = []
    while not sessions or (sessions[-1].ending is None and len(sessions) < 20):
        sessions.append(toy.search(journal, algorithm, crashing(toy, scattered, after=9)))
    outcome = sessions[-1]
    assert len(sessions) == 7  # 60 evaluations, 9 a session
    assert toy.timeless(outcome.records) == toy.timeless(whole.records)
    assert outcome.log == whole.log


def test_a_finished_search_is_only_replayed(toy: Any, journal: Journal) -> None:
    first = toy.search(journal)
    second = toy.search(journal)
    assert second.calls == []
    assert second.records == first.records  # times and all
    assert (second.log, second.told, second.ending) == (first.log, first.told, first.ending)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_larger_budget_continues_a_finished_search(
    toy: Any, new_journal: MakeJournal, algorithm: str
) -> None:
    journal = new_journal()
    first = toy.search(journal, algorithm, evaluations=30)
    second = toy.search(journal, algorithm, evaluations=50)
    whole = toy.search(new_journal(), algorithm, evaluations=50)
    assert toy.timeless(second.records) == toy.timeless(whole.records)
    assert second.records[: len(first.records)] == first.records
    assert len(second.calls) == 20


@pytest.mark.parametrize("changes", [{"seed": 2}, {"context": "other"}])
def test_another_search_is_refused_before_anything_is_evaluated(
    toy: Any, journal: Journal, changes: dict[str, Any]
) -> None:
    first = toy.search(journal, evaluations=20)
    table = toy.Table(context=changes.pop("context", "table"))
    message = (
        rf"ticket 0 must ask again what the journal holds \({first.records[0].text}\), but it asked for "
        "another evaluation; resume with the experiment, data and versions of the run, or start a new one"
    )
    with pytest.raises(ReplayError, match=message):
        toy.search(journal, table=table, **changes)
    assert table.calls == []
    assert list(journal.records()) == first.records


def test_a_search_that_parts_ways_later_is_refused_there(toy: Any, journal: Journal) -> None:
    toy.search(journal, toy.Script("abcdef"), evaluations=6)
    with pytest.raises(ReplayError, match=r"ticket 3 must ask again what the journal holds \(d\)"):
        toy.search(journal, toy.Script("abcxef"), evaluations=6)


def test_a_replay_hears_what_was_found_and_not_what_would_be_found_now(toy: Any, journal: Journal) -> None:
    toy.search(journal, evaluations=20, table=toy.Table(fails=lambda text: True))
    second = toy.search(journal, evaluations=20)
    told = [line.split()[2] for line in second.log if line.startswith("tell")]
    assert set(told) == {"out_of_memory"}


def test_a_journal_that_cannot_be_written_ends_the_search_before_it_is_told(
    toy: Any, journal: Journal
) -> None:
    journal._connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON evaluations WHEN NEW.ticket = 3 "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    script = toy.Script("abcdef")
    with pytest.raises(JournalError, match="must be writable, but SQLite said: disk full"):
        toy.search(journal, script, window=1, evaluations=6)
    assert [record.ticket for record in journal.records()] == [0, 1, 2]
    journal._connection.execute("DROP TRIGGER full")
    second = toy.search(journal, toy.Script("abcdef"), window=1, evaluations=6)
    assert second.calls == ["d", "e", "f"]


@pytest.mark.fault
def test_what_finished_together_is_kept_but_for_what_cannot_be(toy: Any, journal: Journal) -> None:
    """Fails where `_collect` ends at the first that cannot be committed."""

    class Together(SimulatedExecutor):
        def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
            return [one for _ in range(self.n_running) for one in SimulatedExecutor.wait(self, timeout)]

    journal._connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON evaluations WHEN NEW.ticket = 0 "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    script = toy.Script("abc")
    with pytest.raises(JournalError, match="must be writable, but SQLite said: disk full"):
        toy.search(journal, script, lambda table: Together(table, 3, lambda *_: 1.0), window=3, evaluations=3)
    assert [record.ticket for record in journal.records()] == [1, 2]
