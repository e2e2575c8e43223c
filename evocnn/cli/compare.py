"""Comparing runs from the command line."""

from pathlib import Path

import typer

from evocnn.report.comparison import compare
from evocnn.report.comparison_table import comparison_json, show_comparison
from evocnn.report.picture import check_ending
from evocnn.runs.arms import arms_of


def compare_runs(folders: list[Path], by: str, plot: Path | None, *, as_json: bool) -> None:
    """Compare the runs of some folders; draw them into `plot`."""
    if plot is not None:
        check_ending(plot)
    found = compare(arms_of(folders), by)
    if as_json:
        typer.echo(comparison_json(found))
    else:
        show_comparison(found)
    if plot is not None:
        from evocnn.report.comparison_plot import plot_comparison

        plot_comparison(found, plot)
        typer.echo(f"wrote {plot}", err=as_json)
