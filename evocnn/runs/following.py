"""Following a run that another process works on: read again and again, only what is new."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evocnn.runs.folder import RUNNING, manifest_of, status_of
from evocnn.store import Record, Running, is_locked, read_running
from evocnn.store.reading import read_journal


@dataclass(frozen=True)
class News:
    """What is new in a run folder.

    Attributes:
        status: As that of a `Run`.
        manifest: Experiment, data, versions, hardware.
        records: What was committed since the last look, in that order.
        running: What is being trained.
    """

    status: str
    manifest: dict[str, Any]
    records: tuple[Record, ...]
    running: tuple[Running, ...]


class Follower:
    """Looks at a run folder, read-only, without its lock and without importing code that the run names.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._n_read = 0

    def look(self) -> News:
        """Return what is new since the last look; all, the first time.

        Raises:
            JournalError: The folder holds no readable run.
        """
        was_locked = is_locked(self._folder)
        # The manifest ahead of the records: where it says that the run has ended, these are its last.
        manifest, records = read_journal(
            self._folder, lambda journal: (manifest_of(journal), list(journal.records(self._n_read)))
        )
        status = status_of(manifest.pop("status"), self._folder, was_locked=was_locked)
        records.sort(key=lambda record: record.elapsed)
        self._n_read += len(records)
        running = read_running(self._folder) if status == RUNNING else ()
        return News(status, manifest, tuple(records), running)
