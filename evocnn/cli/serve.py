"""Showing runs in a browser from the command line, while they go on."""

import os
from collections.abc import Sequence
from pathlib import Path

import typer

from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.report.serve.live_page import renderings
from evocnn.report.serve.server import serve
from evocnn.runs.arms import run_folders


def serve_runs(folders: Sequence[Path], port: int) -> None:
    """Serve runs as live pages on this machine until Ctrl-C; the second does not wait for a page's end.

    Args:
        folders: Run folders, or folders with runs somewhere below.
        port: See `serve`.

    Raises:
        JournalError: A run cannot be read.
        ExperimentError: There is no run in a folder, or the port cannot be used.
    """
    runs = [folder for folder, _ in run_folders(folders)]

    def announce(address: str) -> None:
        n_runs = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        typer.echo(f"{n_runs} at {address} , on this machine alone; end with Ctrl-C")

    try:
        serve(runs, port, announce)
    finally:
        if threads := renderings():
            typer.echo("ending, once the page that is being drawn is done; Ctrl-C again drops it", err=True)
            try:
                for thread in threads:
                    thread.join()
            except KeyboardInterrupt:
                os._exit(EXIT_INTERRUPTED)  # or Python would wait for the threads once more
