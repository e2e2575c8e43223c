"""The tables of a journal, and which version of them a file holds."""

import re
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from shlex import quote

from evocnn.errors import JournalError

APPLICATION_ID = 0x65766F63  # "evoc"
SCHEMA_VERSION = 6
MOST_SHOWN = 60  # letters of a statement

SCHEMA = """
CREATE TABLE manifest (name TEXT PRIMARY KEY, value TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE evaluations (
    place       INTEGER PRIMARY KEY AUTOINCREMENT,  -- 1-based order of committing; SQLite keeps the last
    digest      TEXT NOT NULL,        -- SHA-256 of the digest at the place before and of what follows
    ticket      INTEGER NOT NULL UNIQUE,  -- 0-based order of asking
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


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise where a file is no journal of this version.

    Nothing but its two tables may be there: reading a view would execute whatever query the file holds.

    Raises:
        JournalError: It is not.
        sqlite3.Error: It cannot be read.
        UnicodeDecodeError: Nor can what SQLite says of that.
    """
    check_version(connection, path)
    if strange := sorted(_statements(connection) - _own_statements()):
        message = (
            f"journal '{path}' must hold the tables of a journal and nothing else, but it held "
            f"'{strange[0][:MOST_SHOWN]}'; restore it from a copy, or save what can be read: evocnn rescue "
            f"{quote(str(path.parent))} --out NEW"
        )
        raise JournalError(message)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise where a file says that it is no journal of this version.

    Raises:
        JournalError: It does.
        sqlite3.Error: It cannot be read.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        message = (
            f"journal '{path}' must be of schema version {SCHEMA_VERSION}, but it was "
            f"{f'version {version}' if application == APPLICATION_ID else 'no evocnn journal'}; "
            "open it with the evocnn that wrote it"
        )
        raise JournalError(message)


def put_own_tables(connection: sqlite3.Connection) -> None:
    """Let a file hold the tables of a journal and nothing else, whatever it said that it held.

    Their rows stay where they are. The connection must be one of `PRAGMA writable_schema = ON`, and sees
    the tables only where it is opened anew.

    Raises:
        sqlite3.Error: The file cannot be read or written.
    """
    roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))
    with closing(sqlite3.connect(":memory:")) as own:
        own.executescript(SCHEMA)
        rows = own.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master").fetchall()
    with connection:
        connection.execute("DELETE FROM sqlite_master")
        connection.executemany(
            "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?)",
            [(kind, name, table, roots.get(name) or root, sql) for kind, name, table, root, sql in rows],
        )


@cache
def _own_statements() -> set[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return _statements(connection)


def _statements(connection: sqlite3.Connection) -> set[str]:
    """Return what made all that a file holds, without comments, which may be those of another evocnn."""
    texts = connection.execute("SELECT CAST(sql AS TEXT) FROM sqlite_master WHERE sql IS NOT NULL")
    # As SQLite reads them: a zero byte ends the statement.
    return {re.sub(r"(--[^\n\0]*|[ \n])+", " ", text) for (text,) in texts}
