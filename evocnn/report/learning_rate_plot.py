"""Learning-rate range tests as a picture: the loss over the rate, and the range in which it falls."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evocnn.genotype import Chromosome
from evocnn.report.colours import GREY, LINES
from evocnn.report.picture import write_picture
from evocnn.training.learning_rate_range import LearningRateRange, median_range

HEADROOM = 1.15  # of the greatest loss at the start; what is above has diverged
MAX_LETTERS = 110
MARKS = "where a loss begins to fall and where it is least; shaded: between the medians of both"


def plot_learning_rates(name: str, found: Mapping[Chromosome, LearningRateRange], path: Path) -> None:
    """Draw the averaged loss of each network, a panel an optimizer, and the median of their ranges.

    Args:
        name: The experiment's name.
        found: Ranges by chromosome; of a single one, each step's own loss is drawn, too.
        path: A .png, .svg or .pdf file.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    colours = {label: LINES[n % len(LINES)] for n, label in enumerate(dict.fromkeys(map(_label, found)))}
    optimizers = list(dict.fromkeys(chromosome.recipe.optimizer for chromosome in found))
    is_single = len(found) == 1
    size = (max(8.0, 5.0 * len(optimizers)), 4.6 + 0.2 * len(colours))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(optimizers), sharex=True, sharey=True, squeeze=False)[0]
    for axes, optimizer in zip(panels, optimizers, strict=True):
        own = {c: ranges for c, ranges in found.items() if c.recipe.optimizer == optimizer}
        for chromosome, ranges in own.items():
            if is_single:
                axes.plot(ranges.rates, ranges.losses, ".", color=GREY, alpha=0.7, markersize=4)
            _draw(axes, ranges, colours[_label(chromosome)])
        _draw_median(axes, optimizer, median_range(own.values()))
    curves = [ranges.losses if is_single else ranges.averages for ranges in found.values() if ranges.averages]
    if curves:
        top = HEADROOM * max(curve[0] for curve in curves)
        panels[0].set_ylim(min(map(min, curves)) - 0.05 * top, top)
    panels[0].set_ylabel("training loss, averaged")
    handles = [Line2D([], [], color=colour, label=label) for label, colour in colours.items()]
    if is_single:
        handles.append(_dots(".", "the loss of each step, not averaged"))
    handles.append(_dots("o", MARKS))
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=1, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    networks = "one network" if len(colours) == 1 else f"{len(colours)} networks"
    figure.suptitle(f"{name}: learning-rate range test of {networks}", parse_math=False)
    write_picture(figure, path)


def _dots(marker: str, label: str) -> Line2D:
    return Line2D([], [], color=GREY, marker=marker, linestyle="", label=label)


def _draw(axes: Axes, ranges: LearningRateRange, colour: str) -> None:
    """Draw the averaged loss over the rate, with a dot at each bound."""
    rates = ranges.rates[: len(ranges.averages)]
    axes.plot(rates, ranges.averages, color=colour)
    bounds = [rates.index(bound) for bound in (ranges.low, ranges.high) if bound is not None]
    axes.plot([rates[n] for n in bounds], [ranges.averages[n] for n in bounds], "o", color=colour)


def _draw_median(axes: Axes, optimizer: str, median: tuple[float, float] | None) -> None:
    """Shade the median range and say what it is."""
    title = f"{optimizer}: the loss fell at no rate"
    if median is not None:
        title = f"{optimizer}: {median[0]:.2g} to {median[1]:.2g}"
        axes.axvspan(*median, color=GREY, alpha=0.25, linewidth=0)
    axes.set_title(title, fontsize=10)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.grid(alpha=0.25, color=GREY)


def _label(chromosome: Chromosome) -> str:
    """Return what tells a network apart: its text without optimizer and learning rate."""
    layers, head, recipe = chromosome.text.split(" | ")
    others = " ".join(recipe.split(" ")[2:])
    return shorten(f"{layers} | {head} | {others}".removesuffix(" | "), MAX_LETTERS, placeholder=" …")
