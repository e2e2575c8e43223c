"""Watching a run that another process works on, or has left."""

import sys
from pathlib import Path
from threading import Lock
from time import monotonic, sleep

import typer
from rich.console import Console, Group

from evocnn.cli.frame import HEIGHT, View, frame
from evocnn.cli.live import has_room, live
from evocnn.cli.progress import PLAIN_SECONDS
from evocnn.cli.progress_lines import plain_lines
from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.report.front_table import front_table
from evocnn.report.standing import standing_of
from evocnn.runs import Follower, open_run
from evocnn.runs.folder import RUNNING
from evocnn.search import Ending

POLL_SECONDS = 1.0
HINT = "Ctrl-C leaves this view; the search goes on"


class Watch:
    """A run as it was read last, and what was counted of it.

    Args:
        folder: The run folder.

    Raises:
        JournalError: The folder holds no readable run.
    """

    def __init__(self, folder: Path) -> None:
        self._follower = Follower(folder)
        self._lock = Lock()  # the live view draws in a thread of its own
        self._news = self._follower.look()
        experiment = self._news.manifest["experiment"]
        algorithm = experiment.get("search", {}).get("algorithm", "nsga2")
        name = algorithm.get("use") if isinstance(algorithm, dict) else algorithm
        self.title = f"{experiment['name']}: {name}, seed {experiment.get('seed', 0)}, in {folder}"
        self._standing = standing_of(self._news.manifest)
        self._n_places = 0
        self._elapsed, self._read = 0.0, monotonic()
        self._count()

    def poll(self) -> None:
        """Read what is new.

        Raises:
            JournalError: The folder cannot be read any more.
        """
        news = self._follower.look()
        with self._lock:
            self._news = news
            self._count()

    def _count(self) -> None:
        for record in self._news.records:
            self._standing.add(record)
            self._elapsed, self._read = record.elapsed, monotonic()
        self._n_places = max(self._n_places, len(self._news.running))

    @property
    def status(self) -> str:
        """The run's status."""
        return self._news.status

    @property
    def n_told(self) -> int:
        """Candidates that were counted, to see whether there are more."""
        return self._standing.n_looked_at + self._standing.n_reused

    @property
    def _seconds(self) -> float:
        """Seconds of search: since the last record, those of this clock."""
        return self._elapsed + (monotonic() - self._read if self.status == RUNNING else 0.0)

    def lines(self, *, is_last: bool) -> str:
        """Return where the run stands, in plain lines."""
        return plain_lines(self._standing, self._seconds, is_last=is_last)

    def picture(self, width: int, height: int, notes: list[str]) -> Group:
        """Draw where the run stands."""
        with self._lock:
            view = View(
                self.title,
                self.status,
                self._standing,
                self._seconds,
                self._news.running,
                self._n_places,
                notes,
                HINT if self.status == RUNNING else "",
            )
            return frame(view, width, height)


def watch_run(folder: Path, *, is_once: bool) -> None:
    """Show a run until it ends; what has ended, and what is to be shown once, in one picture.

    Raises:
        JournalError: The folder holds no readable run.
        typer.Exit: Ctrl-C was pressed.
    """
    watch, console = Watch(folder), Console(file=sys.stdout, emoji=False)
    try:
        if is_once or watch.status != RUNNING:
            _show_once(watch, console)
        elif has_room(console):
            with live(watch.picture, console):
                _poll(watch)
        else:
            _show_lines(watch, console)
    except KeyboardInterrupt:
        typer.echo(f"the search goes on; watch it again: evocnn watch {folder}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _conclude(watch, folder, is_once=is_once)


def _show_once(watch: Watch, console: Console) -> None:
    if has_room(console):
        console.print(watch.picture(console.width, HEIGHT, []))
    else:
        _print(console, f"{watch.title}\n{watch.lines(is_last=watch.status != RUNNING)}")


def _poll(watch: Watch) -> None:
    while watch.status == RUNNING:
        sleep(POLL_SECONDS)
        watch.poll()


def _show_lines(watch: Watch, console: Console) -> None:
    """Print lines, seconds apart, where something is new, until the run ends."""
    _print(console, f"{watch.title}\n{watch.lines(is_last=False)}")
    printed, n_told = monotonic(), watch.n_told
    while watch.status == RUNNING:
        sleep(POLL_SECONDS)
        watch.poll()
        is_due = monotonic() - printed > PLAIN_SECONDS
        if watch.n_told > n_told and (is_due or watch.status != RUNNING):
            printed, n_told = monotonic(), watch.n_told
            _print(console, watch.lines(is_last=watch.status != RUNNING))


def _conclude(watch: Watch, folder: Path, *, is_once: bool) -> None:
    """Say how the run ended, if it has, and what can be done with it."""
    if watch.status == RUNNING:
        return
    if not is_once:
        front_table(open_run(folder))
    if watch.status == Ending.INTERRUPTED:
        typer.echo(f"its process is gone; go on with: evocnn resume {folder}")
    else:
        typer.echo(f"{watch.status}; go on with a larger budget: evocnn resume {folder} --budget ...")


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
