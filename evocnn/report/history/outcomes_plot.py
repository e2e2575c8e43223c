"""What became of candidates and epochs as a picture: bars with their numbers."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evocnn.report.colours import BLUE, GREY, ORANGE
from evocnn.report.history.outcomes import IN_FULL, SEEN, TRAINED, Count, Outcomes
from evocnn.report.picture import sentence_figure


def outcomes_figure(outcomes: Outcomes) -> Figure:
    """Return bars of candidates by what became of them, and of epochs by whether they were trained."""
    if not outcomes.candidates:
        return sentence_figure("no candidate was asked for yet")
    n_rows = max(len(outcomes.candidates), len(outcomes.epochs), 2)
    figure = Figure(figsize=(10, 1.1 + 0.32 * n_rows), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_bars(left, "candidate", outcomes.candidates)
    _draw_bars(right, "epoch", outcomes.epochs)
    return figure


def _draw_bars(axes: Axes, noun: str, counts: Sequence[Count]) -> None:
    total = sum(count.n for count in counts)
    axes.set_title(f"{total:,} {noun}{'' if total == 1 else 's'}", loc="left", fontsize=10)
    places = range(len(counts), 0, -1)
    bars = axes.barh(places, [count.n for count in counts], color=[_colour(count.name) for count in counts])
    axes.bar_label(bars, [f" {count.n:,}" for count in counts], fontsize=9)
    axes.set_yticks(list(places), [count.name for count in counts], fontsize=9)
    axes.set_xticks([])
    axes.set_xlim(0, 1.15 * max([count.n for count in counts] or [1]) or 1)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _colour(name: str) -> str:
    """Return blue for what was trained to its end, grey for what was cut short, orange for failures."""
    if name in (IN_FULL, TRAINED):
        return BLUE
    return GREY if name == SEEN or name.startswith(("stopped", "saved", "rejected")) else ORANGE
