"""A run's front as a picture."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from evocnn.evaluation import Objective, Status
from evocnn.report.colours import BLUE, DARK, GREEN, GREY, ORANGE
from evocnn.report.front_axes import front_axes
from evocnn.report.front_table import why_empty
from evocnn.report.picture import check_ending, sentence_figure, write_picture
from evocnn.runs import Run
from evocnn.store import Record

# Hollow, so that the colour of what they mark is seen.
KNEE: dict[str, Any] = {"marker": "D", "markeredgecolor": ORANGE, "markersize": 12}
PICKED: dict[str, Any] = {"marker": "*", "markeredgecolor": GREEN, "markersize": 20}
OUTLIERS = (0.05, 0.95)  # quantiles of the third objective beyond which only the front widens its scale
Pair = tuple[Objective, Objective]  # those across and up


def plot_front(run: Run, path: Path, picked: Record | None = None) -> None:
    """Draw the front into a file; see `front_figure`.

    Args:
        run: The run.
        path: A .png, .svg or .pdf file.
        picked: A network to mark.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    check_ending(path)
    write_picture(front_figure(run, picked), path)


def front_figure(run: Run, picked: Record | None = None) -> Figure:
    """Return the front over every candidate, by size and accuracy where these are objectives.

    Those that went no further than a rung are rings, with the figures that they had there. Bars are the
    standard deviations of members that were trained more than once. The colour of a member is its third
    objective.

    Args:
        run: The run.
        picked: A network to mark.
    """
    pair = across, up = front_axes(run.objectives.items)
    succeeded = [r for r in run.candidates if r.evaluation.status is Status.OK]
    if not succeeded:
        return sentence_figure(f"{run.name}: {why_empty(run)}")
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.margins(0.07)  # room for whole markers at the ends
    in_full = [r for r in succeeded if r.is_full]
    _draw_candidates(axes, [r for r in succeeded if not r.is_full], in_full, pair)
    if run.front.members:
        _draw_front(axes, run, pair)
        _draw_colours(figure, axes, run, pair)
    else:
        axes.plot([], [], linestyle="none", label=fill(why_empty(run), 70))  # a line of the legend
    if run.front.knee is not None:
        _mark(axes, run.front.knee, pair, "knee", KNEE)
    if picked is not None and all(objective.name in picked.metrics for objective in pair):
        _mark(axes, picked, pair, f"picked, ticket {picked.ticket}", PICKED)
    _scale(axes, across, up)
    looked_at = "1 network" if len(succeeded) == 1 else f"{len(succeeded):,} networks"
    axes.set_title(
        f"{run.name}: {looked_at} looked at, {len(in_full):,} trained in full, "
        f"{len(run.front.members):,} on the front",
        parse_math=False,
    )
    legend = figure.legend(loc="outside lower center", ncols=1, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _draw_candidates(axes: Axes, at_rung: list[Record], in_full: list[Record], pair: Pair) -> None:
    """Draw all that succeeded as points: rings for those that went no further than a rung."""
    for records, fill_colour, edge, label in (
        (at_rung, "none", GREY, "stopped at a rung"),
        (in_full, DARK, "none", "trained in full"),
    ):
        if records:
            xs, ys = _points(records, pair)
            axes.scatter(xs, ys, s=16, facecolors=fill_colour, edgecolors=edge, alpha=0.7, label=label)


def _draw_front(axes: Axes, run: Run, pair: Pair) -> None:
    """Draw the members of the front, a staircase through them, and bars where they were trained again."""
    across, up = pair
    members = sorted(run.front.members, key=lambda record: across.raw(record.metrics))
    xs, ys = _points(members, pair)
    label = f"Pareto front of {len(run.objectives.items)} objectives"
    axes.plot(xs, ys, "o", color=BLUE, markersize=7, label=label)
    axes.plot(*_staircase(xs, ys, up), color=BLUE, linewidth=1, alpha=0.7)
    for member in members:
        if member.ticket in run.front.repeats:
            spread = run.front.repeats[member.ticket].spread
            bars = spread[up.name], spread[across.name]
            axes.errorbar(*_points([member], pair), *bars, color=BLUE, linewidth=1, capsize=2)


def _draw_colours(figure: Figure, axes: Axes, run: Run, pair: Pair) -> None:
    """Fill the members by the first objective without an axis, on the scale of all trained in full.

    So members that are alike among all that was seen are alike in colour. Few outliers lie beyond its ends.
    """
    third = next((objective for objective in run.objectives.items if objective not in pair), None)
    if third is None:
        return
    members = sorted(run.front.members, key=lambda record: pair[0].raw(record.metrics))
    values = np.array([third.raw(record.metrics) for record in members])
    seen = np.array(
        [
            third.raw(r.metrics)
            for r in run.candidates
            if r.is_full and r.evaluation.status is Status.OK and third.name in r.metrics
        ]
    )
    common = np.quantile(seen, OUTLIERS)
    low, high = float(min(values.min(), common[0])), float(max(values.max(), common[1]))
    norm = LogNorm(low, high) if third.log and 0 < low < high else Normalize(low, high)
    points = axes.scatter(
        *_points(members, pair), s=49, c=values, cmap="cividis", norm=norm, edgecolors=BLUE, zorder=2.5
    )
    beyond = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    bar = figure.colorbar(points, ax=axes, extend=beyond[bool(seen.min() < low), bool(seen.max() > high)])
    better = "lower" if third.weight < 0 else "higher"
    bar.set_label(f"{third.name.replace('_', ' ')} of the front ({better} is better)", parse_math=False)


def _mark(axes: Axes, record: Record, pair: Pair, what: str, style: dict[str, Any]) -> None:
    """Mark one network, and put its text form into the legend."""
    label = f"{what}: {fill(record.text, 70)}"
    x, y = _points([record], pair)
    hollow: dict[str, Any] = {
        "linestyle": "none",
        "markerfacecolor": "none",
        "markeredgewidth": 2.2,
        "zorder": 4,
    }
    axes.plot(x, y, label=label, **hollow, **style)


def _scale(axes: Axes, across: Objective, up: Objective) -> None:
    """Give the axes their names, and log scales where objectives have them."""
    for objective, axis, set_scale, set_label in (
        (across, axes.xaxis, axes.set_xscale, axes.set_xlabel),
        (up, axes.yaxis, axes.set_yscale, axes.set_ylabel),
    ):
        set_label(objective.name.replace("_", " "), parse_math=False)
        if objective.log:
            set_scale("log")
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(alpha=0.25)


def _points(records: Sequence[Record], pair: Pair) -> tuple[list[float], list[float]]:
    across, up = pair
    return [across.raw(r.metrics) for r in records], [up.raw(r.metrics) for r in records]


def _staircase(xs: list[float], ys: list[float], up: Objective) -> tuple[list[float], list[float]]:
    """Return the steps of the best value reached from left to right."""
    better = max if up.weight > 0 else min
    step_xs: list[float] = []
    step_ys: list[float] = []
    for x, y in zip(xs, ys, strict=True):
        best = better(step_ys[-1], y) if step_ys else y
        step_xs += [x, x] if step_ys else [x]
        step_ys += [step_ys[-1], best] if step_ys else [best]
    return step_xs, step_ys
