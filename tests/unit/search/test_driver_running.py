"""What the driver says is being trained."""

from collections.abc import Callable
from itertools import count
from time import time
from typing import Any

import pytest

from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import Fidelity
from evocnn.search import Budget, Driver
from evocnn.search import driver as module
from evocnn.store import Journal, Running
from evocnn.workers import SerialExecutor, SimulatedExecutor


def driver_of(
    toy: Any, journal: Journal, executor: Any, lines: Any, *, on_running: Any, n_evaluations: int = 4
) -> Driver:
    return Driver(
        toy.Script(lines),
        toy.BitSpace(),
        executor,
        journal,
        context="table",
        seed=1,
        window=3,
        budget=Budget(evaluations=n_evaluations),
        on_running=on_running,
    )


def test_all_that_is_being_trained_is_told_before_it_is_waited_for(
    toy: Any, new_journal: Callable[[], Journal]
) -> None:
    told: list[tuple[Running, ...]] = []
    executor = SimulatedExecutor(toy.Table(), 2, lambda ticket, request: 1.0)
    before = time()
    driver_of(toy, new_journal(), executor, ["00", "01", "10", "11"], on_running=told.append).run()
    assert [len(running) for running in told] == [2, 2, 2, 1]
    texts = {one.ticket: one.text for running in told for one in running}
    assert texts == {0: "00", 1: "01", 2: "10", 3: "11"}
    first, second = told[0]
    assert (first.worker, first.start, first.stop, first.epochs) == ("simulated", 0, 1, 1)
    assert before <= first.since <= time()
    again = [one for running in told[1:] for one in running if one.ticket == second.ticket]
    assert again == [second] * len(again) != []


def test_a_continuation_tells_the_epochs_that_it_adds(toy: Any, new_journal: Callable[[], Journal]) -> None:
    rung = EvaluationRequest(toy.Bits("00"), Fidelity(10, 10, 0.3), saves_state=True)
    onwards = EvaluationRequest(toy.Bits("00"), Fidelity(10, 10), continues=0)
    told: list[tuple[Running, ...]] = []
    executor = SerialExecutor(toy.Table())
    driver_of(
        toy, new_journal(), executor, [rung, None, onwards, None], on_running=told.append, n_evaluations=1
    ).run()
    assert [(one.ticket, one.start, one.stop, one.epochs) for (one,) in told] == [
        (0, 0, 3, 10),
        (1, 3, 10, 10),
    ]


def test_what_the_journal_answers_is_not_trained(toy: Any, new_journal: Callable[[], Journal]) -> None:
    journal = new_journal()
    told: list[Any] = []
    for _ in range(2):
        executor = SerialExecutor(toy.Table())
        driver_of(toy, journal, executor, ["00", "01", "10", "11"], on_running=told.append).run()
    assert len(told) == 4


def test_the_time_of_a_training_counts_earlier_sessions(
    toy: Any, new_journal: Callable[[], Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "monotonic", map(float, count()).__next__)
    journal = new_journal()
    told: list[tuple[Running, ...]] = []
    for n in (1, 2):
        executor = SerialExecutor(toy.Table())
        driver_of(toy, journal, executor, ["00", "01"], on_running=told.append, n_evaluations=n).run()
    ends = [record.elapsed for record in journal.records()]
    ((first,), (second,)) = told
    assert 0 < first.elapsed < ends[0] < second.elapsed < ends[1]
