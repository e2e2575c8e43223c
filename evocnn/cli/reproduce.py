"""Running a study or a benchmark again, and saying figure by figure whether it repeated."""

import signal
import subprocess
import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.cli.study import EXPERIMENT
from evocnn.errors import ExperimentError
from evocnn.report.figures import (
    FULL,
    QUICK,
    ComparedFigure,
    Figure,
    Outcome,
    compare_outcomes,
    read_outcomes,
    write_outcome,
)
from evocnn.report.wording import duration

SCRIPTS = ("run.py", "benchmark.py")
EXIT_DIFFERS = 1


def reproduce_study(folder: Path, data: Path | None, out: Path | None, *, is_quick: bool) -> None:
    """Run the study of a folder, or go on with it, and compare what it finds with what is expected.

    Args:
        folder: Holds the script or the experiment file, and `figures.json`.
        data: Where the images lie.
        out: Where tables, pictures and figures go.
        is_quick: Whether to run the quick form.

    Raises:
        ExperimentError: The folder holds no study, or its figures cannot be read.
        typer.Exit: It was interrupted, failed, or did not repeat.
    """
    command, form = _command(folder), QUICK if is_quick else FULL
    whole = folder.resolve()
    runs = Path("runs") / "reproduce" / whole.parent.name / f"{whole.name}-{form}"
    out = out or runs
    expected = read_outcomes(folder).get(form)  # before it may be written anew
    is_written = _is_same(out, folder)
    target = runs if is_written and is_quick else out  # pictures and tables there are of the full form
    found = None if is_written else read_outcomes(out).get(form)
    if found is not None:
        typer.echo(f"run before, on commit {found.environment['commit']}; remove '{out}' to run it again")
    else:
        command += ["--runs", str(runs), "--out", str(target)]
        command += ["--quick"] if is_quick else []
        command += [] if data is None else ["--data", str(data)]
        code = _waited(command)
        if code < 0 or code == EXIT_INTERRUPTED:  # below 0: a signal ended it
            code = EXIT_INTERRUPTED
            typer.echo(f"interrupted; the same command goes on, with what is kept in '{runs}'", err=True)
        elif code:
            typer.echo(f"the study itself ended with exit code {code}; its message stands above", err=True)
        if code:
            raise typer.Exit(code)
        found = read_outcomes(target)[form]
        if target != out:
            write_outcome(out, form, found)
    _conclude(expected, found, out, is_written=is_written)


def _conclude(expected: Outcome | None, found: Outcome, out: Path, *, is_written: bool) -> None:
    """Say whether a study repeated.

    Raises:
        typer.Exit: It did not.
    """
    typer.echo(f"took {duration(found.seconds)}; figures, tables and pictures are in '{out}'")
    if expected is None:
        for name, figure in found.figures.items():
            typer.echo(f"{name}: {_text(figure)}")
        typer.echo("nothing is expected of this form yet, so nothing could be compared")
        raise typer.Exit(0 if is_written else EXIT_DIFFERS)
    comparisons = compare_outcomes(expected, found)
    _show(comparisons)
    for name in ("processor", "torch", "commit"):
        before, now = expected.environment.get(name), found.environment.get(name)
        if before != now:
            typer.echo(f"expected figures are of {name} {before}, these of {now}")
    n_same = sum(one.is_same for one in comparisons)
    if n_same < len(comparisons):
        typer.echo(f"did not repeat: {len(comparisons) - n_same} of {len(comparisons)} figures differ")
        raise typer.Exit(EXIT_DIFFERS)
    typer.echo(f"repeated: all {n_same} figures are the same within their tolerances")


def _show(comparisons: tuple[ComparedFigure, ...]) -> None:
    """Print what was expected and what was found, figure by figure."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("figure")
    for title in ("expected", "found", "tolerance"):
        table.add_column(title, justify="right")
    table.add_column("")
    for one in comparisons:
        verdict = "same" if one.is_same else "DIFFERS"
        if one.expected is not None and one.tolerance is None:
            verdict = "not compared" if one.found else "MISSING"
        elif one.expected is None or one.found is None:
            verdict = "NEW" if one.expected is None else "MISSING"
        tolerance = "" if one.tolerance is None else f"{one.tolerance:.4g}"
        table.add_row(one.name, _text(one.expected), _text(one.found), tolerance, verdict)
    Console(emoji=False).print(table)


def _text(figure: Figure | None) -> str:
    """Return a figure as people read it."""
    if figure is None:
        return "-"
    value = figure.value
    number = f"{value:,.0f}" if value == int(value) else f"{value:.6g}"
    return f"{number} {figure.unit}".strip()


def _command(folder: Path) -> list[str]:
    """Return the command of a study, without options.

    Raises:
        ExperimentError: The folder holds none.
    """
    for name in SCRIPTS:
        if (folder / name).is_file():
            return [sys.executable, str(folder / name)]
    if (folder / EXPERIMENT).is_file():
        return [sys.executable, "-m", "evocnn.cli.search_study", str(folder)]
    message = (
        f"a study must be a folder with {', '.join(SCRIPTS)} or {EXPERIMENT}, but it was '{folder}'; name "
        "one such as experiments/digits"
    )
    raise ExperimentError(message)


def _waited(command: list[str]) -> int:
    """Run a command to its end and return its exit code; Ctrl-C and SIGTERM are left to it."""
    process = subprocess.Popen(command)
    before = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the terminal told the study, too
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
