"""How the hypervolume of a search rose, in figures worked out by hand."""

from collections.abc import Callable

import pytest

from evocnn.report.history.hypervolume import hypervolume_of
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


def test_the_hypervolume_rises_at_what_was_charged_before_it(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(
        make_record(0, 0.5, 4000, n_epochs=3, elapsed=5.0),
        make_record(1, 0.4, 4500, n_epochs=3, elapsed=7.0),  # dominated
        make_record(2, 0.9, 40, n_epochs=3, elapsed=6.0),
    )
    axes = hypervolume_of(run).axes
    volume = run.front.hypervolume
    assert axes["evaluations"].costs == (0, 0, 2, 3)
    assert axes["epochs"].costs == (0, 0, 6, 9)
    assert axes["seconds"].costs == pytest.approx((0, 5, 6, 7))
    for rise in axes.values():
        assert rise.values[0] == 0
        assert 0 < rise.values[1] < rise.values[2] == rise.values[3] == pytest.approx(volume)
