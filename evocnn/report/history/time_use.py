"""Where the time of a search went: training, and what lay between."""

from dataclasses import dataclass
from typing import Any

from evocnn.evaluation import Status
from evocnn.report.cost_error import cost_error
from evocnn.runs import Run
from evocnn.store import Record

SLACK = 1.02  # of the workers' time; more training than that needs more workers


@dataclass(frozen=True)
class Part:
    """A part of the time, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class TimeUse:
    """Where the time of a search went.

    Attributes:
        elapsed: Seconds of search, over all sessions, until the last evaluation.
        training: Seconds of training and measuring, added up over all candidates.
        n_workers: Candidates trained at a time at the most; None where it cannot be told.
        parts: What the workers' time went into; training alone where their number cannot be told.
        training_parts: What the training went into.
        notes: How to read it, and what cannot be told.
    """

    elapsed: float
    training: float
    n_workers: int | None
    parts: tuple[Part, ...]
    training_parts: tuple[Part, ...]
    notes: tuple[str, ...]


def time_use_of(run: Run) -> TimeUse:
    """Return where the time of a search went."""
    trained = [record for record in run.records if record.reused_from is None]
    elapsed = max((record.elapsed for record in run.records), default=0.0)
    training = sum(record.evaluation.seconds for record in trained)
    n_workers, notes = _n_workers(run.manifest)
    if n_workers is not None and training > SLACK * n_workers * elapsed:
        notes.append(
            f"More was trained than {n_workers} at a time could in {elapsed:.0f} s, so there were others at "
            "times: how much of their time went into training cannot be told."
        )
        n_workers = None
    parts = [Part("training", training)]
    if n_workers is not None:
        rest = max(0.0, n_workers * elapsed - training)
        parts.append(Part("breeding and the journal" if n_workers == 1 else "waiting and breeding", rest))
        notes.append(
            "One process trains and breeds in turn: the rest is starting, breeding and writing the journal."
            if n_workers == 1
            else f"The rest of the time of {n_workers} workers is starting, waiting for work, and what the "
            "search itself took between; how much each took cannot be told."
        )
    error = cost_error(run.records)
    if error is not None:
        notes.append(f"Cost model: {error}.")
    return TimeUse(elapsed, training, n_workers, tuple(parts), _training_parts(run, trained), tuple(notes))


def _training_parts(run: Run, trained: list[Record]) -> tuple[Part, ...]:
    """Return the seconds of training by what they led to."""
    continued = {record.continues for record in run.records}
    parts = dict.fromkeys(
        ("trained in full", "rungs of those trained on", "stopped at a rung", "failed"), 0.0
    )
    for record in trained:
        if record.evaluation.status is not Status.OK:
            name = "failed"
        elif record.is_full:
            name = "trained in full"
        else:
            name = "rungs of those trained on" if record.ticket in continued else "stopped at a rung"
        parts[name] += record.evaluation.seconds
    return tuple(Part(name, seconds) for name, seconds in parts.items() if seconds)


def _n_workers(manifest: dict[str, Any]) -> tuple[int | None, list[str]]:
    """Return how many candidates were trained at a time in the first session, with what is unsure of it."""
    crew = manifest.get("workers") or {"count": 0, "gpus_per_worker": None, "address": None}
    machine = manifest.get("environment") or {}
    count, is_gpu_used = crew["count"], crew["gpus_per_worker"] != 0
    if is_gpu_used and not str(machine.get("torch", "+cpu")).endswith("+cpu"):
        return None, [
            "A GPU trains several candidates at once, and the seconds of each hold the turns of the others.",
            "So how busy it was cannot be told.",
        ]
    if count is not None:
        return max(1, count), []
    if crew["address"] is not None or "cores" not in machine:
        return None, ["How many workers the cluster had room for was not recorded."]
    return int(machine["cores"]), [
        f"The number of workers is taken to be that of the machine's cores, {machine['cores']}, the default."
    ]
