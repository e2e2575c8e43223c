"""Comparing runs from the command line."""

from pathlib import Path

import typer

from evocnn.errors import ExperimentError, did_you_mean
from evocnn.report.comparison import compare
from evocnn.report.comparison_table import comparison_json, show_comparison
from evocnn.report.picture import check_ending
from evocnn.runs.arms import Arm, arms_of


def compare_runs(
    folders: list[Path],
    by: str,
    against: str | None,
    plot: Path | None,
    *,
    as_json: bool,
    is_trusted: bool = False,
) -> None:
    """Compare the runs of some folders with those of the arm `against`; draw them into `plot`.

    Code that the runs name is imported where they are trusted.

    Raises:
        ExperimentError: All runs are of one arm, or none is called `against`.
    """
    if plot is not None:
        check_ending(plot)
    found = compare(_arms(folders, against, is_trusted=is_trusted), by)
    if as_json:
        typer.echo(comparison_json(found))
    else:
        show_comparison(found)
    if plot is not None:
        from evocnn.report.comparison_plot import plot_comparison

        plot_comparison(found, plot)
        typer.echo(f"wrote {plot}", err=as_json)


def _arms(folders: list[Path], against: str | None, *, is_trusted: bool) -> list[Arm]:
    """Return the arms, the one that all others are held against first.

    Raises:
        ExperimentError: There is one only, or none of that name.
    """
    arms = list(arms_of(folders, is_trusted=is_trusted))
    if len(arms) == 1:
        message = (
            "a comparison must have two arms or more, but there was one, "
            f"'{arms[0].name}' of {len(arms[0].runs)}; give a control, too, such as runs with --set "
            "search.algorithm=random; runs that differ in nothing but seed, name and budget are one arm"
        )
        raise ExperimentError(message)
    names = [arm.name for arm in arms]
    if against is not None and against not in names:
        hint = did_you_mean(against, names) or "; write it so"
        message = f"--against must name an arm, one of {', '.join(names)}, but it was '{against}'{hint}"
        raise ExperimentError(message)
    return sorted(arms, key=lambda arm: arm.name != against)
