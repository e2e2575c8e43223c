"""Small plots in characters: a scatter of the front and the rise of the hypervolume.

plotext, the library for this, takes longer to import than everything else that a command needs.
"""

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from evocnn.evaluation import Objective
from evocnn.report.standing import Standing

N_LABEL = 8  # columns of the numbers beside a plot
RUNG, FULL, FRONT = 1, 2, 3
MARKS = {0: " ", RUNG: "·", FULL: "o", FRONT: "●"}
STYLES = {0: "", RUNG: "dim", FULL: "", FRONT: "bold cyan"}
FEW = 4  # points, below which all others span the axes, too
BLOCKS = " ▁▂▃▄▅▆▇█"


def scatter(standing: Standing, width: int, n_rows: int) -> list[Text]:
    """Return the front, with all candidates behind it, in so many columns and rows.

    The axes span what was trained in full and keeps floors and ceilings: one that failed to learn would
    flatten all others. As long as that is little, they span all that keeps these, or simply all.
    """
    across, up = standing.axes
    heading = Text(f"{_words(up)} over {_words(across)}{' (log)' if across.log else ''}", "bold")
    heading.truncate(width, overflow="ellipsis")
    members = [r.metrics for r in standing.front.members]
    front = [(m[across.name], m[up.name]) for m in members]
    points = [(x, y, FULL if is_full else RUNG) for x, y, is_full in standing.points]
    points += [(x, y, FRONT) for x, y in front]
    if not points:
        return [heading, Text("nothing evaluated yet", "dim"), *(Text() for _ in range(n_rows - 2))]
    values = np.array(points)  # (n_points, 3)
    xs, ys, kinds = _scaled(across, values[:, 0]), _scaled(up, values[:, 1]), values[:, 2].astype(int)
    is_kept = [not across.violation(x) and not up.violation(y) for x, y, _ in points]
    spanning = (kinds >= FULL) & is_kept
    if spanning.sum() < FEW:
        spanning = np.array(is_kept) if any(is_kept) else kinds > 0
    n_columns, n_cells = width - N_LABEL - 1, n_rows - 3
    columns, (left, right) = _cells(xs, spanning, n_columns)
    rows, (low, high) = _cells(ys, spanning, n_cells)
    is_inside = (columns >= 0) & (columns < n_columns) & (rows >= 0) & (rows < n_cells)
    grid = np.zeros((n_cells, n_columns), dtype=int)
    np.maximum.at(grid, (n_cells - 1 - rows[is_inside], columns[is_inside]), kinds[is_inside])
    labels = [""] * n_cells
    labels[0], labels[-1] = _number(up, high), _number(up, low)
    lines = [heading]
    for label, cells in zip(labels, grid, strict=True):
        line = Text(f"{label:>{N_LABEL}}│")
        for cell in cells.tolist():
            line.append(MARKS[cell], STYLES[cell])
        lines.append(line)
    lines.append(Text(f"{'':{N_LABEL}}└{'─' * n_columns}"))
    ends = _number(across, left), _number(across, right)
    foot = Text(f"{'':{N_LABEL + 1}}{ends[0]}")
    key = Text().append("● front", STYLES[FRONT]).append("  o full  · in part")
    room = width - foot.cell_len - len(ends[1])
    if room >= key.cell_len + 2:
        foot.append(" " * ((room - key.cell_len) // 2)).append_text(key)
    foot.pad_right(width - len(ends[1]) - foot.cell_len)
    return [*lines, foot.append(ends[1])]


def rise(
    trace: Sequence[tuple[float, float]], spent: float, unit: str, width: int, n_rows: int
) -> list[Text]:
    """Return how the hypervolume rose with what was spent, in so many columns and rows."""
    heading = Text().append("hypervolume", "bold")
    if not trace:
        return [heading, *(Text() for _ in range(n_rows - 1))]
    heading.append(f" {trace[-1][1]:.4g}")
    costs, values = np.array(trace).T
    n_cells = n_rows - 2
    ends = spent * np.arange(1, width + 1) / width  # of what each column stands for
    last = np.searchsorted(costs, ends, side="right") - 1
    heights = np.where(last < 0, 0.0, values[last]) / (values.max() or 1.0)
    eighths = np.ceil(8 * n_cells * heights).astype(int)
    lines = [heading]
    for row in range(n_cells):
        fills = np.clip(eighths - 8 * (n_cells - 1 - row), 0, 8)
        lines.append(Text("".join(BLOCKS[fill] for fill in fills.tolist()), "cyan"))
    right = f"{round(spent, 1):g} {unit}"
    return [*lines, Text(f"0{right:>{width - 1}}", "dim")]


def _words(objective: Objective) -> str:
    return objective.name.replace("_", " ")


def _scaled(objective: Objective, values: np.ndarray) -> np.ndarray:
    return np.array([objective.scaled(value) for value in values.tolist()])


def _cells(values: np.ndarray, spanning: np.ndarray, n: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the cell of each value, and what the outer edges of the first and the last one stand for."""
    low, high = float(values[spanning].min()), float(values[spanning].max())
    if low == high:
        margin = abs(low) * 0.05 or 0.5
        low, high = low - margin, high + margin
    with np.errstate(invalid="ignore", over="ignore"):
        cells = np.floor((values - low) / (high - low) * n)
    cells[values == high] = n - 1
    return np.clip(cells, -1, n).astype(int), (low, high)


def _number(objective: Objective, scaled: float) -> str:
    value = 10**scaled if objective.log else scaled
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
