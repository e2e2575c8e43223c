"""Running a search from the command line: progress, Ctrl-C, and what to do next."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import ParamSpec

import typer

from evocnn.cli.progress import ProgressDisplay
from evocnn.config import Experiment, parse_budget
from evocnn.report.front_table import front_table
from evocnn.report.wording import command
from evocnn.runs import Observer, Run, Workers, open_run, resume, run
from evocnn.runs.search import FINAL
from evocnn.search import Ending

EXIT_INTERRUPTED = 130
P = ParamSpec("P")


class Stop:
    """Ctrl-C once: nothing new starts, what runs is finished; twice: at once. A closed terminal is once."""

    def __init__(self) -> None:
        self.is_asked = False
        self._terminals = [number for number in (1, 2) if os.isatty(number)]

    def __call__(self) -> bool:
        """Return whether somebody asked to stop."""
        return self.is_asked

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        del frame
        if number == signal.SIGHUP:
            self._leave_terminals()
        elif self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True
        typer.echo("stopping: what runs is being finished; Ctrl-C again drops it", err=True)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to Ctrl-C, to SIGTERM, and to a terminal that is closed, unless `nohup` has it ignored."""
        is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        heard = [signal.SIGINT, signal.SIGTERM, *([] if is_kept else [signal.SIGHUP])]
        before = {number: signal.signal(number, self.handle) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def observer(self, display: ProgressDisplay) -> Observer:
        """Return what shows a search on a display, and stops it."""
        start, workers = self._shown(display.start), self._shown(display.workers)
        return Observer(start, workers, self._shown(display.told), self._shown(display.running), self)

    @contextmanager
    def closing(self, display: ProgressDisplay) -> Iterator[ProgressDisplay]:
        """Close a display in the end, whatever becomes of its terminal meanwhile."""
        try:
            yield display
        finally:
            self._shown(display.close)()

    def _shown(self, show: Callable[P, None]) -> Callable[P, None]:
        """Return a function that shows something; a terminal that is closed just then counts as closed."""

        def shown(*arguments: P.args, **named: P.kwargs) -> None:
            try:
                show(*arguments, **named)
            except OSError as error:
                if error.errno != errno.EIO:  # what is said of a terminal whose SIGHUP is still on its way
                    raise
                self._leave_terminals()
                self.is_asked = True

        return shown

    def _leave_terminals(self) -> None:
        """Write to nowhere what went to a terminal: one that is closed fails every write."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in self._terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)


def run_search(experiment: Experiment, folder: Path, workers: Workers, data: Path | None) -> None:
    """Run an experiment and show its front."""
    _conclude(searched(experiment, folder, workers, data))


def searched(experiment: Experiment, folder: Path, workers: Workers, data: Path | None) -> Run:
    """Run an experiment, showing its progress, and return the run."""
    stop = Stop()
    with _told_how_to_resume(folder), stop.on_signals(), stop.closing(ProgressDisplay()) as display:
        display.announce(experiment, folder, workers, experiment.search.budget)
        return run(
            experiment,
            folder,
            workers=workers,
            data=data,
            observer=stop.observer(display),
        )


def resume_search(folder: Path, workers: Workers, data: Path | None, budget: str | None) -> None:
    """Resume a run and show its front."""
    is_final = open_run(folder).status in FINAL
    found = resumed(folder, workers, data, budget)
    if is_final and budget is None and data is None:
        typer.echo("this run was finished already; give it a larger --budget to go on", err=True)
    _conclude(found)


def resumed(folder: Path, workers: Workers, data: Path | None, budget: str | None = None) -> Run:
    """Resume a run, showing its progress, and return it."""
    stop = Stop()
    known = open_run(folder)
    new_budget = known.experiment.search.budget if budget is None else parse_budget(budget)
    display = ProgressDisplay(known.records)
    with _told_how_to_resume(folder), stop.on_signals(), stop.closing(display):
        display.announce(known.experiment, folder, workers, new_budget)
        return resume(
            folder,
            workers=workers,
            data=data,
            budget=budget,
            observer=stop.observer(display),
        )


@contextmanager
def _told_how_to_resume(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; go on with: {command('resume', folder)}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _conclude(found: Run) -> None:
    """Show the front and say what can be done next."""
    front_table(found)
    if found.status == Ending.COMPLETE:
        typer.echo("complete: the algorithm has nothing more to ask, whatever is left of the budget")
    if found.status == Ending.EXHAUSTED:
        typer.echo(
            "exhausted: a hundred candidates in a row had all been evaluated before; widen the space to go on"
        )
    end_if_interrupted(found)
    shown, drawn = (command(verb, found.folder) for verb in ("show", "plot"))
    typer.echo(f"see it again: {shown}   as a picture: {drawn}")


def end_if_interrupted(found: Run) -> None:
    """Say how to go on with a run that was interrupted, and end.

    Raises:
        typer.Exit: It was.
    """
    if found.status == Ending.INTERRUPTED:
        typer.echo(f"interrupted; go on with: {command('resume', found.folder)}")
        raise typer.Exit(EXIT_INTERRUPTED)
