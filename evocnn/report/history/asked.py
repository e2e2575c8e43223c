"""What a search asked for: its candidates in order of asking, each with all that became of it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from evocnn.runs import Run
from evocnn.store import Record


def asked_of(run: Run) -> tuple[Record, ...]:
    """Return a record for each candidate that was asked; continuations and repeats aside, duplicates not."""
    return tuple(r for r in run.records if r.continues is None and r.replicate == 0)


def trainings_of(run: Run) -> dict[int, list[Record]]:
    """Return by the ticket under which a candidate was asked all its records, from rung to rung."""
    first: dict[int, int] = {}
    found: dict[int, list[Record]] = {}
    for record in run.records:
        if record.replicate == 0:
            start = record.ticket if record.continues is None else first.get(record.continues, record.ticket)
            first[record.ticket] = start
            found.setdefault(start, []).append(record)
    return found


def windows(records: Sequence[Record], *, most: int, least: int) -> Iterator[Sequence[Record]]:
    """Yield records in pieces of about equal number, in order.

    Args:
        records: In order of tickets.
        most: Pieces at the most.
        least: Records in a piece at the least, as far as there are so many.
    """
    n_pieces = max(1, min(most, len(records) // least))
    bounds = [len(records) * number // n_pieces for number in range(n_pieces + 1)]
    for start, end in pairwise(bounds):
        if end > start:
            yield records[start:end]
