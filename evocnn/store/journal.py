"""The journal, `run.sqlite`: every evaluation, committed before the algorithm hears of it.

It is the checkpoint. Resuming asks the same questions again and answers them from here; there is
no second state to lose. `manifest` holds what the run is: experiment, seed, data digest, versions.

Each row carries a digest of itself and of the row committed before it, each entry of the manifest one of
itself, and one more entry lists the others: what was altered, or is missing, is named wherever it is read.
`run.committed` beside it says how much there was, in case that SQLite's log is lost.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, Self

from evocnn.errors import JournalError
from evocnn.genotype import JSON
from evocnn.store.committed import FILE_NAME as COMMITTED_NAME
from evocnn.store.committed import Committed, begin_committed, read_committed, write_committed
from evocnn.store.decoding import parsed
from evocnn.store.durable import replace_durably
from evocnn.store.lock import LOCK_NAME
from evocnn.store.manifest import ENTER, LIST, SET, entry, list_of, n_written, names_missing
from evocnn.store.record import COLUMNS, FIRST, N_COLUMNS, Record, digest_of, record_of, row_of
from evocnn.store.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, check_schema

FILE_NAME = "run.sqlite"
_INSERT = f"INSERT INTO evaluations (digest, {COLUMNS}) VALUES (?{', ?' * N_COLUMNS})"  # noqa: S608 - constants
SELECT = f"SELECT place, digest, {COLUMNS} FROM evaluations WHERE place >= ? ORDER BY place"  # noqa: S608 - constants
_LAST_DIGEST = "SELECT digest FROM evaluations ORDER BY place DESC LIMIT 1"
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # the latter of a damaged schema
N_COMMITTED = "SELECT seq FROM sqlite_sequence WHERE name = 'evaluations'"


class Journal:
    """A run's SQLite file. One process writes; any number read meanwhile."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self._places = {known: _place_of(known) for known in (path, path.with_name(LOCK_NAME))}

    @classmethod
    def create(
        cls,
        folder: Path,
        manifest: Mapping[str, JSON],
        records: Iterable[Record] = (),
        *,
        is_kept: bool = True,
    ) -> "Journal":
        """Create the journal of a new run, with what it begins with at once or not at all.

        Args:
            folder: The run folder.
            manifest: What the run is.
            records: What was evaluated before, in the order of the commits.
            is_kept: False for a folder that is thrown away: commits do not wait for the disk.

        Raises:
            JournalError: There is one already, or the folder cannot be written.
        """
        check_new(folder)
        path = folder / FILE_NAME
        part = path.with_name(f"{FILE_NAME}.part")  # else a process that is killed here leaves half a journal
        try:
            for beside in ("", "-journal", "-wal", "-shm"):  # of one that was
                part.with_name(f"{part.name}{beside}").unlink(missing_ok=True)
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                if not is_kept:
                    connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
                    f"PRAGMA user_version = {SCHEMA_VERSION};"
                )
                entries = list_of(manifest, 0), *(entry(*item) for item in manifest.items())
                connection.executemany(ENTER, entries)
                rows = [*_chained(records, FIRST)]
                connection.executemany(_INSERT, rows)
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            begin_committed(folder, Committed(len(rows), rows[-1][0] if rows else FIRST))
            replace_durably(part, path)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            said = error.strerror if isinstance(error, OSError) else f"SQLite said: {error}"
            message = f"journal '{path}' must be writable, but {said}; free some space or give another --out"
            raise JournalError(message) from error
        journal = cls.open(folder)
        if not is_kept:
            journal._connection.execute("PRAGMA synchronous = OFF")  # noqa: SLF001 - its own class
        return journal

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> "Journal":
        """Open the journal of a run.

        Raises:
            JournalError: There is none, or it is no journal of this version.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            found = f"it held no {FILE_NAME}" if folder.exists() else "nothing is there"
            message = f"'{folder}' must be a run folder, but {found}; give the folder that `evocnn run` wrote"
            raise JournalError(message)
        with ExitStack() as unless_done:
            try:
                uri = f"{path.resolve().as_uri()}?{reading_mode(path) if read_only else 'mode=rw'}"
                connection = unless_done.enter_context(
                    closing(sqlite3.connect(uri, uri=True, isolation_level=None))
                )
                connection.text_factory = decoded
                check_schema(connection, path)
            except UNREADABLE as error:
                raise _unreadable(path, error) from error
            unless_done.pop_all()
        return cls(connection, path)

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def set(self, name: str, value: JSON) -> None:
        """Write one entry of the manifest.

        Raises:
            JournalError: The file cannot be read or written, or is not where it was, or the manifest is
                damaged.
        """
        self._check_places()
        known = self._known()
        entries = self._entries(known)
        n = n_written(entries) + 1
        names = {*entries, name} - {LIST}
        self._write(SET, (*list_of(names, n), *entry(name, value)), lambda _: replace(known, entries=n))

    def manifest(self) -> dict[str, JSON]:
        """Return all entries of the manifest.

        Raises:
            JournalError: The file cannot be read, or an entry was altered or is missing.
        """
        entries = self._entries(self._known())
        del entries[LIST]
        return entries

    def get(self, name: str) -> JSON:
        """Return one entry of the manifest, None where there is none.

        Raises:
            JournalError: As `manifest` does.
        """
        return self.manifest().get(name)

    def commit(self, record: Record) -> None:
        """Write a record, durably, before it returns.

        Raises:
            JournalError: The file cannot be written, or is not where it was.
        """
        self._check_places()
        known = self._known()
        last = self._read(_LAST_DIGEST, ())
        (row,) = _chained([record], last[0][0] if last else FIRST)
        self._write(_INSERT, row, lambda place: replace(known, rows=place, digest=row[0]))

    def records(self, since: int = 0) -> Iterator[Record]:
        """Yield records in order of their tickets; each has been held against its digest.

        Args:
            since: Only what was committed after so many records.

        Raises:
            JournalError: The file cannot be read, or a row was altered, is missing or makes no sense.
        """
        yield from sorted(self._committed(since), key=lambda record: record.ticket)

    def copy_to(self, folder: Path) -> None:
        """Write a copy into another folder, which may be done while somebody writes to the journal.

        Raises:
            JournalError: The file cannot be read, or the copy cannot be written.
        """
        known = self._known()
        try:
            with closing(sqlite3.connect(folder / FILE_NAME)) as copy:
                self._connection.backup(copy)
            begin_committed(folder, known)
        except (OSError, sqlite3.Error) as error:
            message = f"a copy of '{self.path}' must be written to '{folder}', but: {error}; make room"
            raise JournalError(message) from error

    def _committed(self, since: int) -> Iterator[Record]:
        """Yield records in the order of their commits, each held against the row before it."""
        known = self._known()
        n_committed = sum(number for (number,) in self._read(N_COMMITTED, ()))  # none as long as it is 0
        n_committed = max(n_committed, known.rows)
        last, before = 0, FIRST  # place and digest of the row before
        for place, digest, *row in self._read(SELECT, (since,)):
            if place != (last + 1 if last else max(since, 1)):
                message = f"a row committed before that of ticket {row[0]} was missing"
                raise self._damage(message)
            if place == known.rows and digest != known.digest:
                message = f"the row of ticket {row[0]} was another"
                raise self._damage(message)
            if place > since:
                if digest_of(before, *row) != digest:
                    message = f"the row of ticket {row[0]} was altered"
                    raise self._damage(message)
                yield self._record(row)
            last, before = place, digest
        if last < n_committed:
            message = f"{n_committed - last} of {n_committed} were missing at its end"
            raise self._damage(message)

    def _check_places(self) -> None:
        """Raise where the files are no longer those that were opened: what is written would be lost."""
        for path, place in self._places.items():
            if _place_of(path) != place:
                message = (
                    f"'{path}' must stay where it is while a process works on the run, but it was removed or "
                    "replaced; put it back, see that no other process works on the run, and resume it"
                )
                raise JournalError(message)

    def _known(self) -> Committed:
        """Return what the journal holds at least; read ahead of the journal, to which others may write."""
        found = read_committed(self.path.parent)
        if found is None:
            message = f"'{COMMITTED_NAME}', which says how much that is, was missing or damaged"
            raise self._damage(message)
        return found

    def _entries(self, known: Committed) -> dict[str, JSON]:
        """Return all entries of the manifest, the list among them."""
        entries = {row[0]: self._value(*row) for row in self._read("SELECT * FROM manifest", ())}
        if missing := names_missing(entries):
            message = f"the entry '{missing[0]}' of its manifest was missing"
            raise self._damage(message)
        if n_written(entries) < known.entries:
            message = "what was written to its manifest last was missing"
            raise self._damage(message)
        return entries

    def _record(self, row: list[Any]) -> Record:
        try:
            return record_of(row)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            message = f"the row of ticket {row[0]} made no sense: {error}"
            raise self._damage(message) from error

    def _value(self, name: str, value: str, digest: str) -> JSON:
        """Return the value of an entry of the manifest."""
        if digest_of(name, value) != digest:
            message = f"the entry '{name}' of its manifest was altered"
            raise self._damage(message)
        try:
            return parsed(value)
        except (ValueError, RecursionError) as error:
            message = f"the entry '{name}' of its manifest made no sense: {error}"
            raise self._damage(message) from error

    def _damage(self, what: str) -> JournalError:
        folder = self.path.parent
        return JournalError(
            f"journal '{self.path}' must hold all that was committed, as it was, but {what}; restore it from "
            f"a copy, or save what is whole: evocnn rescue {quote(str(folder))} --out NEW"
        )

    def _write(
        self, statement: str, values: tuple[object, ...], committed: Callable[[int], Committed]
    ) -> None:
        """Write a row, given by `committed` what the journal holds then, of the row's place."""
        try:
            cursor = self._connection.execute(statement, values)
            write_committed(self.path.parent, committed(cursor.lastrowid or 0))
        except (OSError, sqlite3.Error) as error:
            said = error.strerror if isinstance(error, OSError) else f"SQLite said: {error}"
            message = (
                f"journal '{self.path}' must be writable, but {said}; free some space, then resume the run"
            )
            raise JournalError(message) from error

    def _read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except UNREADABLE as error:
            raise _unreadable(self.path, error) from error


def check_new(folder: Path) -> None:
    """Raise where a folder holds a run.

    Raises:
        JournalError: It does.
    """
    path = folder / FILE_NAME
    if path.exists():
        message = (
            f"run folder '{folder}' must be new, but it held a run; continue with `evocnn resume "
            f"{quote(str(folder))}` or give another --out"
        )
        raise JournalError(message)


def _place_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reading_mode(path: Path) -> str:
    """Return how SQLite is to open a journal that is only read.

    As long as no writer's log lies beside it, SQLite is told that nothing changes: otherwise it would make
    files of its own in the folder, and fail where that cannot be written.
    """
    log = path.resolve().with_name(f"{path.name}-wal")
    return "mode=ro" if log.is_file() and log.stat().st_size else "mode=ro&immutable=1"


def _chained(records: Iterable[Record], before: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows as SQLite is given them, each with its digest."""
    for record in records:
        row = row_of(record)
        before = digest_of(before, *row)
        yield before, *row


def decoded(text: bytes) -> str:
    """Return a text as it was written; where it is none any more, its digest will say so."""
    return text.decode(errors="backslashreplace")


def _unreadable(path: Path, error: Exception) -> JournalError:
    """Return what is said of a journal that SQLite cannot read."""
    return JournalError(
        f"journal '{path}' must be readable, but SQLite said: {error}; restore it from a copy, or save what "
        f"can be read: evocnn rescue {quote(str(path.parent))} --out NEW"
    )
