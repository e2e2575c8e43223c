"""Where the time went as a picture: two bars, of the workers' time and of the training in it."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evocnn.report.colours import BLUE, GREEN, GREY, ORANGE, SKY
from evocnn.report.history.time_use import Part, TimeUse
from evocnn.report.picture import sentence_figure
from evocnn.report.wording import duration

COLOURS = {
    "training": BLUE,
    "trained in full": BLUE,
    "rungs of those trained on": SKY,
    "stopped at a rung": GREEN,
    "failed": ORANGE,
}


def time_use_figure(use: TimeUse) -> Figure:
    """Return the workers' time as a bar, and what the training went into as another."""
    if not use.elapsed:
        return sentence_figure("nothing was searched yet")
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    at_a_time = "" if use.n_workers is None else f" × {use.n_workers} at a time"
    _draw_bar(top, f"{duration(use.elapsed)} of search{at_a_time}", use.parts)
    _draw_bar(bottom, f"{duration(use.training)} of training", use.training_parts)
    return figure


def _draw_bar(axes: Axes, title: str, parts: Sequence[Part]) -> None:
    total, start = sum(part.seconds for part in parts), 0.0
    for part in parts:
        label = f"{part.name} {duration(part.seconds)} ({part.seconds / (total or 1):.0%})"
        axes.barh(0, part.seconds, left=start, color=COLOURS.get(part.name, GREY), label=label, height=1)
        start += part.seconds
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlim(0, total or 1)
    axes.set_axis_off()
    if parts:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.01, 0.02),
            ncols=4,
            frameon=False,
            fontsize=9,
            columnspacing=1.2,
        )
