"""Labelled images as a picture: some examples of each class in a row."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from evocnn.report.picture import write_picture
from evocnn.training.data import ImageSet

MAX_CLASSES = 200  # what is more no sheet can show
ROWS = 25  # in one column of classes
TILE = 0.5  # inches: the longer side of an image where one column of classes is enough
SMALL_TILE = 0.36  # and where it takes more
LINE = 1.25 / 72  # inches that a line needs for each point of its font: no row is lower
MARGIN = 0.03  # of an image, between images
GAP = 0.08  # inches
HEADING = 0.7  # inches
SAMPLED = 1000  # images among which the brightest pixel is looked for
MAX_LETTERS = 22


def plot_contact_sheet(images: ImageSet, path: Path) -> None:
    """Draw examples of each class, evenly spaced through its images, into a file.

    Args:
        images: The images; of more than 200 classes the first are drawn.
        path: A .png, .svg or .pdf file.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    n_classes = min(images.n_classes, MAX_CLASSES)
    n_columns = ceil(n_classes / ROWS)
    n_rows = ceil(n_classes / n_columns)
    n_examples = {1: 14, 2: 10, 3: 8}.get(n_columns, 6)
    tile, font_size = (TILE, 9) if n_columns == 1 else (SMALL_TILE, 7)
    _, height, width = images.shape
    high = max(tile * min(1.0, height / width), font_size * LINE)
    wide = high * width / height
    texts = [_text(images, label) for label in range(n_classes)]
    label_width = _longest(texts, font_size) + 3 * GAP
    column = label_width + n_examples * wide + GAP
    figure_width, figure_height = max(n_columns * column, 5.0), n_rows * high + HEADING
    figure = Figure(figsize=(figure_width, figure_height))
    for number in range(n_columns):
        labels = range(number * n_rows, min((number + 1) * n_rows, n_classes))
        left = (number * column + label_width) / figure_width
        rows_high = len(labels) * high / figure_height
        top = 1 - (HEADING - GAP) / figure_height
        axes = figure.add_axes((left, top - rows_high, n_examples * wide / figure_width, rows_high))
        axes.set_axis_off()
        axes.imshow(_mosaic(images, labels, n_examples), cmap="gray", vmin=0, vmax=255, aspect="auto")
        for row, label in enumerate(labels):
            x, y = -GAP / (n_examples * wide), 1 - (row + 0.5) / len(labels)
            axes.text(
                x,
                y,
                texts[label],
                transform=axes.transAxes,
                ha="right",
                va="center_baseline",
                fontsize=font_size,
                parse_math=False,
            )
    figure.suptitle(
        _title(images, n_classes),
        x=0.01,
        y=1 - 0.1 / figure_height,
        ha="left",
        va="top",
        fontsize=10,
        parse_math=False,
    )
    write_picture(figure, path)


def examples(images: ImageSet, label: int, n: int) -> npt.NDArray[np.intp]:
    """Return the indices of up to `n` images of a class, evenly spaced in their order."""
    own = np.flatnonzero(images.labels == label)
    places = np.linspace(0, len(own) - 1, min(n, len(own))).round().astype(np.intp)
    return own[places]


def _mosaic(images: ImageSet, labels: Sequence[int], n: int) -> npt.NDArray[np.uint8]:
    """Return examples on white, a row a class, shape `(height, width)` or `(height, width, 3)`.

    They are drawn as bright as the set's brightest pixel allows: the digits end at 16 of 255.
    """
    channels, height, width = images.shape
    gap = max(1, round(MARGIN * max(height, width)))
    brightest = max(int(images.images[:: max(1, len(images) // SAMPLED)].max()), 1)
    shape = (channels, len(labels) * (height + gap), n * (width + gap))
    mosaic = np.full(shape, 255, dtype=np.uint8)
    for row, label in enumerate(labels):
        for place, index in enumerate(examples(images, label, n)):
            pixels = images.images[index].astype(np.uint16) * 255 // brightest
            top, left = row * (height + gap), place * (width + gap)
            mosaic[:, top : top + height, left : left + width] = np.minimum(pixels, 255)
    return mosaic[0] if channels == 1 else np.moveaxis(mosaic, 0, -1)


def _longest(texts: Sequence[str], font_size: int) -> float:
    """Return the width of the longest text in inches."""
    figure = Figure()
    text = figure.text(0, 0, "", fontsize=font_size, parse_math=False)
    widths = []
    for content in texts:
        text.set_text(content)
        widths.append(text.get_window_extent().width / figure.dpi)
    return max(widths)


def _text(images: ImageSet, label: int) -> str:
    """Return the name of a class, cut where it is long, and its number of images."""
    name = images.class_names[label]
    shown = name if len(name) <= MAX_LETTERS else f"{name[: MAX_LETTERS - 1]}…"
    return f"{shown}  {images.counts[label]:,}"


def _title(images: ImageSet, n_shown: int) -> str:
    channels, height, width = images.shape
    more = "" if n_shown == images.n_classes else f", the first {n_shown} drawn"
    return (
        f"{images.name}: {len(images):,} images of {height}×{width}, {'grey' if channels == 1 else 'RGB'}\n"
        f"{images.n_classes} classes with their number of images{more}"
    )
