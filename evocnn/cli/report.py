"""Writing a run as a page from the command line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from evocnn.errors import ExperimentError
from evocnn.report.page import page
from evocnn.runs import open_run
from evocnn.store.durable import write_durably

ENDINGS = (".html", ".htm")


def write_report(folder: Path, out: Path, against: Sequence[Path], *, is_trusted: bool = False) -> None:
    """Write the page of a run, compared with control runs where some are given.

    Code that they name is imported where they are trusted.

    Raises:
        ExperimentError: The file's ending is that of no page, it cannot be written, or the runs cannot be
            compared.
        JournalError: A folder holds no readable run.
    """
    if out.suffix not in ENDINGS:
        message = f"a report's file must end in {' or '.join(ENDINGS)}, but it was '{out}'; change the ending"
        raise ExperimentError(message)
    run = replace(open_run(folder), is_trusted=is_trusted)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)  # before the work
        text = page(run, against)
        write_durably(out, text.encode())
    except OSError as error:
        message = (
            f"a report's file must be writable, but '{out}' was not: {error.strerror}; give another --out"
        )
        raise ExperimentError(message) from error
    typer.echo(f"wrote {out}, {len(text.encode()) / 1e6:.1f} MB: open it in a browser")
