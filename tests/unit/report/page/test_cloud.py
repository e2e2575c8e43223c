"""The columns that the page's script draws."""

from collections.abc import Callable

import pytest

from evocnn.evaluation import Status
from evocnn.report.page.cloud import cloud_of
from evocnn.runs import Run
from evocnn.store import Record


def test_members_stand_with_their_means_and_intervals(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    twice = {"key": "same"}
    run = make_run(
        make_record(0, 0.80, 100, 0.1, **twice), make_record(1, 0.90, 100, 0.1, replicate=1, **twice)
    )
    cloud = cloud_of(run)
    assert cloud["tickets"] == [0]
    assert cloud["values"]["validation_accuracy"] == [0.85]
    # Student's t for one degree of freedom, 12.706, times 0.0707 / sqrt(2)
    assert cloud["intervals"]["0"]["validation_accuracy"] == pytest.approx(12.706 * 0.05, rel=1e-4)


def test_failures_have_no_place_and_rungs_are_told_apart(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    run = make_run(
        make_record(0, 0.8, 100, 0.1),
        make_record(1, status=Status.DIVERGED),
        make_record(2, 0.7, 50, share=0.1),
    )
    cloud = cloud_of(run)
    assert cloud["tickets"] == [0, 2]
    assert cloud["full"] == [1, 0]
    assert cloud["values"]["generalization_gap"] == [0.1, 0.1]


def test_a_metric_that_some_lack_is_null_there(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    from dataclasses import replace

    one, other = make_record(0, 0.8, 100, 0.1), make_record(1, 0.7, 50, 0.1)
    one = replace(one, evaluation=replace(one.evaluation, metrics={**one.metrics, "latency": 0.0123456789}))
    assert cloud_of(make_run(one, other))["values"]["latency"] == [0.0123457, None]
