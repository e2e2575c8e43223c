"""What is counted of a search, record by record."""

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from evocnn.evaluation import Objective, Objectives, Status
from evocnn.report.standing import Standing, standing_of
from evocnn.search import Budget
from evocnn.store import Record

MakeRecord = Callable[..., Record]
OBJECTIVES = Objectives(
    (
        Objective("validation_accuracy", 1.0, reference=0.1),
        Objective("parameters", -1.0, log=True, reference=10_000.0),
    )
)


@pytest.fixture
def ten() -> Standing:
    return Standing(OBJECTIVES, Budget(evaluations=10))


def with_epochs(record: Record, n: float) -> Record:
    """Return a record that says how many epochs it was really trained, as the evaluator does."""
    metrics = {**record.metrics, "epochs": n}
    return replace(record, evaluation=replace(record.evaluation, metrics=metrics))


def test_a_rung_counts_as_its_share_and_its_continuation_as_no_other_candidate(
    ten: Standing, make_record: MakeRecord
) -> None:
    rung = {"epochs": 10, "share": 0.1, "n_epochs": 1}
    ten.add(make_record(0, 0.5, 100.0, 0.0, **rung))
    ten.add(make_record(1, 0.5, 100.0, 0.0, **rung))
    assert (ten.n_looked_at, ten.n_full, ten.n_epochs) == (2, 0, 2)
    assert ten.n_epochs_saved == 18
    ten.add(make_record(2, 0.6, 100.0, 0.0, epochs=10, n_epochs=9, continues=0))
    assert (ten.n_looked_at, ten.n_full, ten.n_epochs) == (2, 1, 11)
    assert ten.n_epochs_saved == 9
    assert ten.spent == pytest.approx(1.1)
    assert ten.share(0.0) == pytest.approx(0.11)


def test_a_continuation_of_what_came_from_the_cache_ends_its_sources_saving(
    ten: Standing, make_record: MakeRecord
) -> None:
    rung = {"epochs": 10, "share": 0.1, "n_epochs": 1}
    ten.add(make_record(0, 0.5, 100.0, 0.0, **rung))
    ten.add(make_record(1, 0.5, 100.0, 0.0, reused_from=0, **(rung | {"n_epochs": 0})))
    ten.add(make_record(2, 0.5, 100.0, 0.0, epochs=10, n_epochs=9, continues=1))
    assert (ten.n_reused, ten.n_epochs_saved) == (1, 0)


def test_a_training_that_no_longer_improved_saves_its_other_epochs(
    ten: Standing, make_record: MakeRecord
) -> None:
    ten.add(with_epochs(make_record(0, 0.5, 100.0, 0.0, epochs=10, n_epochs=10), 7.0))
    assert ten.n_epochs_saved == 3


def test_failures_are_counted_apart_from_what_was_rejected(ten: Standing, make_record: MakeRecord) -> None:
    for ticket, status in enumerate((Status.REJECTED, Status.DIVERGED, Status.CRASHED, Status.DIVERGED)):
        ten.add(make_record(ticket, status=status))
    assert (ten.n_rejected, ten.n_failed, ten.n_looked_at, ten.n_full) == (1, 3, 3, 0)
    assert ten.failures == {Status.DIVERGED: 2, Status.CRASHED: 1}
    assert [record.ticket for record in ten.last_failures] == [1, 2, 3]
    assert ten.n_epochs_saved == 0


def test_repeats_of_a_network_are_not_counted_again(ten: Standing, make_record: MakeRecord) -> None:
    for replicate in range(3):
        ten.add(make_record(replicate, 0.5, 100.0, 0.0, key="same", replicate=replicate))
    assert (ten.n_looked_at, ten.n_full, ten.n_epochs, ten.spent) == (1, 1, 9, 3)


def test_a_child_that_inherits_counts_as_its_share_of_its_donors_training(
    ten: Standing, make_record: MakeRecord
) -> None:
    ten.add(make_record(0, 0.5, 100.0, 0.0, epochs=10, n_epochs=10))
    ten.add(make_record(1, 0.5, 100.0, 0.0, reused_from=0, epochs=10, n_epochs=0))
    ten.add(make_record(2, 0.5, 90.0, 0.0, epochs=4, n_epochs=4, donor=1))
    ten.add(make_record(3, 0.5, 80.0, 0.0, epochs=2, n_epochs=2, donor=2))
    assert ten.spent == pytest.approx(1.6)


@pytest.mark.parametrize(("limit", "n_before"), [(50, 4), (1000, 9)], ids=["tenth", "ten candidates"])
def test_the_time_left_is_told_once_it_can_be_estimated(
    limit: int, n_before: int, make_record: MakeRecord
) -> None:
    standing = Standing(OBJECTIVES, Budget(evaluations=limit))
    standing.add(make_record(99, 0.5, 100.0), is_earlier=True)  # tells nothing of this session's pace
    for ticket in range(n_before):
        standing.add(make_record(ticket, 0.5, 100.0))
        assert standing.seconds_left(10.0 + ticket + 1.0) is None
    standing.add(make_record(n_before, 0.5, 100.0))
    assert standing.seconds_left(10.0 + n_before + 1.0) == pytest.approx(limit - n_before - 2)


def test_a_budget_in_time_counts_earlier_sessions(make_record: MakeRecord) -> None:
    standing = Standing(OBJECTIVES, Budget(seconds=100.0))
    standing.add(make_record(0, 0.5, 100.0, elapsed=20.0), is_earlier=True)
    standing.add(make_record(1, 0.5, 100.0, elapsed=15.0), is_earlier=True)  # committed before, told later
    standing.add(make_record(2, 0.5, 100.0, elapsed=50.0))
    assert (standing.share(50.0), standing.seconds_left(50.0), standing.limit) == (0.5, 50.0, None)
    assert (standing.share(1000.0), standing.seconds_left(1000.0)) == (1.0, 0.0)


def test_the_trace_has_a_step_for_each_change_of_the_hypervolume(
    ten: Standing, make_record: MakeRecord
) -> None:
    for ticket, accuracy in enumerate((0.5, 0.4, 0.9)):
        ten.add(make_record(ticket, accuracy, 100.0, 0.0))
    assert ten.trace == [(1.0, pytest.approx(0.4 * 2)), (3.0, pytest.approx(0.8 * 2))]


def test_the_best_by_size_leaves_out_members_that_are_larger_and_no_better(make_record: MakeRecord) -> None:
    gap = Objective("generalization_gap", -1.0, reference=1.0)
    standing = Standing(Objectives((*OBJECTIVES.items, gap)), Budget())
    for ticket, values in enumerate([(0.9, 500.0, 0.2), (0.5, 50.0, 0.2), (0.8, 700.0, 0.0)]):
        standing.add(make_record(ticket, *values))
    assert len(standing.front.members) == 3
    assert [record.ticket for record in standing.best_by_size()] == [1, 0]


@pytest.mark.parametrize(
    ("search", "limit", "unit"),
    [
        ({}, 100, "full trainings"),
        ({"search": {"budget": "500 epochs"}}, 500, "epochs"),
        ({"search": {"budget": {"use": "evocnn.search:Budget"}}}, None, "full trainings"),
    ],
    ids=["default", "epochs", "made in Python"],
)
def test_the_manifest_tells_objectives_and_budget(
    search: dict[str, object], limit: int | None, unit: str
) -> None:
    manifest = {"experiment": search, "objectives": [asdict(item) for item in OBJECTIVES.items]}
    standing = standing_of(manifest)
    assert standing.objectives == OBJECTIVES
    assert (standing.limit, standing.unit) == (limit, unit)


def test_how_far_networks_came_is_counted_for_each_rung(ten: Standing, make_record: MakeRecord) -> None:
    ten.add(make_record(0, 0.5, 100.0, share=0.1, n_epochs=1))
    ten.add(make_record(1, 0.5, 100.0, share=0.1, n_epochs=1))
    ten.add(make_record(2, 0.6, 100.0, continues=0, n_epochs=2))
    ten.add(make_record(3, 0.6, 100.0, replicate=1))
    ten.add(make_record(4, status=Status.CRASHED))
    assert ten.reached == {0.1: 2, 1.0: 1}
