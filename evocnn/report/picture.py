"""Pictures as files and as parts of a page, and a sentence in place of one where there is nothing to draw."""

import re
from html import escape
from io import StringIO
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError

FORMATS = (".png", ".svg", ".pdf")
LETTERS_AN_INCH = 12  # at least, in a title
MOST_POINTS = 400  # of a cloud that are drawn as shapes in a page


def sentence_figure(words: str) -> Figure:
    """Return a flat figure with a sentence in it."""
    figure = Figure(figsize=(9, 1), layout="constrained")
    figure.text(0.5, 0.5, words, ha="center", va="center", parse_math=False)
    return figure


def title_lines(words: str, inches: float) -> str:
    """Return a title of font size 10 in lines that are no longer than so many inches.

    Matplotlib's own `wrap` measures what stands between two `$` as mathematics even where that is off, and
    fails where it is none: a user's name may hold any letter.
    """
    return fill(words, int(inches * LETTERS_AN_INCH))


def check_ending(path: Path) -> None:
    """Raise where the ending of a picture's file names no format.

    Raises:
        ExperimentError: It names none.
    """
    if path.suffix not in FORMATS:
        message = f"a plot's file must end in {', '.join(FORMATS)}, but it was '{path}'; change the ending"
        raise ExperimentError(message)


def write_picture(figure: Figure, path: Path) -> None:
    """Write a picture into a file, whose folder is made where it is missing.

    Raises:
        ExperimentError: The ending names no format, or the file cannot be written or is a link.
    """
    check_ending(path)
    if path.is_symlink():
        message = f"a plot's file must be no link, but '{path}' led to '{path.readlink()}'; remove it"
        raise ExperimentError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        message = (
            f"a plot's file must be writable, but '{path}' was not: {error.strerror}; give another --out"
        )
        raise ExperimentError(message) from error


def svg_text(figure: Figure, title: str) -> str:
    """Return a picture as SVG to stand in a page; the same figure always gives the same text.

    Texts stay texts, so that they can be read aloud and searched. Clouds of many points become an image
    of their own inside, which a browser shows at once.

    Args:
        figure: The picture.
        title: What a screen reader says of it.
    """
    for cloud in (each for axes in figure.axes for each in axes.collections):
        if isinstance(cloud, PathCollection) and np.shape(cloud.get_offsets())[0] > MOST_POINTS:
            cloud.set_rasterized(True)
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "evocnn",
        "font.sans-serif": ["DejaVu Sans", "Verdana"],
    }
    file = StringIO()
    with rc_context(settings):
        figure.savefig(
            file, format="svg", dpi=150, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    body = file.getvalue().partition("<svg ")[2]
    body = re.sub(r'<g id="[\w.-]+"', "<g", body)  # nothing refers to groups, and pictures share their names
    body = re.sub(r"\n *", "\n", body)
    width = f"{72 * figure.get_figwidth():g}"
    start = f'<svg role="img" aria-label="{escape(title)}" style="--width: {width}px" '
    attributes, _, rest = body.partition(">")
    attributes = re.sub(r'\b(width|height)="[\d.]+pt"', "", attributes)
    return f"{start}{attributes}><title>{escape(title)}</title>{rest}"
