"""The journal, `run.sqlite`: every evaluation, committed before the algorithm hears of it.

It is the checkpoint. Resuming asks the same questions again and answers them from here; there is
no second state to lose. `manifest` holds what the run is: experiment, seed, data digest, versions.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from evocnn.errors import JournalError
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import JSON

FILE_NAME = "run.sqlite"
APPLICATION_ID = 0x65766F63  # "evoc"
SCHEMA_VERSION = 3

_SCHEMA = """
CREATE TABLE manifest (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE evaluations (
    ticket      INTEGER PRIMARY KEY,  -- 0-based order of asking
    identity    TEXT NOT NULL,        -- equal identities have equal results
    reused_from INTEGER,              -- the ticket with this identity that was evaluated
    key         TEXT NOT NULL,        -- content hash of the genome
    text        TEXT NOT NULL,
    genome      TEXT NOT NULL,        -- JSON
    parents     TEXT NOT NULL,        -- JSON list of tickets
    operators   TEXT NOT NULL,        -- JSON list of names, in order of application
    repairs     TEXT NOT NULL,        -- JSON object, what repair changed and how often
    epochs      INTEGER NOT NULL,     -- fidelity: of full training
    n_images    INTEGER NOT NULL,     -- fidelity
    share       REAL NOT NULL,        -- fidelity: share of the epochs after which training stopped
    replicate   INTEGER NOT NULL,
    continues   INTEGER,
    donor       INTEGER,
    cost        REAL NOT NULL,        -- predicted seconds, on the virtual clock
    n_epochs    INTEGER NOT NULL,     -- charged to the budget: those beyond `continues`, 0 where reused
    status      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    metrics     TEXT NOT NULL,        -- JSON object, raw
    curves      TEXT NOT NULL,        -- JSON object, one value an epoch
    seconds     REAL NOT NULL,        -- measured
    state       TEXT,                 -- SHA-256 of the saved state, states/IDENTITY while it may be needed
    elapsed     REAL NOT NULL         -- seconds of search, over all sessions, when it was committed
) STRICT;
"""

_COLUMNS = (
    "ticket, identity, reused_from, key, text, genome, parents, operators, repairs, epochs, n_images, share, "
    "replicate, continues, donor, cost, n_epochs, status, reason, metrics, curves, seconds, state, elapsed"
)
_INSERT = f"INSERT INTO evaluations ({_COLUMNS}) VALUES ({', '.join('?' * 24)})"  # noqa: S608 - constants
_SELECT = f"SELECT {_COLUMNS} FROM evaluations ORDER BY ticket"  # noqa: S608 - constants


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


class Journal:
    """A run's SQLite file. One process writes; any number read meanwhile."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def create(cls, folder: Path, manifest: Mapping[str, JSON], *, is_kept: bool = True) -> "Journal":
        """Create the journal of a new run, with its manifest at once or not at all.

        Args:
            folder: The run folder.
            manifest: What the run is.
            is_kept: False for a folder that is thrown away: commits do not wait for the disk.

        Raises:
            JournalError: There is one already, or the folder cannot be written.
        """
        check_new(folder)
        path = folder / FILE_NAME
        with ExitStack() as unless_done:
            unless_done.callback(path.unlink, missing_ok=True)
            try:
                connection = unless_done.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
                connection.execute("PRAGMA journal_mode = WAL")
                if not is_kept:
                    connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
                    f"PRAGMA user_version = {SCHEMA_VERSION};"
                )
                entries = [(name, json.dumps(value)) for name, value in manifest.items()]
                connection.executemany("INSERT INTO manifest VALUES (?, ?)", entries)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                message = (
                    f"journal '{path}' must be writable, but SQLite said: {error}; free some space or give "
                    "another --out"
                )
                raise JournalError(message) from error
            unless_done.pop_all()
        return cls(connection, path)

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> "Journal":
        """Open the journal of a run.

        Raises:
            JournalError: There is none, or it is no journal of this version.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            message = (
                f"'{folder}' must be a run folder, but it held no {FILE_NAME}; give the folder that "
                "`evocnn run` wrote"
            )
            raise JournalError(message)
        with ExitStack() as unless_done:
            try:
                mode = "ro" if read_only else "rw"
                uri = f"{path.resolve().as_uri()}?mode={mode}"
                connection = unless_done.enter_context(
                    closing(sqlite3.connect(uri, uri=True, isolation_level=None))
                )
                application = connection.execute("PRAGMA application_id").fetchone()[0]
                version = connection.execute("PRAGMA user_version").fetchone()[0]
            except sqlite3.Error as error:
                message = (
                    f"journal '{path}' must be readable, but SQLite said: {error}; restore it from a copy"
                )
                raise JournalError(message) from error
            if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
                message = (
                    f"journal '{path}' must be of schema version {SCHEMA_VERSION}, but it was "
                    f"{f'version {version}' if application == APPLICATION_ID else 'no evocnn journal'}; "
                    "open it with the evocnn that wrote it"
                )
                raise JournalError(message)
            unless_done.pop_all()
        return cls(connection, path)

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._connection.close()

    def set(self, name: str, value: JSON) -> None:
        """Write one entry of the manifest."""
        self._write("INSERT OR REPLACE INTO manifest VALUES (?, ?)", (name, json.dumps(value)))

    def manifest(self) -> dict[str, JSON]:
        """Return all entries of the manifest."""
        return {name: json.loads(value) for name, value in self._read("SELECT * FROM manifest", ())}

    def get(self, name: str) -> JSON:
        """Return one entry of the manifest, None where there is none."""
        rows = self._read("SELECT value FROM manifest WHERE name = ?", (name,))
        return next((json.loads(value) for (value,) in rows), None)

    def commit(self, record: Record) -> None:
        """Write a record, durably, before it returns.

        Raises:
            JournalError: The file cannot be written.
        """
        r, e = record, record.evaluation
        lists = [json.dumps(value) for value in (r.genome, r.parents, r.operators, dict(r.repairs))]
        request = (r.epochs, r.n_images, r.share, r.replicate, r.continues, r.donor, r.cost, r.n_epochs)
        result = (
            e.status.value,
            e.reason,
            json.dumps(dict(e.metrics)),
            json.dumps(dict(e.curves)),
            e.seconds,
        )
        row = (
            r.ticket,
            r.identity,
            r.reused_from,
            r.key,
            r.text,
            *lists,
            *request,
            *result,
            r.state,
            r.elapsed,
        )
        self._write(_INSERT, row)

    def records(self) -> Iterator[Record]:
        """Yield all records in order of their tickets.

        Raises:
            JournalError: The file or a row cannot be read.
        """
        for row in self._read(_SELECT, ()):
            try:
                yield _record(row)
            except (ValueError, TypeError, AttributeError) as error:
                message = (
                    f"journal '{self.path}' must hold a readable row for ticket {row[0]}, but: "
                    f"{error}; restore it from a copy"
                )
                raise JournalError(message) from error

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            message = (
                f"journal '{self.path}' must be writable, but SQLite said: {error}; free some space, "
                "then resume the run"
            )
            raise JournalError(message) from error

    def _read(self, statement: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            message = (
                f"journal '{self.path}' must be readable, but SQLite said: {error}; restore it from a copy"
            )
            raise JournalError(message) from error


def check_new(folder: Path) -> None:
    """Raise where a folder holds a run.

    Raises:
        JournalError: It does.
    """
    path = folder / FILE_NAME
    if path.exists() and path.stat().st_size > 0:  # an empty file is left by a crash at the very start
        message = (
            f"run folder '{folder}' must be new, but it held a run; continue with `evocnn resume "
            f"{folder}` or give another --out"
        )
        raise JournalError(message)


def _record(row: tuple[Any, ...]) -> Record:
    ticket, identity, reused_from, key, text, genome, parents, operators, repairs, *rest = row
    epochs, n_images, share, replicate, continues, donor, cost, n_epochs, *rest = rest
    status, reason, metrics, curves, seconds, state, elapsed = rest
    evaluation = Evaluation(
        status=Status(status),
        metrics=json.loads(metrics),
        curves={name: tuple(values) for name, values in json.loads(curves).items()},
        seconds=seconds,
        reason=reason,
    )
    return Record(
        ticket,
        identity,
        reused_from,
        key,
        text,
        json.loads(genome),
        tuple(json.loads(parents)),
        tuple(json.loads(operators)),
        dict(json.loads(repairs)),
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
