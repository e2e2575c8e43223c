"""Showing a run from the command line, as a whole or one network of it."""

from collections.abc import Sequence
from pathlib import Path

import typer

from evocnn.report.front_table import front_json, front_table
from evocnn.report.network import network_json, show_network
from evocnn.runs import Run, open_run
from evocnn.runs.pick import pick, ranked_anew, reranked

TRUST_RUN = "give --trust if the run is your own"  # for `refusing_code`


def show_run(folder: Path, settings: Sequence[str], wanted: str | None, *, as_json: bool) -> None:
    """Show the front of a run under changed objectives, or the network that is wanted of it."""
    found = open_reranked(folder, settings, as_json=as_json)
    if wanted is None and as_json:
        typer.echo(front_json(found))
    elif wanted is None:
        front_table(found)
    elif as_json:
        typer.echo(network_json(found, pick(found, wanted)))
    else:
        show_network(found, pick(found, wanted))


def open_reranked(folder: Path, settings: Sequence[str], *, as_json: bool) -> Run:
    """Return a run under changed objectives, and say in what they and its front differ from its own."""
    own = open_run(folder)
    found = reranked(own, settings)
    for line in ranked_anew(own, found):
        typer.echo(line, err=as_json)
    return found
