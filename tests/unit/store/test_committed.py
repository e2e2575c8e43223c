"""What a journal held is known when SQLite itself no longer knows it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evocnn.errors import JournalError
from evocnn.store import Journal, Record, locked

pytestmark = pytest.mark.fault
LOG = "run.sqlite-wal"


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


@pytest.fixture
def killed(tmp_path: Path, record: Callable[[int], Record]) -> Path:
    """The folder that a process leaves which is killed after three commits: they lie in the log."""
    folder = tmp_path / "run"
    folder.mkdir()
    with Journal.create(folder, {"status": "running"}) as journal:
        for ticket in range(3):
            journal.commit(record(ticket))
        journal.set("status", "stopping")
        left = shutil.copytree(folder, tmp_path / "killed")
    (left / "run.sqlite-shm").unlink()
    return left


def test_what_a_killed_process_left_in_the_log_is_read(killed: Path) -> None:
    """Fails where SQLite is told that no log is there."""
    with Journal.open(killed, read_only=True) as journal:
        assert [one.ticket for one in journal.records()] == [0, 1, 2]
        assert journal.manifest() == {"status": "stopping"}


@pytest.mark.parametrize(
    ("damage", "n_lost"),
    [
        (lambda log: log.unlink(), 3),
        (lambda log: flipped(log, 10), 3),
        (lambda log: os.truncate(log, 0), 3),
        (lambda log: os.truncate(log, log.stat().st_size // 2), 2),
    ],
)
def test_a_log_that_is_lost_or_damaged_is_named(
    killed: Path, damage: Callable[[Path], None], n_lost: int
) -> None:
    """SQLite takes what lies ahead of damage for all that was. Fails where `run.committed` is not asked."""
    damage(killed / LOG)
    with Journal.open(killed, read_only=True) as journal:
        with pytest.raises(JournalError, match=rf"{n_lost} of 3 were missing at its end; .* evocnn rescue"):
            list(journal.records())
        with pytest.raises(JournalError, match="what was written to its manifest last was missing"):
            journal.manifest()


def test_a_log_of_another_session_is_named(
    killed: Path, tmp_path: Path, record: Callable[[int], Record]
) -> None:
    """As many rows, of another search. Fails where the last row's digest is not compared."""
    folder = tmp_path / "other"
    folder.mkdir()
    with Journal.create(folder, {"status": "running"}) as journal:
        for ticket in (2, 1, 0):
            journal.commit(record(ticket))
        journal.set("status", "stopping")
    shutil.copyfile(killed / "run.committed", folder / "run.committed")
    with Journal.open(folder) as journal, pytest.raises(JournalError, match="row of ticket 0 was another"):
        list(journal.records())


def replaced_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: path.write_text(""),
        lambda path: path.write_text('{"rows": "1e9"}'),
        lambda path: path.write_text("{}" + " " * 10_000),
        replaced_by_pipe,
    ],
)
def test_a_file_that_does_not_say_what_there_was_is_named(
    killed: Path, damage: Callable[[Path], object]
) -> None:
    """Fails where the file is read whatever it is."""
    damage(killed / "run.committed")
    with (
        Journal.open(killed, read_only=True) as journal,
        pytest.raises(
            JournalError, match=r"but 'run.committed', which says how much that is, was missing or"
        ),
    ):
        list(journal.records())


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize(
    "change",
    [
        removed,
        moved,
        lambda folder: (folder / "run.sqlite").unlink(),
        lambda folder: (folder / "run.lock").unlink(),
        lambda folder: shutil.move(
            shutil.copyfile(folder / "run.sqlite", folder / "new"), folder / "run.sqlite"
        ),
    ],
)
def test_a_writer_stops_where_its_folder_is_no_longer_there(
    tmp_path: Path, record: Callable[[int], Record], change: Callable[[Path], object]
) -> None:
    """Otherwise it would write into files that nobody can reach, until its budget is spent.

    To see it fail: do not compare places in `Journal`.
    """
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder), Journal.create(folder, {}) as journal:
        journal.commit(record(0))
        change(folder)
        with pytest.raises(JournalError, match=r"'.*/run\.(sqlite|lock)' must stay where it is while"):
            journal.commit(record(1))
