"""A run's front as a picture."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from evocnn.evaluation import Objective, Status
from evocnn.report.picture import check_ending, write_picture
from evocnn.runs import Run
from evocnn.store import Record

PREFERRED_AXES = ("parameters", "validation_accuracy")
BLUE, GREY, DARK, ORANGE, GREEN = (
    "#0060a8",
    "#9aa4ad",
    "#4d565e",
    "#d55e00",
    "#009e73",
)  # for the colour-blind
KNEE: dict[str, Any] = {"marker": "D", "color": ORANGE, "markersize": 10}
PICKED: dict[str, Any] = {"marker": "*", "color": GREEN, "markersize": 17}
Pair = tuple[Objective, Objective]  # those across and up


def plot_front(run: Run, path: Path, picked: Record | None = None) -> None:
    """Draw the front over every candidate, by size and accuracy where these are objectives.

    Those that went no further than a rung are rings, with the figures that they had there. Bars are the
    standard deviations of members that were trained more than once.

    Args:
        run: The run.
        path: A .png, .svg or .pdf file.
        picked: A network to mark.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    check_ending(path)
    pair = across, up = _axes(run)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    succeeded = [r for r in run.candidates if r.evaluation.status is Status.OK]
    in_full = [r for r in succeeded if r.is_full]
    _draw_candidates(axes, [r for r in succeeded if not r.is_full], in_full, pair)
    _draw_front(axes, run, pair)
    if run.front.knee is not None:
        _mark(axes, run.front.knee, pair, "knee", KNEE)
    if picked is not None:
        _mark(axes, picked, pair, f"picked, ticket {picked.ticket}", PICKED)
    _scale(axes, across, up)
    looked_at = "1 network" if len(succeeded) == 1 else f"{len(succeeded)} networks"
    axes.set_title(
        f"{run.name}: {looked_at} looked at, {len(in_full)} trained in full, {len(run.front.members)} on the "
        "front",
        parse_math=False,
    )
    legend = figure.legend(loc="outside lower center", ncols=1, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    write_picture(figure, path)


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


def _mark(axes: Axes, record: Record, pair: Pair, what: str, style: dict[str, Any]) -> None:
    """Mark one network, and put its text form into the legend."""
    label = f"{what}: {fill(record.text, 70)}"
    x, y = _points([record], pair)
    axes.plot(x, y, linestyle="none", markeredgecolor="white", label=label, **style)


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


def _axes(run: Run) -> Pair:
    """Return the objectives to draw across and up."""
    items = {objective.name: objective for objective in run.objectives.items}
    chosen = [items[name] for name in PREFERRED_AXES if name in items]
    rest = [objective for objective in items.values() if objective not in chosen]
    if len(chosen) == 1 and PREFERRED_AXES[1] in items:
        chosen = [*(rest[:1] or chosen), *chosen]
    across, up = ([*chosen, *rest] * 2)[:2]
    return across, up


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
