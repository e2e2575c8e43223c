"""Learning curves of trainings, a line each, as a picture and as a table of numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evocnn.report.colours import BLUE, ORANGE
from evocnn.report.picture import title_lines, write_picture
from evocnn.store.csv_file import write_csv

Curves = Mapping[str, Sequence[float]]  # one value an epoch, by name
COLOURS = {"training": ORANGE, "validation": BLUE}
PANELS = ("loss", "accuracy")


def plot_learning_curves(title: str, curves: Mapping[str, Curves], path: Path) -> None:
    """Draw losses and, where there are such, accuracies over the epochs.

    Args:
        title: The picture's.
        curves: By the name of the training; those named `training_...` and `validation_...`.
        path: A .png, .svg or .pdf file.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    names = next(iter(curves.values()))
    panels = [panel for panel in PANELS if any(name.endswith(panel) for name in names)]
    many = f", {len(curves)} seeds" if len(curves) > 1 else ""
    figure = Figure(figsize=(5.2 * len(panels) + 0.6, 4.2), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for images, colour in COLOURS.items():
            name = f"{images}_{panel}"
            for number, own in enumerate(curves.values()):
                if name in own:
                    label = f"{images} images{many}" if number == 0 else None
                    marker = "o" if len(own[name]) == 1 else ""
                    epochs = range(1, len(own[name]) + 1)
                    axes.plot(epochs, own[name], marker=marker, color=colour, alpha=0.8, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(panel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    figure.suptitle(title_lines(title, figure.get_figwidth()), parse_math=False, fontsize=10)
    write_picture(figure, path)


def write_learning_curves(curves: Mapping[str, Curves], path: Path) -> None:
    """Write all values as CSV, a row an epoch; see `plot_learning_curves`.

    Raises:
        DataError: The file cannot be written.
    """
    rows = (
        [training, epoch, *values]
        for training, own in curves.items()
        for epoch, values in enumerate(zip(*own.values(), strict=True), start=1)
    )
    write_csv(path, [["training", "epoch", *next(iter(curves.values()))], *rows])
