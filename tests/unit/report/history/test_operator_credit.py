"""What operators are credited with, in figures worked out by hand."""

from collections.abc import Callable

import pytest

from evocnn.evaluation import Status
from evocnn.report.history.operator_credit import DRAWN, operator_credit
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


def test_operators_are_credited_with_what_became_of_their_offspring(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(
        make_record(0, 0.5, 100, operators=()),
        make_record(1, 0.7, 100, operators=("cross", "mutate"), share=0.1),
        make_record(2, 0.8, 100, operators=("cross", "mutate"), continues=1),  # the front, until ticket 4
        make_record(3, 0.4, 200, operators=("mutate",)),
        make_record(4, 0.9, 50, operators=("mutate",)),
        make_record(5, 0.9, 50, operators=("mutate",), reused_from=4),
        make_record(6, status=Status.CRASHED, operators=("mutate",)),
    )
    found = operator_credit(run)
    counts = {row.name: (row.n_offspring, row.n_full, row.n_front, row.n_stayed) for row in found.rows}
    assert counts == {"mutate": (5, 3, 2, 1), "cross": (1, 1, 1, 0), DRAWN: (1, 1, 1, 0)}
    assert {row.name: row.n_offspring for row in found.combinations} == {
        "mutate": 4,
        "cross + mutate": 1,
        DRAWN: 1,
    }
    front = found.rows[0].front
    assert (front.share, front.low, front.high) == pytest.approx((0.4, 0.1176, 0.7693), abs=1e-4)
