"""A search as a live view shows it, whether this process searches or another."""

from collections.abc import Sequence
from threading import Lock

from rich.console import Group

from evocnn.cli.frame import View, frame
from evocnn.cli.progress_lines import plain_lines
from evocnn.report.search_clock import SearchClock
from evocnn.report.standing import Standing
from evocnn.runs.folder import RUNNING
from evocnn.store import Record, Running


class Scene:
    """What was counted of a search, what is trained, and how long it has worked; a thread may draw it.

    Args:
        title: What is searched, in a line.
        hint: What can be done while it runs, in a line.
        standing: Counts its records; none of them yet.

    Attributes:
        title: As given.
        standing: As given.
        status: As that of a `Run`.
        state: What is said in its place while it runs, such as `starting workers`.
    """

    def __init__(self, title: str, hint: str, standing: Standing) -> None:
        self.title = title
        self.standing = standing
        self.status = self.state = RUNNING
        self._hint = hint
        self._clock = SearchClock()
        self._running: tuple[Running, ...] = ()
        self._n_places = 0
        self._lock = Lock()

    def add(self, records: Sequence[Record], *, is_earlier: bool = False) -> None:
        """Count records; those of an earlier session tell nothing of this one's pace."""
        with self._lock:
            for record in records:
                self.standing.add(record, is_earlier=is_earlier)
                self._clock.hear(record)

    def show_running(self, running: tuple[Running, ...]) -> None:
        """Take in what is being trained."""
        with self._lock:
            self._running, self._n_places = running, max(self._n_places, len(running))
            self._clock.hear_running(running)

    @property
    def seconds(self) -> float:
        """Seconds of search, over all sessions."""
        return self._clock.seconds(is_running=self.status == RUNNING)

    def lines(self, *, is_last: bool = False) -> str:
        """Return where the search stands, in plain lines."""
        return plain_lines(self.standing, self.seconds, is_last=is_last)

    def picture(self, width: int, height: int, notes: Sequence[str]) -> Group:
        """Draw where the search stands."""
        is_running = self.status == RUNNING
        with self._lock:
            view = View(
                self.title,
                self.state if is_running else self.status,
                self.standing,
                self.seconds,
                self._running,
                self._n_places,
                notes,
                self._hint if is_running else "",
            )
            return frame(view, width, height)
