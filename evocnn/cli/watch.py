"""Watching a run that another process works on, or has left."""

import sys
from pathlib import Path
from time import monotonic, sleep

import typer
from rich.console import Console

from evocnn.cli.frame import HEIGHT
from evocnn.cli.live import has_room, live
from evocnn.cli.progress import PLAIN_SECONDS
from evocnn.cli.scene import Scene
from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.report.front_table import front_table
from evocnn.report.standing import algorithm_of, standing_of
from evocnn.report.wording import command
from evocnn.runs import Follower, News, open_run
from evocnn.runs.folder import RUNNING
from evocnn.search import Ending

POLL_SECONDS = 1.0
HINT = "Ctrl-C leaves this view; the search goes on"


class Watch:
    """A run as it was read last.

    Args:
        folder: The run folder.

    Attributes:
        scene: What was counted of it.

    Raises:
        JournalError: The folder holds no readable run.
    """

    def __init__(self, folder: Path) -> None:
        self._follower = Follower(folder)
        news = self._follower.look()
        experiment = news.manifest["experiment"]
        algorithm = algorithm_of(news.manifest)
        title = f"{experiment['name']}: {algorithm}, seed {experiment.get('seed', 0)}, in {folder}"
        self.scene = Scene(title, HINT, standing_of(news.manifest))
        self._take_in(news)

    def poll(self) -> None:
        """Read what is new.

        Raises:
            JournalError: The folder cannot be read any more.
        """
        self._take_in(self._follower.look())

    def _take_in(self, news: News) -> None:
        self.scene.status = news.status
        self.scene.add(news.records)
        self.scene.show_running(news.running)

    @property
    def status(self) -> str:
        """The run's status."""
        return self.scene.status

    @property
    def n_told(self) -> int:
        """Candidates that were counted, to see whether there are more."""
        return self.scene.standing.n_looked_at + self.scene.standing.n_reused


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
            with live(watch.scene.picture, console):
                _poll(watch)
        else:
            _show_lines(watch, console)
    except KeyboardInterrupt:
        typer.echo(f"the search goes on; watch it again: {command('watch', folder)}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _conclude(watch, folder, is_once=is_once)


def _show_once(watch: Watch, console: Console) -> None:
    if has_room(console):
        console.print(watch.scene.picture(console.width, HEIGHT, []))
    else:
        _print(console, f"{watch.scene.title}\n{watch.scene.lines(is_last=watch.status != RUNNING)}")


def _poll(watch: Watch) -> None:
    while watch.status == RUNNING:
        sleep(POLL_SECONDS)
        watch.poll()


def _show_lines(watch: Watch, console: Console) -> None:
    """Print lines, seconds apart, where something is new, until the run ends."""
    _print(console, f"{watch.scene.title}\n{watch.scene.lines(is_last=False)}")
    printed, n_told = monotonic(), watch.n_told
    while watch.status == RUNNING:
        sleep(POLL_SECONDS)
        watch.poll()
        is_due = monotonic() - printed > PLAIN_SECONDS
        if watch.n_told > n_told and (is_due or watch.status != RUNNING):
            printed, n_told = monotonic(), watch.n_told
            _print(console, watch.scene.lines(is_last=watch.status != RUNNING))


def _conclude(watch: Watch, folder: Path, *, is_once: bool) -> None:
    """Say how the run ended, if it has, and what can be done with it."""
    if watch.status == RUNNING:
        return
    if not is_once:
        front_table(open_run(folder))
    if watch.status == Ending.INTERRUPTED:
        typer.echo(f"its process is gone; go on with: {command('resume', folder)}")
    else:
        more = command("resume", folder, "--budget", "...")
        typer.echo(f"{watch.status}; go on with a larger budget: {more}")


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
