"""How the hypervolume of a run rose with evaluations, epochs and seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evocnn.report.climb import HYPERVOLUME, Climb, charged, climb_of
from evocnn.report.wording import label, metric_text
from evocnn.runs import Run

COSTS = {  # by which a rise is counted, in words
    "evaluations": "evaluations, in full trainings",
    "epochs": "epochs of training",
    "seconds": "seconds of search",
}


@dataclass(frozen=True)
class Rise:
    """The hypervolume along one kind of cost, as steps.

    Attributes:
        costs: Beyond which each value holds, from 0; the last is the cost of all.
        values: As many; the first is 0.
    """

    costs: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class HypervolumeRise:
    """The hypervolume of a run along what it cost.

    Attributes:
        reference: The corner up to which the volume is counted, in words.
        axes: By evaluations, epochs and seconds.
        notes: How to read it.
    """

    reference: str
    axes: Mapping[str, Rise]
    notes: tuple[str, ...]


def hypervolume_of(run: Run) -> HypervolumeRise:
    """Return how the hypervolume rose, as steps: charged ticket by ticket, or by the clock in seconds."""
    reference = ", ".join(
        f"{label(objective.name)} {metric_text(objective.name, objective.reference)}"
        for objective in run.objectives.items
    )
    notes = [
        f"The hypervolume is the volume that the front dominates, up to the reference point: {reference}.",
        "Larger is better; it compares runs of the same experiment alone.",
    ]
    if any(objective.log for objective in run.objectives.items):
        names = [label(o.name) for o in run.objectives.items if o.log]
        notes.append(f"It is counted in decimal logarithms of {' and '.join(names)}.")
    by_ticket, by_clock = (climb_of(run, run.objectives, by) for by in ("evaluations", "seconds"))
    epochs = [(start, end) for _, start, end in charged(run, "epochs")]  # the same records in the same order
    axes = {
        "evaluations": _rise(by_ticket, by_ticket.starts, by_ticket.spent),
        "epochs": _rise(
            by_ticket, np.array([start for start, _ in epochs]), max((e for _, e in epochs), default=0)
        ),
        "seconds": _rise(by_clock, by_clock.starts, by_clock.spent),
    }
    return HypervolumeRise(reference, axes, tuple(notes))


def _rise(climb: Climb, starts: np.ndarray, spent: float) -> Rise:
    volumes = climb.values[HYPERVOLUME]
    changed = np.flatnonzero(np.diff(volumes, prepend=0.0))
    return Rise(
        (0.0, *starts[changed].tolist(), float(spent)),
        (0.0, *volumes[changed].tolist(), float(volumes[-1]) if len(volumes) else 0.0),
    )
