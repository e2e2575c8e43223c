"""Learning curves as small drawings that the page scales: lines in a box, with the numbers that bound it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evocnn.runs import Run
from evocnn.store import Record

PANELS = ("loss", "accuracy")
KINDS = ("training", "validation")
WIDTH, HEIGHT = 300, 130  # of the box, in units of the drawing


@dataclass(frozen=True)
class Line:
    """One line of a panel.

    Attributes:
        kind: `training` or `validation`.
        points: As SVG writes them.
        last: The value after the last epoch.
    """

    kind: str
    points: str
    last: float


@dataclass(frozen=True)
class Panel:
    """One quantity over the epochs.

    Attributes:
        name: `loss` or `accuracy`.
        lines: One for each training and kind of images.
        low: The value at the bottom.
        high: The value at the top.
        n_epochs: The last epoch, at the right.
    """

    name: str
    lines: tuple[Line, ...]
    low: float
    high: float
    n_epochs: int


def curve_panels(run: Run, record: Record) -> tuple[Panel, ...]:
    """Return the learning curves of a network, of all its trainings where there are several."""
    repeats = run.front.repeats.get(record.ticket)
    tickets = {record.ticket} if repeats is None else set(repeats.tickets)
    trainings = [r.evaluation.curves for r in run.records if r.ticket in tickets]
    panels = (_panel(name, trainings) for name in PANELS)
    return tuple(panel for panel in panels if panel is not None)


def _panel(name: str, trainings: Sequence[Mapping[str, Sequence[float]]]) -> Panel | None:
    curves = [
        (kind, curves[f"{kind}_{name}"])
        for curves in trainings
        for kind in KINDS
        if curves.get(f"{kind}_{name}")
    ]
    if not curves:
        return None
    values = [value for _, curve in curves for value in curve]
    low, high = min(values), max(values)
    n_epochs = max(len(curve) for _, curve in curves)

    def points(curve: Sequence[float]) -> str:
        xs = (WIDTH * epoch / max(n_epochs - 1, 1) for epoch in range(len(curve)))
        ys = (HEIGHT * (high - value) / ((high - low) or 1) for value in curve)
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))

    lines = tuple(Line(kind, points(curve), curve[-1]) for kind, curve in curves)
    return Panel(name, lines, low, high, n_epochs)
