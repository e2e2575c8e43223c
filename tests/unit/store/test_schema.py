"""A journal holds its two tables and nothing else: what reads it never executes a statement of the file."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from evocnn.errors import JournalError
from evocnn.store import Journal, Record
from evocnn.store.rescue import rescued
from evocnn.store.schema import SCHEMA

pytestmark = pytest.mark.fault

COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
FORGED = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = "


@pytest.fixture
def folder(tmp_path: Path, record: Callable[..., Record]) -> Path:
    """Return the folder of a journal of one row."""
    with Journal.create(tmp_path, {"status": "finished"}) as journal:
        journal.commit(record(0))
    return tmp_path


def execute(folder: Path, statements: str) -> None:
    with closing(sqlite3.connect(folder / "run.sqlite")) as file:
        file.executescript(statements)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("statements", "held"),
    [
        (f"DROP TABLE evaluations; CREATE VIEW evaluations AS {COUNTING}", "CREATE VIEW evaluations AS WITH"),
        (
            "CREATE TRIGGER x AFTER INSERT ON manifest BEGIN DELETE FROM manifest; END",
            "CREATE TRIGGER x AFTER",
        ),
        ("CREATE TABLE x (y)", r"CREATE TABLE x \(y\)"),
        ("CREATE INDEX x ON manifest (value)", "CREATE INDEX x ON manifest"),
        (
            "DROP TABLE evaluations; CREATE TABLE evaluations (place, digest, ticket)",
            "CREATE TABLE evaluations",
        ),
        (
            f"{FORGED} replace(sql, ') STRICT', ') --' || char(0, 10) || ' STRICT')",
            "CREATE TABLE evaluations",
        ),
        (
            f"{FORGED} CAST('CREATE VIEW manifest AS {COUNTING}' AS BLOB) WHERE name = 'manifest'",
            "CREATE VIEW",
        ),
    ],
)
def test_what_holds_anything_else_is_refused_and_rescued_without_it(
    statements: str, held: str, folder: Path
) -> None:
    """Fails without the statements in `check_schema`, or where `rescued` reads the view, without end."""
    execute(folder, statements)
    pattern = f"run.sqlite' must hold the tables of a journal and nothing else, but it held '?{held}.*rescue"
    with pytest.raises(JournalError, match=f"{pattern}|must be readable, but SQLite said"):
        Journal.open(folder, read_only=True)
    found = rescued(folder)
    assert found.manifest == {"status": "finished"}
    assert len(found.records) == ("DROP TABLE" not in statements)


def test_a_flipped_bit_in_what_says_how_tables_were_made_costs_no_row(folder: Path) -> None:
    """Fails where `rescued` refuses, or takes for its tables, what is not made as they are."""
    path = folder / "run.sqlite"
    content, rng = path.read_bytes(), np.random.default_rng(0)
    begin = content.index(b"tableevaluationsevaluations")  # kind, name and table, and then the statement
    places = rng.integers(begin, content.index(b") STRICT", begin) + 8, size=100)
    for place in [begin, begin + len("table"), *places]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        assert len(rescued(folder).records) == 1


def test_a_comment_of_another_version_is_no_other_table(folder: Path) -> None:
    """Fails where comments are compared, too."""
    changed = re.sub(r"--.*", "-- another;", SCHEMA).partition("STRICT;")[2].strip().rstrip(";")
    execute(folder, f"{FORGED} '{changed}' WHERE name = 'evaluations'")
    with Journal.open(folder) as journal:
        assert len(list(journal.records())) == 1
