"""What became of the candidates of a search, why some failed, and which epochs were not trained at all."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from evocnn.evaluation import Status
from evocnn.genotype import Fidelity
from evocnn.report.history.asked import trainings_of
from evocnn.runs import Run
from evocnn.store import Record

IN_FULL, SEEN = "trained in full", "seen before"
TRAINED = "trained"
N_TICKETS = 5  # named of each reason


@dataclass(frozen=True)
class Count:
    """A number of candidates or epochs."""

    name: str
    n: int


@dataclass(frozen=True)
class Reason:
    """Why candidates failed, or were rejected.

    Attributes:
        status: How they ended.
        reason: In the words of the first of them; of others, numbers may differ.
        n: How many.
        tickets: The first of them.
    """

    status: str
    reason: str
    n: int
    tickets: tuple[int, ...]


@dataclass(frozen=True)
class Outcomes:
    """What became of the candidates.

    Attributes:
        candidates: Those asked, by what became of them: in full first, then by rung, then failures.
        reasons: Of those that failed or were rejected, the most frequent first.
        epochs: Those trained, and those saved by rungs, early stops, reuse and rejection.
        notes: How to read it.
    """

    candidates: tuple[Count, ...]
    reasons: tuple[Reason, ...]
    epochs: tuple[Count, ...]
    notes: tuple[str, ...]


def outcomes_of(run: Run) -> Outcomes:
    """Return what became of the candidates that a search asked for."""
    last = [records[-1] for records in trainings_of(run).values()]
    fates = Counter(_fate(record) for record in last)
    at_rungs = sorted({r.share for r in last if _is_ok(r) and not r.is_full}, reverse=True)
    ranked = [IN_FULL, *map(_stopped, at_rungs), *(status.value for status in Status), SEEN]
    names = [name for name in ranked if fates[name]]
    notes = [
        "A candidate counts once, by the last that was done with it.",
        "Saved by rungs: what those that were stopped there would have been trained yet.",
        "Saved by early stops: what was left of trainings that did not improve any more.",
        "Saved by reuse: candidates that had been trained before. By rejection: first looks at those.",
    ]
    if any(record.replicate for record in run.records):
        notes.append(
            "Repeats of a network with other seeds count among the epochs, not among the candidates."
        )
    return Outcomes(
        tuple(Count(name.replace("_", " "), fates[name]) for name in names),
        tuple(_reasons(run.records)),
        tuple(_epochs(run, last)),
        tuple(notes),
    )


def _is_ok(record: Record) -> bool:
    return record.reused_from is None and record.evaluation.status is Status.OK


def _fate(record: Record) -> str:
    if record.reused_from is not None:
        return SEEN
    if record.evaluation.status is not Status.OK:
        return record.evaluation.status.value
    return IN_FULL if record.is_full else _stopped(record.share)


def _stopped(share: float) -> str:
    return f"stopped at {100 * share:g} %"


def _epochs(run: Run, last: Iterable[Record]) -> Iterable[Count]:
    """Yield epochs: of those charged what was trained and what early stops left, and what was not charged."""
    charged = run.n_epochs
    continued = {record.continues for record in run.records}
    ends = [r for r in run.records if _is_ok(r) and r.ticket not in continued]
    stopped_early = sum(_stop(record) - _n_trained(record) for record in ends)
    rungs = sum(r.epochs - _stop(r) for r in last if _is_ok(r) and not r.is_full)
    before = {record.ticket: _stop(record) for record in run.records}
    reused = sum(
        _stop(r) - (0 if r.continues is None else before.get(r.continues, 0))
        for r in run.records
        if r.reused_from is not None
    )
    rejected = sum(_stop(r) for r in last if r.evaluation.status is Status.REJECTED)
    yield Count(TRAINED, charged - stopped_early)
    for name, n in (
        ("saved by rungs", rungs),
        ("saved by early stops", stopped_early),
        ("saved by reuse", reused),
        ("saved by rejection", rejected),
    ):
        if n:
            yield Count(name, n)


def _stop(record: Record) -> int:
    return Fidelity(record.epochs, record.n_images, record.share).stop


def _n_trained(record: Record) -> int:
    """Return the epochs that were trained up to a record, over all rungs; all where nothing was noted."""
    return int(record.metrics.get("epochs", _stop(record)))


def _reasons(records: Iterable[Record]) -> Iterable[Reason]:
    """Yield reasons, those that differ in numbers alone together."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        status = record.evaluation.status
        if status is not Status.OK and record.reused_from is None:
            words = re.sub(r"[-+.\d]*\d[-+.\de]*", "#", record.evaluation.reason)
            found.setdefault((status.value, words), []).append(record)
    for (ended, _), group in sorted(found.items(), key=lambda item: -len(item[1])):
        reason = group[0].evaluation.reason or "no reason was recorded"
        tickets = tuple(record.ticket for record in group[:N_TICKETS])
        yield Reason(ended.replace("_", " "), reason, len(group), tickets)
