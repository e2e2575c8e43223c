"""A run held against control runs at equal cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evocnn.report.climb import cost_text
from evocnn.report.comparison import ComparedArm, Comparison, compare
from evocnn.report.comparison_plot import comparison_figure
from evocnn.report.page.search import Table
from evocnn.report.picture import svg_text
from evocnn.report.wording import label
from evocnn.runs import Run
from evocnn.runs.arms import arms_of


@dataclass(frozen=True)
class Against:
    """A comparison with control runs.

    Attributes:
        end: The cost up to which all runs are compared.
        claims: What the tests allow to say, a sentence each.
        picture: The curves, as SVG.
        table: What each arm reached.
        notes: What does not hold for all runs alike.
    """

    end: str
    claims: tuple[str, ...]
    picture: str
    table: Table
    notes: tuple[str, ...]


def against(run: Run, folders: Sequence[Path]) -> Against:
    """Return how a run compares with control runs; runs that differ in nothing but the seed stand together.

    Raises:
        ExperimentError: The runs are not of one problem, or one holds nothing.
        JournalError: A folder holds no readable run.
    """
    found = compare(arms_of([run.folder, *folders], is_trusted=run.is_trusted))
    return Against(
        cost_text(found.end, found.by),
        found.claims,
        svg_text(comparison_figure(found), "Arms compared along their cost"),
        _table(found),
        found.notes,
    )


def _table(found: Comparison) -> Table:
    head = ("arm", "runs", *(label(measure) for measure in found.measures))
    rows = tuple(
        (arm.name, str(len(arm.seeds)), *(_reached(arm, measure) for measure in found.measures))
        for arm in found.arms
    )
    return Table("Median over runs, with quartiles", head, rows)


def _reached(arm: ComparedArm, measure: str) -> str:
    low, median, high = (f"{value:.4g}" for value in arm.curves[measure].quartiles[:, -1])
    return f"{median} [{low}, {high}]" if len(arm.seeds) > 1 else median
