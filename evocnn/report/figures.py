"""What a study or a benchmark found: figures by name, how they were made, and whether it repeated.

A file `figures.json` beside a study holds what is expected of it, for its full and for its quick form.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from evocnn.errors import ExperimentError
from evocnn.runs.search import DECISIVE
from evocnn.store.durable import write_durably

FILE_NAME = "figures.json"
FULL, QUICK = "full", "quick"


@dataclass(frozen=True)
class Figure:
    """One number that was found.

    Attributes:
        value: The number.
        tolerance: How far a repetition may be away from it, in its unit; None for a figure that is told and
            not compared, such as a time.
        unit: What it is counted in, as `s`; empty for shares and counts.
        is_exact: Whether the same kind of CPU and the same versions give it again to the last bit, so that
            the tolerance holds elsewhere only.
    """

    value: float
    tolerance: float | None = None
    unit: str = ""
    is_exact: bool = False

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ExperimentError: One of them cannot be compared with.
        """
        if not isfinite(self.value) or not (self.tolerance is None or 0 <= self.tolerance < float("inf")):
            message = (
                "a figure must be finite and have a tolerance of at least 0, or none, but it was "
                f"{self.value} with {self.tolerance}; leave it out where it could not be measured"
            )
            raise ExperimentError(message)


@dataclass(frozen=True)
class Outcome:
    """What one form of a study found.

    Attributes:
        figures: The figures by name.
        command: What repeats it.
        seconds: How long it took, over all its sessions.
        environment: Versions, processor and commit, of `evocnn.store.environment`.
    """

    figures: Mapping[str, Figure]
    command: str
    seconds: float
    environment: Mapping[str, str | int]


@dataclass(frozen=True)
class ComparedFigure:
    """A figure beside its expectation.

    Attributes:
        name: The figure's name.
        expected: What was expected; None where the figure is new.
        found: What was found; None where it is missing.
        tolerance: How far apart they may be here; None where they are not compared.
    """

    name: str
    expected: Figure | None
    found: Figure | None
    tolerance: float | None

    @property
    def is_same(self) -> bool:
        """Whether the figure repeated; one that is not compared always does."""
        if self.expected is None or self.found is None:
            return False
        return self.tolerance is None or abs(self.expected.value - self.found.value) <= self.tolerance


def compare_outcomes(expected: Outcome, found: Outcome) -> tuple[ComparedFigure, ...]:
    """Return all figures of two outcomes side by side, those expected first."""
    is_alike = all(expected.environment.get(name) == found.environment.get(name) for name in DECISIVE)
    names = dict.fromkeys([*expected.figures, *found.figures])
    comparisons = []
    for name in names:
        figure = expected.figures.get(name)
        tolerance = None if figure is None else 0.0 if figure.is_exact and is_alike else figure.tolerance
        comparisons.append(ComparedFigure(name, figure, found.figures.get(name), tolerance))
    return tuple(comparisons)


def read_outcomes(folder: Path) -> dict[str, Outcome]:
    """Return the outcomes in a folder by form; none where it has no such file.

    Raises:
        ExperimentError: The file is damaged.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    try:
        forms: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {form: _outcome(**tables) for form, tables in forms.items()}
    except (OSError, ValueError, TypeError, AttributeError, ExperimentError) as error:
        message = (
            f"'{path}' must hold the figures of a study, but could not be read so: {error}; take it from the "
            "repository again, or remove it and run the study anew"
        )
        raise ExperimentError(message) from error


def write_outcome(folder: Path, form: str, outcome: Outcome) -> Path:
    """Write the outcome of one form beside that of the other, and return the file."""
    known = {name: asdict(one) for name, one in read_outcomes(folder).items()}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dict(sorted({**known, form: asdict(outcome)}.items())), indent=1, ensure_ascii=False)
    write_durably(folder / FILE_NAME, f"{text}\n".encode())
    return folder / FILE_NAME


def _outcome(
    figures: Mapping[str, Mapping[str, Any]], command: str, seconds: float, environment: Mapping[str, Any]
) -> Outcome:
    found = {name: Figure(**values) for name, values in figures.items()}
    return Outcome(found, command, float(seconds), environment)
