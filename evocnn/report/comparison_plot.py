"""A comparison of arms as a picture: each measure along the cost, with median and quartiles over seeds."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from evocnn.report.colours import LINES
from evocnn.report.comparison import Comparison
from evocnn.report.picture import check_ending, write_picture

STYLES = ("-", "--", "-.", ":")  # ever more gaps, through which lines beneath are seen where curves coincide
SETTLED = 0.1  # share of the cost; what arms reached before it may lie below the picture


def plot_comparison(comparison: Comparison, path: Path) -> None:
    """Draw a comparison into a file; see `comparison_figure`.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    check_ending(path)
    write_picture(comparison_figure(comparison), path)


def comparison_figure(comparison: Comparison) -> Figure:
    """Return medians as lines and the quartiles around them as bands, a panel a measure."""
    n_measures, n_arms = len(comparison.measures), len(comparison.arms)
    figure = Figure(figsize=(5.5 * n_measures, 4.2 + 0.2 * n_arms), layout="constrained")
    panels = figure.subplots(1, n_measures, squeeze=False)[0]
    settled = int(np.searchsorted(comparison.costs, SETTLED * comparison.end))
    for axes, measure in zip(panels, comparison.measures, strict=True):
        shown = []
        for index, arm in enumerate(comparison.arms):
            low, median, high = arm.curves[measure].quartiles
            colour, style = LINES[index % len(LINES)], STYLES[index % len(STYLES)]
            label = f"{arm.name} (n = {len(arm.seeds)})"
            axes.plot(
                comparison.costs,
                median,
                style,
                color=colour,
                linewidth=1.8,
                drawstyle="steps-post",
                label=label,
            )
            axes.fill_between(comparison.costs, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
            shown += [low[settled:], high[settled:]]
        bottom, top = float(np.min(shown)), float(np.max(shown))
        margin = 0.05 * (top - bottom) or 0.01
        axes.set_ylim(bottom - margin, top + margin)
        axes.set_xlim(0, comparison.end)
        axes.set_xlabel(comparison.by)
        axes.set_ylabel(measure.replace("_", " "), parse_math=False)
        axes.grid(alpha=0.25)
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=1, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    figure.suptitle("median over seeds, with quartiles", fontsize=11)
    return figure
