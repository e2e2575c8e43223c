import math
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evocnn.errors import JournalError
from evocnn.evaluation import Evaluation, Status
from evocnn.store import Journal, Record
from evocnn.store import journal as journal_module
from evocnn.store.manifest import LIST
from evocnn.store.record import digest_of, row_of

MakeRecord = Callable[..., Record]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create(tmp_path, {}) as journal:
        yield journal


def full(record: MakeRecord) -> Record:
    """Return a record in which no two fields could be swapped unnoticed."""
    return record(
        7,
        reused_from=3,
        genome={"layers": [{"gene": "conv", "filters": 8, "rate": 0.1}], "ok": True, "none": None},
        parents=(4, 2),
        operators=("one-point", "alter-gene"),
        repairs={"narrowed": 2, "held": 1},
        epochs=5,
        n_images=640,
        share=0.3,
        replicate=1,
        continues=6,
        donor=0,
        cost=0.1 + 0.2,
        n_epochs=9,
        evaluation=Evaluation(
            Status.TIMED_OUT,
            {"accuracy": 1 / 3, "tiny": 5e-324, "size": 1e300},
            {"loss": (2.5, 0.1), "accuracy": (0.25,)},
            12.75,
            "past its timeout — “30 s”",
        ),
        state="c0ffee",
        elapsed=99.5,
    )


def test_every_field_of_a_record_comes_back(journal: Journal, record: MakeRecord, tmp_path: Path) -> None:
    written = full(record)
    values = [getattr(written, field.name) for field in fields(Record)]
    assert len({repr(value) for value in values}) == len(values)  # the test would see a swap
    journal.commit(written)
    assert list(journal.records()) == [written]
    with Journal.open(tmp_path) as again:
        (read,) = again.records()
    assert read == written
    assert [type(getattr(read, field.name)) for field in fields(Record)] == [type(v) for v in values]
    assert type(read.evaluation.curves["loss"]) is tuple
    assert read.metrics == written.evaluation.metrics


@pytest.mark.parametrize("status", list(Status))
def test_every_status_comes_back(journal: Journal, record: MakeRecord, status: Status) -> None:
    journal.commit(record(0, status=status))
    (read,) = journal.records()
    assert read.evaluation.status is status


def test_curves_of_a_divergence_come_back(journal: Journal, record: MakeRecord) -> None:
    curves = {"loss": (2.0, math.inf, math.nan)}
    journal.commit(record(0, evaluation=Evaluation(Status.DIVERGED, curves=curves)))
    (read,) = journal.records()
    assert read.evaluation.curves["loss"][:2] == (2.0, math.inf)
    assert math.isnan(read.evaluation.curves["loss"][2])


def test_records_come_in_the_order_of_tickets(journal: Journal, record: MakeRecord) -> None:
    for ticket in (2, 0, 10, 1):
        journal.commit(record(ticket))
    assert [r.ticket for r in journal.records()] == [0, 1, 2, 10]


def test_a_ticket_is_committed_once(journal: Journal, record: MakeRecord) -> None:
    journal.commit(record(0))
    with pytest.raises(JournalError, match=r"run\.sqlite' must be writable, but SQLite said: UNIQUE"):
        journal.commit(record(0, cost=2.0))
    assert list(journal.records()) == [record(0)]


def test_a_record_is_durable_before_commit_returns(
    journal: Journal, record: MakeRecord, tmp_path: Path
) -> None:
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert journal._connection.execute("PRAGMA synchronous").fetchone()[0] >= 2  # FULL: WAL is synced
    journal.commit(record(0))
    assert not journal._connection.in_transaction
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as other:
        assert other.execute("SELECT ticket, status, elapsed FROM evaluations").fetchall() == [
            (0, "ok", 10.0)
        ]


def test_the_manifest_keeps_any_json(journal: Journal, tmp_path: Path) -> None:
    value = {"seed": 1, "list": [1.5, None, True, "ü"], "empty": {}}
    journal.set("experiment", value)
    journal.set("status", "running")
    journal.set("status", "finished")
    journal.set("nothing", None)
    with Journal.open(tmp_path, read_only=True) as reader:
        assert reader.get("experiment") == value
        assert reader.get("status") == "finished"
        assert reader.get("nothing") is None
        assert reader.get("what was never set") is None


def test_the_file_says_what_it_is(journal: Journal, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"evoc", "big"),)
        assert file.execute("PRAGMA user_version").fetchone() == (6,)


def test_create_refuses_a_folder_with_a_run(journal: Journal, record: MakeRecord, tmp_path: Path) -> None:
    journal.commit(record(0))
    with pytest.raises(JournalError, match=r"must be new, but it held a run; continue with `evocnn resume"):
        Journal.create(tmp_path, {})
    assert len(list(journal.records())) == 1


def test_create_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"must be writable, but SQLite said: unable to open .*--out"):
        Journal.create(tmp_path / "missing", {})


def test_a_failed_create_leaves_nothing_that_blocks_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(journal_module, "SCHEMA", "CREATE NONSENSE;")
        with pytest.raises(JournalError, match=r"must be writable, but SQLite said: .*NONSENSE.*; free some"):
            Journal.create(tmp_path, {})
    assert list(tmp_path.iterdir()) == []
    with Journal.create(tmp_path, {}) as journal:
        assert list(journal.records()) == []


def test_open_says_where_there_is_no_run(tmp_path: Path) -> None:
    for folder, found in ((tmp_path, r"it held no run\.sqlite"), (tmp_path / "missing", "nothing is there")):
        with pytest.raises(JournalError, match=f"must be a run folder, but {found}; give"):
            Journal.open(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_open_refuses_an_empty_file(tmp_path: Path, read_only: bool) -> None:
    (tmp_path / "run.sqlite").touch()
    with pytest.raises(JournalError, match=r"must be of schema version 6, but it was no evocnn journal"):
        Journal.open(tmp_path, read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_open_refuses_a_text_file(tmp_path: Path, read_only: bool) -> None:
    (tmp_path / "run.sqlite").write_text("not a database, but long enough to look for a header in it\n" * 20)
    with pytest.raises(JournalError, match=r"must be readable, but SQLite said: file is not a database"):
        Journal.open(tmp_path, read_only=read_only)


def test_open_refuses_somebody_elses_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as file:
        file.executescript("CREATE TABLE evaluations (ticket INTEGER); PRAGMA user_version = 6;")
    with pytest.raises(JournalError, match=r"version 6, but it was no evocnn journal; open it with the"):
        Journal.open(tmp_path)


@pytest.mark.fault
def test_open_refuses_another_version(tmp_path: Path) -> None:
    """To see it fail: leave the version out of `check_schema`."""
    Journal.create(tmp_path, {}).__exit__()
    with closing(sqlite3.connect(tmp_path / "run.sqlite")) as file:
        file.execute("PRAGMA user_version = 5")
    with pytest.raises(
        JournalError, match=r"must be of schema version 6, but it was version 5; open it with"
    ):
        Journal.open(tmp_path)


def test_a_refused_file_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembering(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    (tmp_path / "run.sqlite").touch()
    monkeypatch.setattr(sqlite3, "connect", remembering)
    with pytest.raises(JournalError, match="no evocnn journal"):
        Journal.open(tmp_path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        opened[0].execute("SELECT 1")


def test_a_truncated_file_is_a_journal_error_and_no_shorter_run(tmp_path: Path, record: MakeRecord) -> None:
    with Journal.create(tmp_path, {}) as journal:
        for ticket in range(200):
            journal.commit(record(ticket, text="x" * 200))
    path = tmp_path / "run.sqlite"
    content = path.read_bytes()
    assert len(content) > 40_000  # closing has moved the log into the file
    path.write_bytes(content[: len(content) // 2])

    def read() -> list[Record]:
        with Journal.open(tmp_path, read_only=True) as journal:
            return list(journal.records())

    with pytest.raises(JournalError, match=r"run\.sqlite' must be readable, but SQLite said: .*malformed"):
        read()


@pytest.mark.fault
@pytest.mark.parametrize("statement", ["metrics = '[]'", "elapsed = 11.0", "state = ''", "digest = 'c0ffee'"])
def test_an_altered_row_is_named(journal: Journal, record: MakeRecord, statement: str) -> None:
    """To see it fail: compare no digests in `_committed`."""
    for ticket in (2, 1, 0):
        journal.commit(record(ticket))
    journal._connection.execute(f"UPDATE evaluations SET {statement} WHERE ticket = 1")  # noqa: S608
    message = (
        r"must hold all that was committed, as it was, but the row of ticket 1 was altered; restore it .*"
    )
    with pytest.raises(JournalError, match=message + r"or save what is whole: evocnn rescue .+ --out NEW$"):
        list(journal.records())


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ((2,), r"a row committed before that of ticket 1 was missing"),
        ((1,), r"a row committed before that of ticket 0 was missing"),
        ((0,), r"1 of 3 were missing at its end"),
        ((1, 0), r"2 of 3 were missing at its end"),
        ((2, 1, 0), r"3 of 3 were missing at its end"),
    ],
)
def test_a_row_that_was_removed_is_missed(
    journal: Journal, record: MakeRecord, gone: tuple[int, ...], message: str
) -> None:
    for ticket in (2, 1, 0):
        journal.commit(record(ticket))
    for ticket in gone:
        journal._connection.execute("DELETE FROM evaluations WHERE ticket = ?", (ticket,))
    with pytest.raises(JournalError, match=message):
        list(journal.records())


def test_rows_cannot_change_places(journal: Journal, record: MakeRecord) -> None:
    for ticket in range(3):
        journal.commit(record(ticket))
    for before, after in ((1, 9), (2, 1), (9, 2)):
        journal._connection.execute("UPDATE evaluations SET place = ? WHERE place = ?", (after, before))
    with pytest.raises(JournalError, match=r"the row of ticket 1 was altered"):
        list(journal.records())


@pytest.mark.parametrize("genome", ["{", "[" * 100_000, "", "\x00"])
def test_a_row_that_was_forged_with_its_digest_is_named(
    journal: Journal, record: MakeRecord, genome: str
) -> None:
    """Nothing in it is run, and nothing of it ends in a traceback."""
    row = [*row_of(record(1))]
    row[5] = genome
    journal._connection.execute(journal_module._INSERT, (digest_of("", *row), *row))
    with pytest.raises(JournalError, match=r"but the row of ticket 1 made no sense: .+; restore it"):
        list(journal.records())


def test_an_entry_of_the_manifest_that_was_altered_is_named(journal: Journal) -> None:
    journal.set("experiment", {"seed": 1})
    journal._connection.execute("UPDATE manifest SET value = '2' WHERE name = 'experiment'")
    for read in (journal.manifest, partial(journal.get, "experiment")):
        with pytest.raises(JournalError, match=r"but the entry 'experiment' of its manifest was altered"):
            read()


@pytest.mark.fault
@pytest.mark.parametrize("gone", ["tests", "status", LIST])
def test_an_entry_of_the_manifest_that_is_missing_is_named(tmp_path: Path, gone: str) -> None:
    """To see it fail: leave `names_missing` out of `manifest`, or the list out of `set` or `create`."""
    with Journal.create(tmp_path, {"status": "running"}) as journal:
        journal.set("tests", [1])
        journal._connection.execute("DELETE FROM manifest WHERE name = ?", (gone,))
        message = rf"must hold all that was committed, .*, but the entry '{gone}' of its manifest was missing"
        for read in (journal.manifest, partial(journal.get, "tests"), partial(journal.set, "status", "x")):
            with pytest.raises(JournalError, match=message):
                read()


def test_an_entry_and_its_name_are_written_at_once_or_not_at_all(journal: Journal) -> None:
    """To see it fail: write the list and the entry in two statements."""
    journal._connection.execute(
        "CREATE TRIGGER t BEFORE INSERT ON manifest WHEN NEW.name = 'a' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(JournalError, match="SQLite said: no"):
        journal.set("a", 1)
    assert journal.manifest() == {}


def test_a_reason_may_hold_halves_of_letters(journal: Journal, record: MakeRecord) -> None:
    """As names of files that are no UTF-8 come into Python; SQLite takes none."""
    journal.commit(record(0, evaluation=Evaluation(Status.CRASHED, reason="no such file: '\udcff.png'")))
    (read,) = journal.records()
    assert read.evaluation.reason == r"no such file: '\udcff.png'"


def test_numbers_keep_their_digest_whatever_their_type(journal: Journal, record: MakeRecord) -> None:
    """SQLite gives back reals where integers were given, and no negative zero."""
    journal.commit(record(0, share=1, cost=-0.0, elapsed=7))
    (read,) = journal.records()
    assert (read.share, read.cost, read.elapsed) == (1.0, 0.0, 7.0)


def test_a_copy_can_be_made_while_the_journal_is_written(
    journal: Journal, record: MakeRecord, tmp_path: Path
) -> None:
    journal.set("status", "running")
    journal.commit(record(0))
    (tmp_path / "copy").mkdir()
    with Journal.open(tmp_path, read_only=True) as reader:
        reader.copy_to(tmp_path / "copy")
    with Journal.open(tmp_path / "copy") as copy:
        assert (list(copy.records()), copy.get("status")) == ([record(0)], "running")
        copy.commit(record(1))
    assert list(journal.records()) == [record(0)]


def test_a_process_killed_while_it_creates_a_journal_leaves_none(tmp_path: Path) -> None:
    creating = (
        "import os, sys; from pathlib import Path; from evocnn.store import Journal\n"
        "class Killed(dict):\n"
        "    def items(self): os._exit(9)\n"
        "Journal.create(Path(sys.argv[1]), Killed())"
    )
    subprocess.run([sys.executable, "-c", creating, str(tmp_path)], check=False)
    assert [path.name for path in tmp_path.iterdir()]  # it was at work
    with Journal.create(tmp_path, {"seed": 1}) as journal:
        assert journal.manifest() == {"seed": 1}
    with Journal.open(tmp_path, read_only=True) as found:
        assert found.get("seed") == 1


def test_readers_see_each_commit_while_the_writer_goes_on(
    journal: Journal, record: MakeRecord, tmp_path: Path
) -> None:
    journal.set("status", "running")  # ahead of a writer's first word a reader takes the file as it is
    with Journal.open(tmp_path, read_only=True) as reader:
        for ticket in range(3):
            journal.commit(record(ticket))
            assert [r.ticket for r in reader.records()] == list(range(ticket + 1))
        rows = reader.records()
        next(rows)  # a reader in the middle of its rows holds nobody up
        journal.commit(record(3))
        assert len(list(rows)) == 2
        assert len(list(reader.records())) == 4


def test_a_read_only_journal_cannot_be_written(journal: Journal, record: MakeRecord, tmp_path: Path) -> None:
    with Journal.open(tmp_path, read_only=True) as reader:
        with pytest.raises(JournalError, match=r"must be writable, but SQLite said: .*readonly.*then resume"):
            reader.commit(record(0))
        with pytest.raises(JournalError, match="attempt to write a readonly database"):
            reader.set("status", "finished")
    assert list(journal.records()) == []


def test_a_commit_that_fails_says_so_and_the_next_one_works(journal: Journal, record: MakeRecord) -> None:
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    message = (
        r"run\.sqlite' must be writable, but SQLite said: database or disk is full; free some space, then"
    )
    with pytest.raises(JournalError, match=message):
        journal.commit(record(0, text="x" * 100_000))
    journal._connection.execute("PRAGMA max_page_count = 100000")
    assert list(journal.records()) == []
    journal.commit(record(0))
    assert list(journal.records()) == [record(0)]


def test_leaving_the_with_block_closes_the_file(tmp_path: Path, record: MakeRecord) -> None:
    with Journal.create(tmp_path, {}) as journal:
        pass
    with pytest.raises(JournalError, match="closed database"):
        journal.commit(record(0))
    with pytest.raises(JournalError, match="closed database"):
        list(journal.records())
    assert {path.name for path in tmp_path.iterdir()} == {
        "run.sqlite",
        "run.committed",
    }  # nothing is left in a log


def test_a_folder_may_have_any_name(tmp_path: Path, record: MakeRecord) -> None:
    folder = tmp_path / "100% ö #1 ?mode=memory"
    folder.mkdir()
    with Journal.create(folder, {}) as journal:
        journal.commit(record(0))
    with Journal.open(folder, read_only=True) as journal:
        assert list(journal.records()) == [record(0)]


def test_a_short_lock_of_another_writer_is_waited_for(
    journal: Journal, record: MakeRecord, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "run.sqlite", check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.1, other.rollback)
        release.start()
        journal.commit(record(0))
        release.join()
    assert list(journal.records()) == [record(0)]
