"""What became of candidates and epochs, in figures worked out by hand."""

from collections.abc import Callable
from typing import Any

from evocnn.evaluation import Evaluation, Status
from evocnn.report.history.outcomes import outcomes_of
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


def rows(counts: Any) -> dict[str, int]:
    return {count.name: count.n for count in counts}


def test_candidates_and_epochs_add_up(make_record: MakeRecord, make_run: MakeRun) -> None:
    def stopped_early(ticket: int, n: int) -> Record:
        metrics = {"validation_accuracy": 0.9, "parameters": 10, "generalization_gap": 0.1, "epochs": n}
        full = {"epochs": 10, "n_epochs": 7, "continues": 1}
        return make_record(ticket, evaluation=Evaluation(Status.OK, metrics), **full)

    rung = {"epochs": 10, "n_epochs": 3, "share": 0.3}
    run = make_run(
        make_record(0, 0.5, 10, **rung),
        make_record(1, 0.5, 10, **rung),
        stopped_early(2, 6),
        make_record(3, 0.5, 10, reused_from=0, **{**rung, "n_epochs": 0}),
        make_record(4, evaluation=Evaluation(Status.CRASHED, reason="at 1.5 of 7"), **rung),
        make_record(5, evaluation=Evaluation(Status.CRASHED, reason="at 2 of 9"), **rung),
        make_record(6, status=Status.REJECTED, **{**rung, "n_epochs": 0}),
    )
    found = outcomes_of(run)
    assert rows(found.candidates) == {
        "trained in full": 1,
        "stopped at 30 %": 1,
        "crashed": 2,
        "rejected": 1,
        "seen before": 1,
    }
    assert rows(found.epochs) == {
        "trained": 3 + 6 + 3 + 3,
        "saved by rungs": 7,
        "saved by early stops": 4,
        "saved by reuse": 3,
        "saved by rejection": 3,
    }
    assert [(reason.reason, reason.n, reason.tickets) for reason in found.reasons] == [
        ("at 1.5 of 7", 2, (4, 5)),
        ("no reason was recorded", 1, (6,)),
    ]
