from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Objective, Objectives, Status
from evocnn.store import Record, front_of

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
