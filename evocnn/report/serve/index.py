"""The page of all runs that are served: a card for each."""

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evocnn.report.climb import best_objective
from evocnn.report.page import TEMPLATE as PAGE_TEMPLATE
from evocnn.report.serve.live_run import LiveRun
from evocnn.report.standing import Standing
from evocnn.report.wording import duration, label, metric_text

TEMPLATE = Path(__file__).parent / "template"
WIDTH, HEIGHT = 100, 30  # of a trace, in its own units
MARGIN = 2  # above and below it


@dataclass(frozen=True)
class Card:
    """What is told of a run at a glance.

    Attributes:
        name: The experiment's name; with its folder where others have the same.
        folder: The run folder.
        status: Its status.
        n_running: Networks that are being trained.
        share: Share of the budget that is spent; None where it has none.
        spent: What is spent of it, in words.
        best: Titles and values of the best figures.
        n_front: Members of the front.
        n_looked_at: Candidates that were trained, if only to a rung.
        n_failed: Evaluations that failed.
        trace: The hypervolume against what was spent, as points of a line; empty where there is none.
        volume: The hypervolume, in words.
    """

    name: str
    folder: str
    status: str
    n_running: int
    share: float | None
    spent: str
    best: tuple[tuple[str, str], ...]
    n_front: int
    n_looked_at: int
    n_failed: int
    trace: str
    volume: str


def card_of(run: LiveRun, name: str) -> Card:
    """Return a run's card, under a name that no other has."""
    standing = run.standing
    front = standing.front
    best = []
    if front.members:
        objective = best_objective(standing.objectives)
        pick = max if objective.weight > 0 else min
        value = pick(objective.raw(member.metrics) for member in front.members)
        best.append((f"Best {label(objective.name)}", metric_text(objective.name, value)))
    return Card(
        name,
        str(run.folder),
        run.status,
        run.n_running,
        standing.share(run.seconds) if standing.limit or standing.budget.seconds else None,
        _spent(standing, run.seconds),
        tuple(best),
        len(front.members),
        standing.n_looked_at,
        standing.n_failed,
        trace_points(standing.trace, standing.spent),
        f"{front.hypervolume:.4g}",
    )


def _spent(standing: Standing, seconds: float) -> str:
    """Return what is spent of the budget, in its own unit."""
    if standing.budget.seconds:
        return f"{duration(seconds)} of {duration(standing.budget.seconds)}"
    of = f" of {standing.limit:,}" if standing.limit else ""
    return f"{standing.spent:,.1f}{of} {standing.unit}"


def trace_points(trace: Sequence[tuple[float, float]], spent: float) -> str:
    """Return a line of steps through pairs of what was spent and the value from there on.

    Args:
        trace: The pairs, in order.
        spent: What was spent in all, to which the last value holds.
    """
    top = max((value for _, value in trace), default=0.0)
    if not top or not spent:
        return ""
    corners = [(0.0, 0.0)]
    for cost, value in trace:
        corners += [(cost, corners[-1][1]), (cost, value)]
    corners.append((spent, corners[-1][1]))
    rise = HEIGHT - 2 * MARGIN
    return " ".join(
        f"{WIDTH * cost / spent:.2f},{HEIGHT - MARGIN - rise * value / top:.2f}" for cost, value in corners
    )


def index_page(runs: Sequence[LiveRun], script: str) -> str:
    """Return the page of some runs.

    Args:
        runs: The runs, in the order of their addresses.
        script: JavaScript that keeps the page up to date.
    """
    names = Counter(run.name for run in runs)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("index.html")
        .render(
            cards=[card_of(run, _name(run, names)) for run in runs],
            style=(PAGE_TEMPLATE / "style.css").read_text(encoding="utf-8"),
            script=script,
            hash=f"sha256-{digest}",
        )
    )


def _name(run: LiveRun, names: Counter[str]) -> str:
    """Return what a run is called among others."""
    return run.name if names[run.name] == 1 else f"{run.name} in {run.folder}"


@cache
def _environment() -> Environment:
    """Return the templates; all that runs name is escaped."""
    return Environment(
        autoescape=True, loader=FileSystemLoader(TEMPLATE), undefined=StrictUndefined, trim_blocks=True
    )
