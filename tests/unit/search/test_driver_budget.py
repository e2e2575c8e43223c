"""When a search ends: budgets in evaluations and seconds, exhausted spaces, algorithms that are stuck."""

from collections.abc import Callable
from typing import Any

import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.search import Budget, Driver, Ending
from evocnn.search import driver as driver_module
from evocnn.store import Journal
from evocnn.workers import Executor, SerialExecutor, SimulatedExecutor

ALGORITHMS = ("generational", "steady", "random")


class Clock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(driver_module, "monotonic", clock)
    return clock


class Slow:
    """A worker that takes one second of the test's clock for each evaluation.

    Args:
        table: Evaluates.
        clock: Is moved on.
    """

    def __init__(self, table: Any, clock: Clock) -> None:
        self.table, self.clock, self.context = table, clock, table.context

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        self.clock.now += 1.0
        return self.table(request)


def one_second_each(clock: Clock) -> Callable[[Any], Executor]:
    return lambda table: SerialExecutor(Slow(table, clock))


@pytest.mark.parametrize("n", [1, 4, 5, 6, 33])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_budget_of_evaluations_is_kept_exactly(toy: Any, journal: Journal, algorithm: str, n: int) -> None:
    table = toy.Table(fails=lambda text: text.startswith("00"))
    outcome = toy.search(journal, algorithm, table=table, evaluations=n)
    assert outcome.ending is Ending.FINISHED
    assert len(outcome.calls) == len(set(outcome.calls)) == n
    assert len([record for record in outcome.records if record.reused_from is None]) == n


def test_failures_count_and_duplicates_do_not(toy: Any, journal: Journal) -> None:
    table = toy.Table(fails=lambda text: text == "a")
    outcome = toy.search(journal, toy.Script("aabbac"), table=table, window=1, evaluations=3)
    assert [record.reused_from for record in outcome.records] == [None, 0, None, 2, 0, None]
    assert [record.evaluation.status for record in outcome.records].count(Status.OUT_OF_MEMORY) == 3
    assert outcome.calls == ["a", "b", "c"]


def test_a_budget_of_nothing_asks_nothing(toy: Any, journal: Journal) -> None:
    outcome = toy.search(journal, evaluations=0)
    assert (outcome.ending, outcome.log, outcome.records) == (Ending.FINISHED, [], [])


def test_a_time_budget_cuts_the_sequence(toy: Any, new_journal: Callable[[], Journal], clock: Clock) -> None:
    whole = toy.search(new_journal(), evaluations=30)
    cut = toy.search(new_journal(), executor=one_second_each(clock), evaluations=None, seconds=9.5)
    assert cut.ending is Ending.FINISHED
    assert len(cut.calls) == 10  # the tenth began in time
    assert sorted(record.elapsed for record in cut.records) == [float(n) for n in range(1, 11)]
    assert toy.timeless(cut.records) == [r for r in toy.timeless(whole.records) if r.ticket in set(cut.told)]
    assert len(cut.told) == 10
    assert cut.told == whole.told[:10]


def test_elapsed_time_adds_up_over_sessions(
    toy: Any, new_journal: Callable[[], Journal], clock: Clock
) -> None:
    journal = new_journal()
    search = {"executor": one_second_each(clock), "evaluations": None}
    first = toy.search(journal, seconds=10.0, **search)
    clock.now += 5000  # between sessions nothing counts
    same = toy.search(journal, seconds=10.0, **search)
    assert same.calls == []
    assert same.ending is Ending.FINISHED
    assert same.records == first.records
    second = toy.search(journal, seconds=15.0, **search)
    assert len(second.calls) == 5
    assert sorted(record.elapsed for record in second.records) == [float(n) for n in range(1, 16)]
    whole = toy.search(new_journal(), seconds=15.0, **search)
    assert toy.timeless(second.records) == toy.timeless(whole.records)


@pytest.mark.parametrize("n_workers", [1, 3, 9])
def test_when_time_is_up_what_runs_is_finished_and_recorded(
    toy: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch, n_workers: int
) -> None:
    recorders: list[Any] = []

    def executor(table: Any) -> Executor:
        workers = SimulatedExecutor(table, n_workers, lambda ticket, request: 3.0 + ticket % 5)
        monkeypatch.setattr(driver_module, "monotonic", lambda: workers.now)
        recorders.append(toy.Recorder(workers))
        return recorders[0]

    outcome = toy.search(journal, "steady", executor, window=12, evaluations=None, seconds=20.0)
    assert outcome.ending is Ending.FINISHED
    evaluated = [record for record in outcome.records if record.reused_from is None]
    assert {record.ticket for record in evaluated} == set(recorders[0].submitted)
    assert 20.0 <= max(record.elapsed for record in evaluated) < 20.0 + 7.0
    assert recorders[0].n_running == 0


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_is_finished_in_the_last_moment_is_told_as_far_as_the_clock_goes(
    toy: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    durations = (1.0, 5.0, 2.0, 9.0)  # the fourth begins at 1 and ends at 10

    def executor(table: Any) -> Executor:
        workers = SimulatedExecutor(table, 3, lambda ticket, request: durations[ticket])
        monkeypatch.setattr(driver_module, "monotonic", lambda: workers.now)
        return workers

    def is_late(outcome: Any) -> bool:
        return by_hand and driver_module.monotonic() >= 3.0

    outcome = toy.search(
        journal,
        toy.Script("abcdefg"),
        executor,
        space=toy.BitSpace(costs=dict.fromkeys("abcdefg", 1.0)),
        window=3,
        evaluations=7,
        seconds=None if by_hand else 3.0,
        should_stop=is_late,
    )
    assert outcome.ending is (Ending.INTERRUPTED if by_hand else Ending.FINISHED)
    assert outcome.told == [0, 1, 2, 3]
    assert [record.ticket for record in outcome.records] == [0, 1, 2, 3]


def test_a_stop_during_the_last_evaluations_finds_the_search_finished(toy: Any, journal: Journal) -> None:
    outcome = toy.search(
        journal,
        toy.Script("abcd"),
        lambda table: SimulatedExecutor(table, 4, lambda ticket, request: 1.0),
        window=4,
        evaluations=4,
        should_stop=lambda outcome: len(outcome.calls) == 4,  # all are submitted
    )
    assert outcome.ending is Ending.FINISHED
    assert sorted(outcome.told) == [0, 1, 2, 3]


def test_whichever_budget_is_spent_first_ends_the_search(toy: Any, journal: Journal, clock: Clock) -> None:
    executor = one_second_each(clock)
    assert len(toy.search(journal, executor=executor, evaluations=7, seconds=100.0).calls) == 7
    assert len(toy.search(journal, executor=executor, evaluations=70, seconds=9.0).calls) == 2


def test_a_stop_outlasts_the_time_budget(toy: Any, journal: Journal, clock: Clock) -> None:
    outcome = toy.search(
        journal,
        executor=one_second_each(clock),
        seconds=3.0,
        should_stop=lambda outcome: len(outcome.calls) >= 3,
    )
    assert outcome.ending is Ending.INTERRUPTED


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("window", [1, 2, 20])
def test_a_tiny_space_is_exhausted(toy: Any, journal: Journal, algorithm: str, window: int) -> None:
    space = toy.BitSpace(members=("000", "001", "010", "011", "100", "111"))
    outcome = toy.search(journal, algorithm, space=space, window=window, evaluations=1000, population=4)
    assert outcome.ending is Ending.EXHAUSTED
    assert sorted(outcome.calls) == sorted(space.members)  # each of them once
    assert [record.reused_from is None for record in outcome.records[-100:]] == [False] * 100
    assert sorted(outcome.told) == list(range(len(outcome.records)))  # all was told before the end
    found = {record.text: record for record in outcome.records if record.reused_from is None}
    for record in outcome.records:
        assert record.metrics == found[record.text].metrics
        assert record.reused_from in (None, found[record.text].ticket)
        assert (record.evaluation.seconds == 0.0) == (record.reused_from is not None)


def test_an_exhausted_search_is_exhausted_again(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(members=("000", "001"))
    first = toy.search(journal, space=space, evaluations=10)
    second = toy.search(journal, space=space, evaluations=10)
    assert (second.calls, second.ending, second.records) == ([], Ending.EXHAUSTED, first.records)


def test_duplicates_count_in_a_row(toy: Any, journal: Journal) -> None:
    lines = ["a", *["a"] * 99, "b", *["b"] * 99, "c", *["a"] * 100, "never"]
    outcome = toy.search(journal, toy.Script(lines), window=1, evaluations=10)
    assert outcome.ending is Ending.EXHAUSTED
    assert outcome.calls == ["a", "b", "c"]
    assert len(outcome.records) == len(lines) - 1


@pytest.mark.parametrize("before", ["", "ab"])
def test_an_algorithm_that_is_stuck_is_an_error(toy: Any, journal: Journal, before: str) -> None:
    message = (
        "an algorithm must answer once all it asked has been told, but it said 'not yet'; correct its ask"
    )
    with pytest.raises(ExperimentError, match=message):
        toy.search(journal, toy.Script([*before, *[None] * 10]), window=4, evaluations=5)
    assert [record.text for record in journal.records()] == list(before)


def test_a_spent_budget_is_no_error_for_an_algorithm_that_waits(toy: Any, journal: Journal) -> None:
    outcome = toy.search(journal, toy.Script(["a", None, "b"]), window=3, evaluations=2)
    assert outcome.ending is Ending.FINISHED
    assert len(outcome.told) == 2


def test_one_bad_candidate_never_ends_a_search(toy: Any, journal: Journal) -> None:
    def fails(text: str) -> bool:
        if text == "b":
            raise ZeroDivisionError("in user code")
        return False

    outcome = toy.search(journal, toy.Script("abc"), table=toy.Table(fails), window=1, evaluations=3)
    assert [line for line in outcome.log if "tell" in line] == ["tell 0 ok", "tell 1 crashed", "tell 2 ok"]
    assert outcome.records[1].evaluation.reason.startswith("ZeroDivisionError: in user code at ")


def test_time_in_the_executor_is_told_from_the_drivers_own(toy: Any, journal: Journal, clock: Clock) -> None:
    def is_stopped() -> bool:
        clock.now += 0.125
        return False

    driver = Driver(
        toy.Script("abcd"),
        toy.BitSpace(),
        one_second_each(clock)(toy.Table()),
        journal,
        context="table",
        seed=1,
        window=2,
        budget=Budget(evaluations=4),
        should_stop=is_stopped,
    )
    driver.run()
    assert driver.seconds_waiting == 4.0


def test_an_algorithm_with_nothing_more_to_ask_completes_a_search(toy: Any, journal: Journal) -> None:
    """What is in flight is told first, and the algorithm may think of more then."""
    lines = ["a", "b", Ending.COMPLETE, "c", *[Ending.COMPLETE] * 3]
    outcome = toy.search(journal, toy.Script(lines), window=4, evaluations=10)
    assert outcome.ending is Ending.COMPLETE
    acts = [entry.split()[0] for entry in outcome.log]
    assert acts == ["ask", "ask", "ask", "tell", "ask", "ask", "tell", "ask", "tell", "ask"]
    assert sorted(record.text for record in outcome.records) == ["a", "b", "c"]
