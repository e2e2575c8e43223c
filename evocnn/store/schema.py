"""The tables of a journal, and which version of them a file holds."""

import sqlite3
from pathlib import Path

from evocnn.errors import JournalError

APPLICATION_ID = 0x65766F63  # "evoc"
SCHEMA_VERSION = 5

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


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise where a file is no journal of this version.

    Raises:
        JournalError: It is not.
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
