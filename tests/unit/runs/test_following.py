"""Following a run that another process works on: only what is new, and nothing is written."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from evocnn.runs import Follower, open_run
from evocnn.store import Journal, Running, locked, write_running

ONE = Running(9, "conv8k3", "worker 0", 0.0, 0.0, 0, 1, 10)


@pytest.fixture
def folder(written: Callable[..., Path], tmp_path: Path) -> Path:
    """Return the folder of a run of one record."""
    return written(tmp_path / "run")


@pytest.fixture
def working(folder: Path) -> Iterator[Journal]:
    """Return its journal, held by a process that works on it."""
    with locked(folder), Journal.open(folder) as journal:
        journal.set("status", "running")
        yield journal


def test_only_new_records_are_read_in_the_order_of_their_commits(
    folder: Path, working: Journal, recorded: Any
) -> None:
    follower = Follower(folder)
    known = follower.look()
    assert [record.ticket for record in known.records] == [0]
    assert (known.status, known.manifest["experiment"]["name"]) == ("running", "mine")
    assert follower.look().records == ()
    later, latest = recorded(7, 0.6, 20, elapsed=11.0), recorded(3, 0.6, 30, elapsed=12.0)
    for record in (later, latest):
        working.commit(record)
    assert follower.look().records == (later, latest)
    assert follower.look().records == ()


def test_what_is_trained_is_told_as_long_as_a_process_works_on_the_run(folder: Path) -> None:
    with locked(folder), Journal.open(folder) as journal:
        journal.set("status", "running")
        write_running(folder, (ONE,))
        follower = Follower(folder)
        assert follower.look().running == (ONE,)
    crashed = follower.look()  # the lock is gone, the file is not
    assert (crashed.status, crashed.running) == ("interrupted", ())


def test_reading_a_run_that_nobody_writes_makes_no_files(folder: Path) -> None:
    """SQLite would make two of its own, and refuse to read where it cannot."""
    for path in folder.glob("run.sqlite-*"):
        path.unlink()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert Follower(folder).look().records
    assert open_run(folder).records
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_rows_that_a_killed_process_left_in_its_log_are_read(
    folder: Path, working: Journal, recorded: Any
) -> None:
    """They are not in the file itself, which would be read as if nothing could change."""
    working.commit(recorded(1, 0.6, 20, elapsed=11.0))
    copy = folder.parent / "left"
    copy.mkdir()
    for path in folder.glob("run.*"):
        (copy / path.name).write_bytes(path.read_bytes())
    assert Follower(copy).look().records[-1].ticket == 1


@pytest.mark.fault
@pytest.mark.parametrize(
    "status", [lambda folder: open_run(folder).status, lambda folder: Follower(folder).look().status]
)
def test_a_run_that_ends_while_it_is_read_was_not_interrupted(
    status: Callable[[Path], str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: take `was_locked` out of `status_of`."""
    manifest = Journal.manifest
    with ExitStack() as session:
        session.enter_context(locked(folder))
        journal = session.enter_context(Journal.open(folder))
        journal.set("status", "running")

        def ending(self: Journal) -> Any:
            found = manifest(self)
            monkeypatch.undo()
            journal.set("status", "finished")
            session.close()
            return found

        monkeypatch.setattr(Journal, "manifest", ending)
        assert status(folder) == "running"
    assert status(folder) == "finished"
