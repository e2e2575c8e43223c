"""A run that is looked at again and again, of which only what is new is read."""

from pathlib import Path

from evocnn.report.search_clock import SearchClock
from evocnn.report.standing import Standing, standing_of
from evocnn.runs import Follower, Run
from evocnn.runs.folder import MODELS, RUNNING
from evocnn.store import Record


class LiveRun:
    """A run folder as it was at the last look; read-only, without its lock.

    Args:
        folder: The run folder.

    Attributes:
        folder: As given.
        standing: What is counted of it.

    Raises:
        JournalError: The folder holds no readable run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._follower = Follower(folder)
        self._news = self._follower.look()
        self._records: dict[int, Record] = {}
        self.standing: Standing = standing_of(self._news.manifest)
        self._clock = SearchClock()
        self._count()

    def look(self) -> None:
        """Read what is new.

        Raises:
            JournalError: The journal cannot be read any more.
        """
        self._news = self._follower.look()
        self._count()

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self._news.manifest["experiment"]["name"])

    @property
    def status(self) -> str:
        """Its status, as that of a `Run`."""
        return self._news.status

    @property
    def n_running(self) -> int:
        """Networks that are being trained."""
        return len(self._news.running)

    @property
    def version(self) -> str:
        """Changes whenever the run's page does: with records, status, and what `evocnn train` makes."""
        models = self.folder / MODELS
        changed = [path.stat().st_mtime_ns for path in (models, *models.glob("*")) if path.exists()]
        return f"{len(self._records)} {self.status} {max(changed, default=0)}"

    @property
    def seconds(self) -> float:
        """Seconds of search, over all sessions."""
        return self._clock.seconds(is_running=self.status == RUNNING)

    def run(self) -> Run:
        """Return the run as it was at the last look."""
        records = tuple(self._records[ticket] for ticket in sorted(self._records))
        return Run(self.folder, self.status, records, self._news.manifest)

    def _count(self) -> None:
        for record in self._news.records:
            self._records[record.ticket] = record
            self.standing.add(record)
            self._clock.hear(record)
        self._clock.hear_running(self._news.running)
