"""Where the time of workers went, in figures worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from evocnn.evaluation import Evaluation, Status
from evocnn.report.history.time_use import time_use_of
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


@pytest.mark.parametrize(
    ("crew", "torch", "n_workers"),
    [
        ({"count": 0}, "2.0+cpu", 1),
        ({"count": 3}, "2.0+cpu", 3),
        ({"count": None}, "2.0+cpu", 4),
        ({"count": None, "address": "auto"}, "2.0+cpu", None),
        ({"count": 1}, "2.0+cu128", None),
        ({"count": 1, "gpus_per_worker": 0.0}, "2.0+cu128", 1),
    ],
)
def test_the_rest_of_the_workers_time_is_told_where_their_number_is_known(
    crew: dict[str, Any],
    torch: str,
    n_workers: int | None,
    make_record: MakeRecord,
    make_run: MakeRun,
) -> None:
    trained = [Evaluation(Status.OK, make_record(0, 0.5, 10).metrics, seconds=2.0) for _ in range(3)]
    run = make_run(*(make_record(n, evaluation=each, elapsed=10.0) for n, each in enumerate(trained)))
    machine = {"torch": torch, "cores": 4}
    run.manifest.update(workers={"gpus_per_worker": None, "address": None} | crew, environment=machine)
    found = time_use_of(run)
    assert (found.elapsed, found.training, found.n_workers) == (10, 6, n_workers)
    rest = [] if n_workers is None else [10 * n_workers - 6]
    assert [part.seconds for part in found.parts] == [6, *rest]
    assert found.notes


def test_more_training_than_the_workers_could_do_is_told(make_record: MakeRecord, make_run: MakeRun) -> None:
    evaluation = Evaluation(Status.OK, make_record(0, 0.5, 10).metrics, seconds=25.0)
    found = time_use_of(make_run(make_record(0, evaluation=evaluation, elapsed=10.0)))
    assert found.n_workers is None
    assert "cannot be told" in found.notes[0]
