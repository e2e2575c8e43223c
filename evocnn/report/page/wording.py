"""Figures and names as the page writes them."""

from shlex import quote
from typing import Any

from evocnn.report.table import FRACTIONS
from evocnn.runs import Run


def label(name: str) -> str:
    """Return a metric's name as people write it."""
    return name.replace("_", " ")


def figure_text(name: str, value: float) -> str:
    """Return a metric's value: four digits of a share, whole numbers in full."""
    if name.endswith(FRACTIONS):
        return f"{value:.4f}"
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share of images for a sentence, `99.2 %`."""
    return f"{100 * share:.1f} %"


def counted(n: int, noun: str, plural: str = "") -> str:
    """Return `1 network`, `2,000 networks`."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def command(verb: str, run: Run, *options: str) -> str:
    """Return a command of evocnn for a run, as a shell reads it."""
    return " ".join(["evocnn", verb, quote(str(run.folder)), *options])


def image_text(data: dict[str, Any]) -> str:
    """Return what the images of a run are, `8×8 grey images`."""
    channels, height, width = data["shape"]
    colour = {1: "grey ", 3: "colour "}.get(channels, "")
    return f"{height}×{width} {colour}images"
