"""Which class is taken for which: a confusion matrix as a table, as a picture and as CSV."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.report.picture import title_lines, write_picture
from evocnn.store.csv_file import write_csv

Confusion = npt.NDArray[np.int64]  # images of a class (row) taken for another (column)
MOST_IN_TABLE = 12  # classes; the confusions of more are told by the greatest of each class
MOST_NUMBERS = 30  # classes; cells of more have no room for a number
SIDE = 0.42  # inches of a cell


def show_confusion(confusion: Confusion, class_names: Sequence[str]) -> None:
    """Print each class with its images, the share that was found, and what the others were taken for."""
    n_classes = len(class_names)
    is_small = n_classes <= MOST_IN_TABLE
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("class", overflow="fold")
    table.add_column("n", justify="right")
    table.add_column("accuracy", justify="right")
    for number in range(n_classes if is_small else 0):
        table.add_column(str(number), justify="right")
    if not is_small:
        table.add_column("most often taken for", overflow="fold")
    for label, (name, row) in enumerate(zip(class_names, confusion, strict=True)):
        n_images = int(row.sum())
        accuracy = f"{row[label] / n_images:.4f}" if n_images else "-"
        cells = [Text(f"{n}" if n else "·", style="bold" if c == label else "") for c, n in enumerate(row)]
        text = name if name == str(label) or not is_small else f"{label} {name}"
        table.add_row(
            Text(text),
            f"{n_images:,}",
            accuracy,
            *(cells if is_small else [_greatest(row, label, class_names)]),
        )
    Console(emoji=False).print(table)


def _greatest(row: Confusion, label: int, class_names: Sequence[str]) -> Text:
    """Return the class that a class was most often taken for, if it ever was for another."""
    others = row.copy()
    others[label] = 0
    other = int(others.argmax())
    return Text(f"{class_names[other]}: {others[other]}" if others[other] else "")


def plot_confusion(title: str, confusion: Confusion, class_names: Sequence[str], path: Path) -> None:
    """Draw the shares of each class's images that were taken for each class, with the numbers of images.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    n_classes = len(class_names)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    has_numbers = n_classes <= MOST_NUMBERS
    side = (SIDE if has_numbers else SIDE / 3) * n_classes
    figure = Figure(figsize=(side + 3.2, side + 2.4), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if has_numbers:
        for row, column in np.argwhere(confusion):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(
                column,
                row,
                str(confusion[row, column]),
                ha="center",
                va="center",
                color=colour,
                fontsize=8,
            )
    size = 9 if has_numbers else 4
    ticks = range(n_classes)
    axes.set_xticks(ticks, class_names, rotation=90, fontsize=size, parse_math=False)
    axes.set_yticks(ticks, class_names, fontsize=size, parse_math=False)
    axes.set_xlabel("taken for")
    axes.set_ylabel("class")
    axes.set_title(title_lines(title, side + 2), parse_math=False, fontsize=10)
    figure.colorbar(image, label="share of the class's images", shrink=0.8)
    write_picture(figure, path)


def write_confusion(confusion: Confusion, class_names: Sequence[str], path: Path) -> None:
    """Write the numbers of images as CSV: a row a class, a column for what it was taken for.

    Raises:
        DataError: The file cannot be written.
    """
    rows = ([name, *row] for name, row in zip(class_names, confusion.tolist(), strict=True))
    write_csv(path, [["class", *class_names], *rows])
