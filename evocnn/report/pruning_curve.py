"""What pruning costs: accuracy against parameters, operations and latency, as a picture and as numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from evocnn.report.colours import BLUE
from evocnn.report.picture import write_picture
from evocnn.store.csv_file import write_csv


class PruningPoint(NamedTuple):
    """A network of the curve.

    Attributes:
        sparsity: Share that was asked to go; 0 for the network that was pruned.
        parameters: Those that are not zero.
        flops: Floating-point operations for an image, zeros included.
        latency: Seconds for an image.
        accuracy: On validation images.
    """

    sparsity: float
    parameters: int
    flops: int
    latency: float
    accuracy: float


def plot_pruning_curve(title: str, points: Sequence[PruningPoint], path: Path) -> None:
    """Draw accuracy against parameters, operations and latency, each point with its sparsity.

    Args:
        title: The picture's.
        points: The networks, that which was pruned first.
        path: A .png, .svg or .pdf file.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    panels = {
        "parameters that are not zero": [float(point.parameters) for point in points],
        "million FLOPs an image": [point.flops / 1e6 for point in points],
        "latency, ms an image": [1e3 * point.latency for point in points],
    }
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    accuracies = [point.accuracy for point in points]
    for axes, (label, values) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        axes.plot(values, accuracies, marker="o", color=BLUE)
        for point, value in zip(points, values, strict=True):
            name = f"{point.sparsity:g}" if point.sparsity else "all"
            axes.annotate(name, (value, point.accuracy), (0, 6), textcoords="offset points", ha="center")
        axes.set_xlabel(label)
        axes.set_xlim(left=0, right=1.08 * max(values))
        axes.margins(y=0.15)
        axes.grid(alpha=0.25)
        if not axes.get_subplotspec().colspan.start:
            axes.set_ylabel("validation accuracy")
    figure.suptitle(title, parse_math=False, wrap=True, fontsize=10)
    write_picture(figure, path)


def write_pruning_curve(points: Sequence[PruningPoint], path: Path) -> None:
    """Write all values as CSV, a row a network.

    Raises:
        DataError: The file cannot be written.
    """
    write_csv(path, [PruningPoint._fields, *points])
