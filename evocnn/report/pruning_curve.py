"""What pruning costs: accuracy against parameters, operations and latency, as a picture and as numbers."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from evocnn.report.colours import LINES
from evocnn.report.picture import title_lines, write_picture
from evocnn.store.csv_file import write_csv

_MARKERS = "osD^vPX"  # as many as a different number from that of the colours, so that pairs repeat late


class PruningPoint(NamedTuple):
    """A network of the curve.

    Attributes:
        sparsity: Share that was asked to go; 0 for the network that was pruned.
        epochs: Of the training after pruning; 0 likewise.
        gone: Share of the parameters that went.
        parameters: Those that are not zero.
        flops: Floating-point operations for an image, zeros included.
        latency: Seconds for an image.
        latency_spread: Interquartile range of the turns in which it was measured.
        accuracy: On validation images.
    """

    sparsity: float
    epochs: int
    gone: float
    parameters: int
    flops: int
    latency: float
    latency_spread: float
    accuracy: float

    @property
    def label(self) -> str:
        """What a picture says of it."""
        if not self.sparsity:
            return "as it was"
        epochs = f"{self.epochs} {'epoch' if self.epochs == 1 else 'epochs'}"
        return f"{self.sparsity:g}, {epochs}: {100 * self.gone:.0f} % of parameters gone"


def plot_pruning_curve(title: str, points: Sequence[PruningPoint], path: Path) -> None:
    """Draw accuracy against parameters, operations and latency; a legend says what each point is.

    Latencies differ by noise, too, and have bars as wide as their interquartile range.

    Args:
        title: The picture's.
        points: The networks, that which was pruned first.
        path: A .png, .svg or .pdf file.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    panels: dict[str, list[tuple[float, float]]] = {
        "parameters that are not zero": [(point.parameters, 0.0) for point in points],
        "million FLOPs an image": [(point.flops / 1e6, 0.0) for point in points],
        "latency, ms an image; bars: interquartile range": [
            (1e3 * point.latency, 1e3 * point.latency_spread / 2) for point in points
        ],
    }
    n_rows = -(-len(points) // 3)
    figure = Figure(figsize=(12, 4.4 + 0.22 * n_rows), layout="constrained")
    for axes, (label, values) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        rows = zip(points, values, cycle(LINES), cycle(_MARKERS), strict=False)
        for point, (value, bar), colour, marker in rows:
            if bar:
                axes.errorbar(value, point.accuracy, xerr=bar, ecolor=colour, alpha=0.5, capsize=3)
            axes.plot(
                value,
                point.accuracy,
                marker,
                markeredgecolor=colour,
                markerfacecolor="none",
                markeredgewidth=1.8,
                markersize=8,
                label=point.label,
            )
        axes.set_xlabel(label)
        axes.set_xlim(left=0, right=1.08 * max(value + bar for value, bar in values))
        axes.locator_params(axis="x", nbins=6)
        axes.margins(y=0.15)
        axes.grid(alpha=0.25)
        if not axes.get_subplotspec().colspan.start:
            axes.set_ylabel("validation accuracy")
            figure.legend(
                *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
            )
    figure.suptitle(title_lines(title, figure.get_figwidth()), parse_math=False, fontsize=10)
    write_picture(figure, path)


def write_pruning_curve(points: Sequence[PruningPoint], path: Path) -> None:
    """Write all values as CSV, a row a network.

    Raises:
        DataError: The file cannot be written.
    """
    write_csv(path, [PruningPoint._fields, *points])
