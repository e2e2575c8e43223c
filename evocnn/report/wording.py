"""Names, figures and commands as people read them."""

from pathlib import Path
from shlex import quote

from evocnn.evaluation import Objective

FRACTIONS = ("accuracy", "gap")  # endings of the names of metrics that lie between 0 and 1


def label(name: str) -> str:
    """Return a name without underscores."""
    return name.replace("_", " ")


def metric_text(name: str, value: float) -> str:
    """Return a metric's value: a share with four decimals, whole numbers in full, others in four digits."""
    if name.endswith(FRACTIONS):
        return f"{value:.4f}"
    return f"{value:,.0f}" if value == round(value) else f"{value:.4g}"


def percent(share: float) -> str:
    """Return a share for a sentence, `99.2 %`."""
    return f"{100 * share:.1f} %"


def counted(n: int, noun: str, plural: str = "") -> str:
    """Return `1 network`, `2,000 networks`."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Return seconds as `2h 05m`, `3m 20s` or `45s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def bounds(objective: Objective) -> list[str]:
    """Return the bounds of an objective, `at least 0.5000` and `at most 20,000`, as far as there are any."""
    return [
        f"{word} {metric_text(objective.name, bound)}"
        for word, bound in (("at least", objective.floor), ("at most", objective.ceiling))
        if bound is not None
    ]


def command(verb: str, path: Path, *options: str) -> str:
    """Return a command of evocnn for a run folder or another path, as a shell reads it."""
    return " ".join(["evocnn", verb, quote(str(path)), *options])
