"""How long a search has worked: the same for the process that searches and for one that watches it."""

from collections.abc import Callable
from time import time

import pytest

from evocnn.report import search_clock
from evocnn.report.search_clock import SearchClock
from evocnn.store import Record, Running


def trained(since: float, elapsed: float) -> Running:
    return Running(0, "conv8k3", "worker 0", since, elapsed, 0, 1, 10)


def test_it_counts_from_what_is_trained_whenever_somebody_begins_to_listen(
    monkeypatch: pytest.MonkeyPatch, make_record: Callable[..., Record]
) -> None:
    """In Unix time the session began at 1,000 with 90 seconds of an earlier one; workers took 8 to start."""
    monkeypatch.setattr(search_clock, "time", lambda: 1_100.0)
    early, late = SearchClock(), SearchClock()
    early.hear_running([trained(1_008.0, 90.0)])
    early.hear(make_record(0, 0.5, 9, elapsed=130.0))  # told long after it was recorded
    for clock in (early, late):
        clock.hear_running([trained(1_050.0, 132.0), trained(1_040.0, 122.0)])
    assert early.seconds(is_running=True) == late.seconds(is_running=True) == 182.0
    assert early.seconds(is_running=False) == 130.0  # what has ended took as long as its last record says


def test_while_workers_start_no_time_passes(make_record: Callable[..., Record]) -> None:
    clock = SearchClock()
    clock.hear(make_record(0, 0.5, 9, elapsed=30.0))
    assert clock.seconds(is_running=True) == 30.0


def test_the_time_between_two_sessions_is_none(make_record: Callable[..., Record]) -> None:
    """The process was killed, and another began two hours later: its workers start."""
    clock = SearchClock()
    clock.hear(make_record(0, 0.5, 9, elapsed=30.0))
    clock.hear_running([trained(time() - 7_230.0, 0.0)])
    assert clock.seconds(is_running=True) >= 7_230.0
    clock.hear_running([])
    assert clock.seconds(is_running=True) == 30.0
