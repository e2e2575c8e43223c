"""Where a search stands, in plain lines and in one that is short."""

from collections.abc import Sequence

from evocnn.report.standing import Standing
from evocnn.report.wording import duration
from evocnn.store import Record

COLUMNS = 80  # of plain lines


def plain_lines(standing: Standing, seconds: float, *, is_last: bool = False) -> str:
    """Return where a search stands in lines that fit.

    Args:
        standing: What was counted.
        seconds: Seconds of search, over all sessions.
        is_last: Whether nothing comes after it: then there is no time left.
    """
    counts = f"{standing.n_looked_at} looked at, {standing.n_full} in full, {standing.n_epochs} epochs"
    parts = [f"{_spent(standing)} {standing.unit}", counts]
    pace, left = standing.pace(seconds), standing.seconds_left(seconds)
    if pace is not None:
        parts.append(f"{pace:.3g} a minute")
    if left is not None and not is_last:
        parts.append(f"{duration(left)} left")
    return _folded([*parts, *_found(standing, "best accuracy")])


def short_line(standing: Standing, seconds: float) -> str:
    """Return where a search stands in one line."""
    parts = [_spent(standing), f"{standing.n_looked_at} seen, {standing.n_full} full"]
    left = standing.seconds_left(seconds)
    if left is not None:
        parts.append(f"{duration(left)} left")
    return " · ".join([*parts, *_found(standing, "accuracy")])


def best_accuracy(members: Sequence[Record]) -> float | None:
    """Return the best validation accuracy of a front; None where none is measured."""
    name = "validation_accuracy"
    return max((record.metrics[name] for record in members if name in record.metrics), default=None)


def _spent(standing: Standing) -> str:
    total = f"/{standing.limit}" if standing.limit else ""
    return f"{round(standing.spent, 1):g}{total}"


def _found(standing: Standing, accuracy: str) -> list[str]:
    parts = [f"{standing.n_failed} failed"] if standing.n_failed else []
    members = standing.front.members
    if members:
        best = best_accuracy(members)
        parts.append(f"{len(members)} on the front" if best is None else f"{accuracy} {best:.4f}")
        parts.append(f"hypervolume {standing.front.hypervolume:.4g}")
    return parts


def _folded(parts: Sequence[str]) -> str:
    """Return the parts in lines that fit, those after the first indented."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if len(longer) <= COLUMNS:
            lines[-1] = longer
        else:
            lines.append(f"  {part}")
    return "\n".join(lines)
