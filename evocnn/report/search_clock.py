"""How long a search has worked, as its journal counts it."""

from collections.abc import Sequence
from time import time

from evocnn.store import Record, Running


class SearchClock:
    """Seconds of search over all sessions: what passes while workers start is none.

    The search itself says with everything it trains how long it had worked when that began. So whoever
    listens tells the same time, the process that searches or another that watches it.
    """

    def __init__(self) -> None:
        self._elapsed = 0.0  # of the last record
        self._origin: float | None = None  # in Unix time, as if all sessions were one without a break

    def hear(self, record: Record) -> None:
        """Take in what was recorded."""
        self._elapsed = max(self._elapsed, record.elapsed)

    def hear_running(self, running: Sequence[Running]) -> None:
        """Take in what is trained; where that is nothing, time passes again with the next training."""
        last = max(running, key=lambda one: one.since, default=None)
        self._origin = None if last is None else last.since - last.elapsed

    def seconds(self, *, is_running: bool) -> float:
        """Return the seconds of search, up to now while it runs."""
        now = time() - self._origin if is_running and self._origin is not None else 0.0
        return max(self._elapsed, now)
