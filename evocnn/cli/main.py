"""`evocnn`: its commands, and how they end.

Exit codes: 0 done, 1 a run cannot be read, written or continued, an exported file differs from its
model, an image cannot be read, or evocnn itself is mistaken, 2 a mistake in the experiment, the options or
the data, 75 another process works on the run, 130 interrupted.
"""

import os
import sys
import traceback
import warnings
from typing import Annotated

import typer

from evocnn.cli.commands import before, results, search, use
from evocnn.errors import (
    DataError,
    EvocnnError,
    ExperimentError,
    GeneError,
    RunLockedError,
    SpaceError,
    printable,
)

EXIT_FAILED = 1
EXIT_MISTAKE = 2
EXIT_LOCKED = 75
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Evolve convolutional networks for your images and show the Pareto front.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for commands in (before, search, results, use):
    app.add_typer(commands.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"evocnn {version('evocnn')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Evolve convolutional networks for your images and show the Pareto front."""


def main() -> None:
    """Run the command line; mistakes end in one line and an exit code, those of evocnn in a traceback."""
    warnings.showwarning = lambda message, *_: typer.echo(printable(f"note: {message}"), err=True)
    try:
        app()
    except EvocnnError as error:
        typer.echo(printable(f"error: {error}"), err=True)
        is_mistake = isinstance(error, ExperimentError | DataError | GeneError | SpaceError)
        code = (
            EXIT_LOCKED if isinstance(error, RunLockedError) else EXIT_MISTAKE if is_mistake else EXIT_FAILED
        )
        sys.exit(code)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - of files of others, no text may act on a terminal
        if isinstance(error, OSError) and (failure := _output_failure()):
            typer.echo(f"error: standard output must be writable, but {failure}; make room", err=True)
            sys.exit(EXIT_FAILED)
        typer.echo(printable(traceback.format_exc()), err=True)
        typer.echo("error: evocnn did not foresee this; please report it with the lines above", err=True)
        sys.exit(EXIT_FAILED)


def _output_failure() -> str:
    """Return why nothing can be written to standard output, and close it; an empty text where it can."""
    try:
        typer.echo()  # an end of line does no harm behind what was cut off
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # else Python tries it again at its end
        return error.strerror or str(error)
    return ""


if __name__ == "__main__":
    main()
