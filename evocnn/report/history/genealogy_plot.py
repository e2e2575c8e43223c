"""The family of a network as a picture: a line a network, the oldest on top, joined as in a history."""

from collections.abc import Mapping, Sequence
from textwrap import fill, shorten

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from evocnn.report.colours import BLUE, DARK, GREEN, GREY, INK, OLIVE, ORANGE, PINK, SKY
from evocnn.report.history.genealogy import Family, Relative
from evocnn.report.wording import metric_text

ROW, LANE = 0.42, 0.24  # inches
TICKET, FIGURE, OPERATORS = 0.65, 1.3, 3.4  # widths of columns
N_FIGURES = 3  # objectives that have room
LANES = (BLUE, ORANGE, PINK, OLIVE, SKY, INK)  # green is for the one that is chosen
LETTER = 0.63 / 72  # inches by point of the type's size
TEXT = 7  # points of a network's text form
WIDEST = 12.0  # inches; longer text forms are cut


def family_figure(family: Family) -> Figure:
    """Return the ancestors of a network, each with its objectives and the operators that made it."""
    members = family.members
    lanes = lanes_of(members)
    n_rows = len(members)
    left = 0.3 + LANE * (max(lanes.values()) + 1)
    shown = family.objectives[:N_FIGURES]
    longest = max(len(member.text) for member in members) * TEXT * LETTER
    width = max(_columns(left, len(shown))[-1] + OPERATORS, 7.5, min(left + longest + 0.2, WIDEST))
    words = fill(
        " ".join([*family.notes, "Rings were drawn anew or given."]), int((width - 0.3) / (8 * LETTER))
    )
    figure = Figure(figsize=(width, ROW * n_rows + 0.7 + 0.16 * len(words.splitlines())))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(-0.2 - 0.16 * len(words.splitlines()), ROW * n_rows + 0.5)
    axes.set_axis_off()
    rows = {member.ticket: ROW * (n_rows - index - 0.5) for index, member in enumerate(members)}
    _draw_edges(axes, members, lanes, rows)
    _write_heads(axes, left, ROW * n_rows + 0.18, shown)
    for member in members:
        x, y = _x(lanes[member.ticket]), rows[member.ticket]
        is_chosen = member.distance == 0
        axes.plot(
            x,
            y,
            "*" if is_chosen else "o",
            markersize=13 if is_chosen else 7,
            markerfacecolor=GREEN
            if is_chosen
            else "white"
            if member.is_founder
            else _colour(lanes[member.ticket]),
            markeredgecolor=GREEN if is_chosen else _colour(lanes[member.ticket]),
            zorder=3,
        )
        _write_row(axes, left, y, member, shown)
    axes.text(0.15, -0.1, words, va="top", fontsize=8, color=INK)
    return figure


def lanes_of(members: Sequence[Relative]) -> dict[int, int]:
    """Return a column for each ticket, so that each line down from a parent has a column of its own.

    From the youngest up: the first parent takes its child's column, others the first that is free.
    """
    known = {member.ticket for member in members}
    waiting: list[int | None] = []  # the ticket that each column leads up to
    lanes: dict[int, int] = {}
    for member in reversed(members):
        if member.ticket not in waiting:
            waiting = _put(waiting, member.ticket)
        lane = lanes[member.ticket] = waiting.index(member.ticket)
        waiting[lane] = None
        new = [parent for parent in member.parents if parent in known and parent not in waiting]
        for number, parent in enumerate(new):
            if number == 0:
                waiting[lane] = parent
            else:
                waiting = _put(waiting, parent)
    return lanes


def _put(waiting: list[int | None], ticket: int) -> list[int | None]:
    """Return the columns with a ticket in the first that is free."""
    lane = waiting.index(None) if None in waiting else len(waiting)
    return [*waiting[:lane], ticket, *waiting[lane + 1 :]]


def _draw_edges(
    axes: Axes, members: Sequence[Relative], lanes: Mapping[int, int], rows: Mapping[int, float]
) -> None:
    """Draw a line from each network up to its parents: a bend, then straight; dotted to those left out."""
    for member in members:
        x, y = _x(lanes[member.ticket]), rows[member.ticket]
        for parent in member.parents:
            if parent not in lanes:
                axes.plot([x, x], [y, y + 0.45 * ROW], ":", color=GREY, linewidth=1.4, zorder=1)
                continue
            x_parent, y_parent = _x(lanes[parent]), rows[parent]
            bend = y + 0.9 * ROW
            points = [
                (x, y),
                (x, y + 0.5 * ROW),
                (x_parent, y + 0.4 * ROW),
                (x_parent, bend),
                (x_parent, y_parent),
            ]
            codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO]
            style = {"edgecolor": _colour(lanes[parent]), "facecolor": "none", "linewidth": 1.5, "zorder": 1}
            axes.add_patch(PathPatch(Path(points, codes), **style))


def _write_heads(axes: Axes, left: float, y: float, names: Sequence[str]) -> None:
    for x, name in zip(_columns(left, len(names)), ("ticket", *names, "made by"), strict=True):
        is_number = name in names
        words = name.replace("_", " ")
        align = "right" if is_number else "left"
        axes.text(
            x, y, shorten(words, 22, placeholder="…"), ha=align, fontsize=8, color=INK, parse_math=False
        )


def _write_row(axes: Axes, left: float, y: float, member: Relative, names: Sequence[str]) -> None:
    ticket, *figures, operators = _columns(left, len(names))
    width = axes.get_xlim()[1]
    upper, lower = y + 0.03, y - 0.05
    weight = "bold" if member.distance == 0 else "normal"
    axes.text(ticket, upper, str(member.ticket), fontsize=9, fontweight=weight)
    for x, name in zip(figures, names, strict=True):
        value = member.figures.get(name)
        text = member.status.replace("_", " ") if value is None else metric_text(name, value)
        axes.text(x, upper, text, ha="right", fontsize=9, fontweight=weight)
    made = ", ".join(member.operators).replace("_", " ") or ("drawn anew" if member.is_founder else "")
    axes.text(
        operators, upper, _cut(made, width - operators, 9), fontsize=9, fontweight=weight, parse_math=False
    )
    axes.text(
        ticket,
        lower,
        _cut(member.text, width - ticket, TEXT),
        va="top",
        fontsize=TEXT,
        color=DARK,
        parse_math=False,
    )


def _columns(left: float, n_figures: int) -> list[float]:
    """Return where columns stand: the ticket's left edge, the right edges of figures, the operators' left."""
    rights = [left + TICKET + FIGURE * (number + 0.8) for number in range(n_figures)]
    return [left, *rights, left + TICKET + FIGURE * n_figures + 0.3]


def _cut(text: str, width: float, size: float) -> str:
    n = int(width / (size * LETTER))
    return text if len(text) <= n else text[: n - 1] + "…"


def _x(lane: int) -> float:
    return 0.25 + LANE * lane


def _colour(lane: int) -> str:
    return LANES[lane % len(LANES)]
