"""Running a search from the command line: progress, Ctrl-C, and what to do next."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from evocnn.cli.progress import ProgressDisplay
from evocnn.config import Experiment, parse_budget
from evocnn.report.table import front_table
from evocnn.runs import Observer, Run, Workers, open_run, resume, run
from evocnn.search import Ending

EXIT_INTERRUPTED = 130


class _Stop:
    """Ctrl-C once: nothing new starts and what runs is finished; twice: at once."""

    def __init__(self) -> None:
        self.is_asked = False

    def __call__(self) -> bool:
        """Return whether somebody asked to stop."""
        return self.is_asked

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        del number, frame
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True
        typer.echo("stopping: what runs is being finished; Ctrl-C again drops it", err=True)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to Ctrl-C and to SIGTERM."""
        before = {number: signal.signal(number, self.handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_search(experiment: Experiment, folder: Path, workers: Workers, data: Path | None) -> None:
    """Run an experiment and show its front."""
    stop = _Stop()
    with _told_how_to_resume(folder), stop.on_signals(), ProgressDisplay() as display:
        display.announce(experiment, folder, workers, experiment.search.budget)
        found = run(
            experiment,
            folder,
            workers=workers,
            data=data,
            observer=Observer(display.start, display.workers, display.told, stop),
        )
    _conclude(found)


def resume_search(folder: Path, workers: Workers, data: Path | None, budget: str | None) -> None:
    """Resume a run and show its front."""
    stop = _Stop()
    known = open_run(folder)
    new_budget = known.experiment.search.budget if budget is None else parse_budget(budget)
    with _told_how_to_resume(folder), stop.on_signals(), ProgressDisplay() as display:
        display.announce(known.experiment, folder, workers, new_budget)
        found = resume(
            folder,
            workers=workers,
            data=data,
            budget=budget,
            observer=Observer(display.start, display.workers, display.told, stop),
        )
    if known.status in (Ending.FINISHED, Ending.EXHAUSTED) and budget is None and data is None:
        typer.echo("this run was finished already; give it a larger --budget to go on", err=True)
    _conclude(found)


@contextmanager
def _told_how_to_resume(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; go on with: evocnn resume {folder}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _conclude(found: Run) -> None:
    """Show the front and say what can be done next."""
    front_table(found)
    if found.status == Ending.EXHAUSTED:
        typer.echo(
            "exhausted: a hundred candidates in a row had all been evaluated before; widen the space to go on"
        )
    if found.status == "interrupted":
        typer.echo(f"interrupted; go on with: evocnn resume {found.folder}")
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"see it again: evocnn show {found.folder}   as a picture: evocnn plot {found.folder}")
