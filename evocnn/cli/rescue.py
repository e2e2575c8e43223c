"""Rescuing a damaged run from the command line."""

from pathlib import Path

import typer

from evocnn.report.wording import command
from evocnn.runs.rescue import rescue


def rescue_run(folder: Path, out: Path) -> None:
    """Save what is whole of a run into a new folder, and say what is lost and what to do next."""
    found = rescue(folder, out)
    n_lost = found.n_committed - len(found.records)
    typer.echo(
        f"{len(found.records)} of {found.n_committed} evaluations were whole, all of them in {out} now"
    )
    if found.n_states:
        typer.echo(f"with {found.n_states} saved {'state' if found.n_states == 1 else 'states'}")
    if found.lost_entries:
        typer.echo(f"of the manifest, this was lost: {', '.join(found.lost_entries)}")
    if found.may_lack_readings:
        typer.echo("the test split may have been read more often than the new run says")
    if n_lost:
        typer.echo(f"the other {n_lost} are trained again by: {command('resume', out)}")
    typer.echo(f"see it: {command('show', out)}")
