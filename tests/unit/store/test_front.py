from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Objective, Objectives, Status
from evocnn.store import GrowingFront, Record, front_of, selectable

MakeRecord = Callable[..., Record]
OBJECTIVES = Objectives(
    (
        Objective("accuracy", 1.0, floor=0.2, reference=0.0),
        Objective("size", -1.0, log=True, reference=10_000.0),
    )
)


def of(accuracy: float, size: float) -> dict[str, float]:
    return {"accuracy": accuracy, "size": size}


def test_the_front_by_hand(record: MakeRecord, word_space: Any) -> None:
    records = [
        record(0, metrics=of(0.5, 10.0)),
        record(1, metrics=of(0.9, 1000.0)),
        record(2, metrics=of(0.4, 100.0)),  # dominated by 0
        record(3, metrics=of(0.8, 20.0)),
        record(4, metrics=of(0.1, 1.0)),  # infeasible
        record(5, metrics=of(0.99, 1.0), status=Status.TIMED_OUT),
        record(6, metrics=of(0.9, 1000.0), reused_from=1),
        record(7, status=Status.CRASHED),
        record(8, metrics=of(0.99, 1.0), share=0.3),  # not trained in full
    ]
    front = front_of(reversed(records), OBJECTIVES)
    assert [member.ticket for member in front.members] == [1, 3, 0]
    np.testing.assert_allclose(front.losses, [[-0.9, 3.0], [-0.8, np.log10(20)], [-0.5, 1.0]])
    assert front.reference_point == {"accuracy": 0.0, "size": 10_000.0}
    # from the right: 0.5 x (4 - 1), then the strips that each better accuracy adds
    expected = 0.5 * 3 + 0.3 * (4 - np.log10(20)) + 0.1 * 1
    assert front.hypervolume == pytest.approx(expected)
    assert front.knee is records[3]


def test_a_front_without_members(record: MakeRecord, word_space: Any) -> None:
    for records in ([], [record(0, metrics=of(0.1, 1.0)), record(1, status=Status.DIVERGED)]):
        front = front_of(records, OBJECTIVES)
        assert front.members == ()
        assert front.losses.shape == (0, 2)
        assert front.hypervolume == 0.0
        assert front.knee is None
        assert front.reference_point == {"accuracy": 0.0, "size": 10_000.0}


def test_equals_stay_in_the_order_of_tickets(record: MakeRecord, word_space: Any) -> None:
    records = [record(ticket, metrics=of(0.5, 10.0)) for ticket in (4, 2, 3)]
    front = front_of(records, OBJECTIVES)
    assert [member.ticket for member in front.members] == [2, 3, 4]
    assert front.knee is records[1]


def test_the_front_is_the_set_that_none_dominates(record: MakeRecord, word_space: Any) -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(0, 6, 80)  # few values, for ties; better ones cost more
    figures = [of(float((n + rng.integers(0, 4)) / 10), float(10**n)) for n in sizes]
    records = [record(ticket, metrics=metrics) for ticket, metrics in enumerate(figures)]
    feasible = [ticket for ticket, metrics in enumerate(figures) if metrics["accuracy"] >= 0.2]

    def is_dominated(ticket: int) -> bool:
        mine = figures[ticket]
        return any(
            other["accuracy"] >= mine["accuracy"] and other["size"] <= mine["size"] and other != mine
            for other in (figures[t] for t in feasible)
        )

    expected = {ticket for ticket in feasible if not is_dominated(ticket)}
    assert {member.ticket for member in front_of(records, OBJECTIVES).members} == expected
    assert 3 < len(expected) < 40


def test_other_objectives_rank_the_same_records_again(record: MakeRecord, word_space: Any) -> None:
    records = [record(0, metrics=of(0.5, 10.0)), record(1, metrics=of(0.9, 1000.0))]
    smallest = Objectives((Objective("size", -1.0, reference=10_000.0),))
    assert [m.ticket for m in front_of(records, smallest).members] == [0]
    stricter = Objectives((Objective("accuracy", 1.0, floor=0.6), OBJECTIVES.items[1]))
    assert [m.ticket for m in front_of(records, stricter).members] == [1]


def test_weights_scale_no_losses(record: MakeRecord, word_space: Any) -> None:
    objectives = Objectives((Objective("accuracy", 7.0), Objective("size", -3.0, reference=100.0)))
    front = front_of([record(0, metrics=of(0.5, 10.0))], objectives)
    np.testing.assert_allclose(front.losses, [[-0.5, 10.0]])
    assert front.hypervolume == pytest.approx(0.5 * 90)


def repeated(record: MakeRecord) -> list[Record]:
    """Return a network that was trained three times, twice with luck, and one that was trained once."""
    accuracies = {0: 0.9, 2: 0.8, 3: 0.4}
    trainings = [
        record(ticket, key="again", replicate=n, metrics=of(accuracy, 100.0))
        for n, (ticket, accuracy) in enumerate(accuracies.items())
    ]
    return [*trainings, record(1, metrics=of(0.8, 100.0))]


def test_a_network_that_was_trained_again_counts_once_with_its_means(
    record: MakeRecord, word_space: Any
) -> None:
    front = front_of(reversed(repeated(record)), OBJECTIVES)
    assert [member.ticket for member in front.members] == [1]  # 0.8 beats the mean of 0.7
    larger = [*repeated(record)[:3], record(1, metrics=of(0.6, 10.0))]
    front = front_of(larger, OBJECTIVES)
    first, second = front.members
    assert (first.ticket, first.replicate) == (0, 0)
    assert dict(first.metrics) == pytest.approx({"accuracy": 0.7, "size": 100.0})
    assert list(front.repeats) == [0]
    assert front.repeats[0].tickets == (0, 2, 3)
    assert dict(front.repeats[0].spread) == pytest.approx({"accuracy": np.sqrt(0.07), "size": 0.0})
    assert second is larger[3]


def test_constraints_hold_for_the_mean(record: MakeRecord, word_space: Any) -> None:
    trainings = [
        record(n, key="again", replicate=n, metrics=of(accuracy, 1.0))
        for n, accuracy in enumerate((0.3, 0.05))
    ]
    assert front_of(trainings[:1], OBJECTIVES).members
    assert not front_of(trainings, OBJECTIVES).members


def test_only_replicates_of_one_training_are_averaged(record: MakeRecord, word_space: Any) -> None:
    records = [
        record(0, key="same", metrics=of(0.5, 10.0)),
        record(1, key="same", donor=0, metrics=of(0.9, 20.0)),
        record(2, key="same", donor=0, replicate=1, status=Status.CRASHED),
        record(3, key="same", epochs=9, metrics=of(0.95, 30.0)),
    ]
    front = front_of(records, OBJECTIVES)
    assert [member.ticket for member in front.members] == [3, 1, 0]
    assert not front.repeats


def test_selectable_are_all_that_keep_the_constraints(record: MakeRecord, word_space: Any) -> None:
    records = [*repeated(record), record(4, metrics=of(0.1, 1.0)), record(5, metrics=of(0.9, 1.0), share=0.5)]
    found = {network.ticket: losses for network, losses in selectable(records, OBJECTIVES)}
    assert sorted(found) == [0, 1]
    np.testing.assert_allclose(found[0], [-0.7, 2.0])


@pytest.mark.parametrize("share_of_replicates", [0.0, 0.4])
def test_a_growing_front_is_at_each_record_the_front_of_all_so_far(
    share_of_replicates: float, record: MakeRecord, word_space: Any
) -> None:
    """With replicates, whose means move, and without."""
    rng = np.random.default_rng(2)
    records: list[Record] = []
    for ticket in range(60):
        metrics = of(float(rng.integers(1, 9) / 10), float(10 ** rng.integers(0, 4)))
        changes: dict[str, Any] = {}
        if records and rng.random() < share_of_replicates:
            changes = {"key": records[int(rng.integers(len(records)))].key, "replicate": ticket}
        status = Status.CRASHED if rng.random() < 0.1 else Status.OK
        records.append(record(ticket, metrics=metrics, status=status, **changes))
    growing = GrowingFront(OBJECTIVES)
    n_changes = 0
    for n, one in enumerate(records, 1):
        before = growing.front
        has_changed = growing.add(one)
        n_changes += has_changed
        expected = front_of(records[:n], OBJECTIVES)
        assert growing.front.members == expected.members
        assert growing.front.repeats == expected.repeats
        assert growing.front.hypervolume == pytest.approx(expected.hypervolume)
        assert has_changed or growing.front is before
    assert n_changes < len(records) / 2 or share_of_replicates
