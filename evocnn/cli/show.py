"""Showing and drawing a run from the command line, as a whole or one network of it."""

from collections.abc import Sequence
from pathlib import Path

import typer

from evocnn.report.network import network_json, show_network
from evocnn.report.table import front_json, front_table
from evocnn.runs import open_run
from evocnn.runs.pick import pick, reranked


def show_run(folder: Path, settings: Sequence[str], wanted: str | None, *, as_json: bool) -> None:
    """Show the front of a run under changed objectives, or the network that is wanted of it."""
    found = reranked(open_run(folder), settings)
    if wanted is None and as_json:
        typer.echo(front_json(found))
    elif wanted is None:
        front_table(found)
    elif as_json:
        typer.echo(network_json(found, pick(found, wanted)))
    else:
        show_network(found, pick(found, wanted))


def plot_run(folder: Path, settings: Sequence[str], wanted: str | None, out: Path) -> None:
    """Draw the front of a run under changed objectives, and mark the network that is wanted of it."""
    from evocnn.report.plot import plot_front

    found = reranked(open_run(folder), settings)
    plot_front(found, out, None if wanted is None else pick(found, wanted))
    typer.echo(f"wrote {out}")
