"""A comparison of arms, two or more, as a table for people and as JSON for programs."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.report.climb import cost_text
from evocnn.report.comparison import ComparedArm, Comparison


def show_comparison(comparison: Comparison) -> None:
    """Print what the arms reached at the shared end, the tests, what may be claimed, and the notes."""
    console = Console(emoji=False)
    reference = ", ".join(f"{name} {value:g}" for name, value in comparison.reference_point.items())
    end = cost_text(comparison.end, comparison.by)
    _say(console, [f"at {end}, hypervolume up to {reference}; median [quartiles] over runs"])
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("arm", overflow="fold")
    table.add_column("n", justify="right")
    for measure in comparison.measures:
        table.add_column(Text(measure.replace(" ", "\n").replace("_", "\n")), no_wrap=True)
        table.add_column("p", justify="right")
    for arm in comparison.arms:
        cells = [cell for measure in comparison.measures for cell in _cells(comparison, arm, measure)]
        table.add_row(Text(arm.name), str(len(arm.seeds)), *cells)
    console.print(table)
    first, n = comparison.arms[0].name, len(comparison.tests)
    _say(console, [f"p: against '{first}', Mann-Whitney, two-sided, Holm's correction for {n} tests"])
    _say(console, comparison.claims)
    _say(console, (f"note: {note}" for note in comparison.notes))


def comparison_json(comparison: Comparison) -> str:
    """Return a comparison as JSON, the curves included."""
    return json.dumps(
        {
            "by": comparison.by,
            "end": comparison.end,
            "reference_point": comparison.reference_point,
            "costs": comparison.costs.tolist(),
            "arms": [
                {
                    "name": arm.name,
                    "seeds": arm.seeds,
                    "measures": {
                        measure: {"end": curve.end.tolist(), "quartiles": curve.quartiles.tolist()}
                        for measure, curve in arm.curves.items()
                    },
                }
                for arm in comparison.arms
            ],
            "tests": [asdict(test) for test in comparison.tests],
            "notes": comparison.notes,
        },
        indent=2,
        ensure_ascii=False,
    )


def _cells(comparison: Comparison, arm: ComparedArm, measure: str) -> tuple[str, str]:
    """Return an arm's figures in one measure, and p against the first arm."""
    low, median, high = (f"{value:.4g}" for value in arm.curves[measure].quartiles[:, -1])
    tests = [test for test in comparison.tests if (test.measure, test.other) == (measure, arm.name)]
    spread = f" [{low}, {high}]" if len(arm.seeds) > 1 else ""
    return f"{median}{spread}", f"{tests[0].p_corrected:.2g}" if tests else ""


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False)
