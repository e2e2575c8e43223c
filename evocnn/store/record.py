"""A row of the journal: a ticket with its candidate and its evaluation, as a record and in SQLite."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from evocnn.errors import printable
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import JSON
from evocnn.store.decoding import parsed

FIRST = ""  # in place of the digest before the first row

COLUMNS = (
    "ticket, identity, reused_from, key, text, genome, parents, operators, repairs, epochs, n_images, share, "
    "replicate, continues, donor, cost, n_epochs, status, reason, metrics, curves, seconds, state, elapsed"
)
N_COLUMNS = COLUMNS.count(",") + 1


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the journal: a ticket with its candidate and its evaluation.

    Attributes:
        ticket: 0-based order of asking.
        identity: Equal identities have equal results.
        reused_from: The ticket whose evaluation this one reuses, if any.
        key: Content hash of the genome.
        text: One-line form of the genome.
        genome: The genome as JSON.
        parents: Tickets of the parents.
        operators: Names of the operators, in order of application.
        repairs: What repair had to change, counted by kind.
        epochs: Fidelity: passes over the training images in full training.
        n_images: Fidelity: training images in a pass.
        share: Fidelity: share of the epochs after which training stopped.
        replicate: 0, 1, ...: the same candidate with other seeds.
        continues: The ticket whose saved state it went on from.
        donor: The ticket whose weights it started from.
        cost: Predicted seconds, as charged on the virtual clock.
        n_epochs: Epochs, as charged to the budget: those beyond what it continues, 0 where it is reused.
        evaluation: What was found; its state is in a file of its own.
        state: SHA-256 of the saved state, if there is one.
        elapsed: Seconds of search when it was committed, over all sessions.
    """

    ticket: int
    identity: str
    reused_from: int | None
    key: str
    text: str
    genome: JSON
    parents: tuple[int, ...]
    operators: tuple[str, ...]
    repairs: Mapping[str, int]
    epochs: int
    n_images: int
    share: float
    replicate: int
    continues: int | None
    donor: int | None
    cost: float
    n_epochs: int
    evaluation: Evaluation
    state: str | None
    elapsed: float

    @property
    def metrics(self) -> Mapping[str, float]:
        """The evaluation's raw metrics."""
        return self.evaluation.metrics

    @property
    def is_full(self) -> bool:
        """Whether it was trained in full; only such records can be on the front."""
        return self.share >= 1


def row_of(record: Record) -> tuple[Any, ...]:
    """Return a record as values of `COLUMNS`, each exactly as SQLite gives it back."""
    r, e = record, record.evaluation
    lists = [json.dumps(value) for value in (r.genome, r.parents, r.operators, dict(r.repairs))]
    request = (r.epochs, r.n_images, _real(r.share), r.replicate, r.continues, r.donor)
    found = [json.dumps(dict(value)) for value in (e.metrics, e.curves)]
    return (
        *(r.ticket, r.identity, r.reused_from, r.key, _text(r.text)),
        *lists,
        *request,
        *(_real(r.cost), r.n_epochs, e.status.value, _text(e.reason)),
        *found,
        *(_real(e.seconds), r.state, _real(r.elapsed)),
    )


def record_of(row: Sequence[Any]) -> Record:
    """Return the record of a row.

    Raises:
        ValueError: The row cannot be read; so do TypeError, AttributeError and RecursionError say.
    """
    ticket, identity, reused_from, key, text, genome, parents, operators, repairs, *rest = row
    epochs, n_images, share, replicate, continues, donor, cost, n_epochs, *rest = rest
    status, reason, metrics, curves, seconds, state, elapsed = rest
    sources = (reused_from, continues, donor)
    if any(source is not None and source >= ticket for source in sources):
        message = f"it must follow from earlier tickets, but it was from {sources}"
        raise ValueError(message)
    cells = [parsed(cell) for cell in (parents, operators, repairs, metrics, curves)]
    parents, operators, repairs, metrics, curves = _CELLS.validate_python(cells)
    evaluation = Evaluation(Status(status), metrics, curves, seconds, printable(reason))
    return Record(
        ticket,
        identity,
        reused_from,
        printable(key),
        printable(text),
        parsed(genome),
        parents,
        operators,
        repairs,
        epochs,
        n_images,
        share,
        replicate,
        continues,
        donor,
        cost,
        n_epochs,
        evaluation,
        state,
        elapsed,
    )


# Parents, operators, repairs, metrics and curves: whoever wrote the file, they are of these types.
_CELLS = TypeAdapter(
    tuple[
        tuple[int, ...],
        tuple[str, ...],
        dict[str, int],
        dict[str, float],
        dict[str, tuple[float, ...]],
    ]
)


def digest_of(*values: object) -> str:
    """Return the SHA-256 of some values; of a row, with the digest of the row before it ahead."""
    text = json.dumps(values, default=str)  # bytes, which only damage leaves, have no form of their own
    return hashlib.sha256(text.encode()).hexdigest()


def _real(number: float) -> float:
    """Return a number as a column of reals gives it back: no integer, no negative zero."""
    return float(number) + 0.0


def _text(text: str) -> str:
    """Return a text that SQLite takes: halves of letters, as file names may hold, are spelt out."""
    return text.encode(errors="backslashreplace").decode()
