"""What can still be read of a journal that is damaged.

A row is whole where its digest says so, whatever became of its neighbours: each answers for one ticket, and
a search that is resumed asks for the others again. Of a row that is lost, the next one goes with it where
its digest, on which that one's rests, is lost too.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evocnn.errors import JournalError
from evocnn.genotype import JSON
from evocnn.store.committed import Committed, read_committed
from evocnn.store.decoding import parsed
from evocnn.store.journal import FILE_NAME, N_COMMITTED, SELECT, UNREADABLE, decoded
from evocnn.store.manifest import LIST, n_written, names_missing
from evocnn.store.record import FIRST, Record, digest_of, record_of
from evocnn.store.schema import check_version, put_own_tables

LEAST_ROW_BYTES = 200  # digest, identity and key alone take more than half of that


@dataclass(frozen=True)
class Rescued:
    """What can still be read of a journal.

    Attributes:
        manifest: The entries that are whole.
        lost_entries: Names of those that are not; with `LIST` among them, more may be missing.
        records: The rows that are whole, in the order of their commits.
        n_committed: How many there were.
    """

    manifest: dict[str, JSON]
    lost_entries: tuple[str, ...]
    records: tuple[Record, ...]
    n_committed: int


def rescued(folder: Path) -> Rescued:
    """Return what can still be read of a run's journal; the run folder is left as it is.

    Raises:
        JournalError: Nothing can be read, or it is no journal of this version.
    """
    source = folder / FILE_NAME
    if not source.is_file():
        message = f"'{folder}' must be a run folder, but it held no {FILE_NAME}; give the folder of a run"
        raise JournalError(message)
    known = read_committed(folder) or Committed()
    with tempfile.TemporaryDirectory(prefix="evocnn-") as scratch:
        copy = Path(scratch) / FILE_NAME
        for path in (source, source.with_name(f"{FILE_NAME}-wal")):
            if path.is_file():
                shutil.copyfile(path, copy.with_name(path.name))
        n_bytes = sum(path.stat().st_size for path in Path(scratch).iterdir())  # a killed search's log, too
        try:
            with _opened(copy) as connection:
                check_version(connection, source)
                put_own_tables(connection)
            with _opened(copy) as connection:
                manifest, lost_entries = _manifest(connection, known.entries)
                n_committed = _n_committed(connection, n_bytes // LEAST_ROW_BYTES)
                records = tuple(_records(connection, n_committed))
        except UNREADABLE as error:
            raise _unreadable(source, f"SQLite said: {error}") from error
    if not (manifest or records):
        raise _unreadable(source, "nothing in it is whole")
    return Rescued(manifest, lost_entries, records, max(n_committed, known.rows))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to a copy, which reads a file that was cut short, too."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = decoded
        connection.execute("PRAGMA writable_schema = ON")
        yield connection


def _manifest(connection: sqlite3.Connection, n_known: int) -> tuple[dict[str, JSON], tuple[str, ...]]:
    """Return the entries that are whole, also those ahead of a damaged page, and the names of the others.

    The list is among those where entries were written more often than it says: what was last is lost.
    """
    whole: dict[str, JSON] = {}
    seen: set[str] = set()
    with suppress(*UNREADABLE):
        for name, value, digest in connection.execute("SELECT * FROM manifest"):
            seen.add(str(name))
            if digest_of(name, value) == digest:
                with suppress(ValueError, RecursionError):
                    whole[name] = parsed(value)
    if n_written(whole) < n_known:
        whole.pop(LIST, None)
    lost = sorted({*seen, *names_missing(whole)} - whole.keys())
    whole.pop(LIST, None)
    return whole, tuple(lost)


def _unreadable(source: Path, what: str) -> JournalError:
    message = f"journal '{source}' must hold something that can be read, but {what}; restore it from a copy"
    return JournalError(message)


def _n_committed(connection: sqlite3.Connection, most: int) -> int:
    """Return how many rows were committed, as far as that can be known; never more than there is room for."""
    found = []
    for statement in (N_COMMITTED, "SELECT max(place) FROM evaluations"):
        with suppress(*UNREADABLE):
            found += [number for (number,) in connection.execute(statement) if isinstance(number, int)]
    return min(max(found, default=0), most)


def _records(connection: sqlite3.Connection, n_committed: int) -> Iterator[Record]:
    """Yield what is whole; each row is looked up for itself, so that a damaged page costs no more."""
    before: object = FIRST
    for place in range(1, n_committed + 1):
        row = _row(connection, place)
        if row is not None and digest_of(before, *row[2:]) == row[1]:
            with suppress(ValueError, TypeError, AttributeError, RecursionError):
                yield record_of(row[2:])
        before = None if row is None else row[1]


def _row(connection: sqlite3.Connection, place: int) -> tuple[Any, ...] | None:
    try:
        row: tuple[Any, ...] | None = connection.execute(f"{SELECT} LIMIT 1", (place,)).fetchone()
    except UNREADABLE:
        return None
    return row if row is not None and row[0] == place else None
