"""Rescuing runs that nobody trained: what is kept, what is told to be lost, and where nothing is written."""

import csv
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from searches import execute

from evocnn import open_run
from evocnn.cli.rescue import rescue_run
from evocnn.errors import JournalError, RunLockedError
from evocnn.runs.rescue import NEEDED, NEEDED_TO_TRAIN, rescue
from evocnn.store import Journal, Record, locked
from evocnn.store.manifest import LIST
from evocnn.store.record import digest_of

N_ROWS = 150
READINGS = [{"reading": 1, "what": "one", "when": "today", "accuracies": [0.5]}]


@pytest.fixture
def folder(tmp_path: Path, recorded: Callable[..., Record]) -> Path:
    """A finished run of images, as `run` would write it, whose test split was read once."""
    (tmp_path / "run").mkdir()
    manifest: dict[str, Any] = {
        "status": "finished",
        **{name: {} for name in (*NEEDED, *NEEDED_TO_TRAIN)},
        "experiment": {"name": "mine", "data": {"source": "digits"}},
        "objectives": [{"name": "parameters", "weight": -1.0}],
        "workers": {},
    }
    with Journal.create(tmp_path / "run", manifest, is_kept=False) as journal:
        journal.set("tests", READINGS)
        for ticket in range(3):
            journal.commit(recorded(ticket, 0.5, 10))
    return tmp_path / "run"


def garble(folder: Path, table: str) -> None:
    """Write nonsense over the page on which a table begins."""
    with closing(sqlite3.connect(folder / "run.sqlite")) as file:
        (page,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = file.execute("PRAGMA page_size").fetchone()
    content = bytearray((folder / "run.sqlite").read_bytes())
    content[(page - 1) * size] = 0xFF
    (folder / "run.sqlite").write_bytes(content)


def test_rows_that_a_killed_search_left_in_the_log_are_kept(
    tmp_path: Path, recorded: Callable[..., Record]
) -> None:
    """To see it fail: count in `rescued` the bytes of `run.sqlite` alone."""
    (tmp_path / "run").mkdir()
    with Journal.create(tmp_path / "run", {name: {} for name in NEEDED}, is_kept=False) as journal:
        for ticket in range(N_ROWS):
            journal.commit(recorded(ticket, 0.5, 10))
        shutil.copytree(tmp_path / "run", tmp_path / "killed")
    assert (tmp_path / "killed/run.sqlite").stat().st_size < 200 * N_ROWS
    found = rescue(tmp_path / "killed", tmp_path / "out")
    assert (len(found.records), found.n_committed) == (N_ROWS, N_ROWS)


@pytest.mark.fault
def test_what_a_lost_log_held_is_told(folder: Path, tmp_path: Path, recorded: Callable[..., Record]) -> None:
    """A row, and a reading of the test split, of which `run.sqlite` itself knows nothing.

    To see it fail: take for what there was what can be read.
    """
    with Journal.open(folder) as journal:
        journal.commit(recorded(3, 0.5, 10))
        journal.set("tests", [*READINGS, *READINGS])
        left = shutil.copytree(folder, tmp_path / "killed")
    for path in left.glob("run.sqlite-*"):
        path.unlink()
    found = rescue(left, tmp_path / "out")
    assert (found.n_committed, [record.ticket for record in found.records]) == (4, [0, 1, 2])
    assert found.may_lack_readings
    assert open_run(tmp_path / "out").status == "interrupted"


def test_nothing_is_written_among_files_of_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/evaluations.md").write_text("mine")
    with pytest.raises(JournalError, match=r"'.*/out' must be empty, but it held 'evaluations.md'; give"):
        rescue(folder, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["evaluations.md"]


@pytest.mark.parametrize("gone", ["tests", LIST])
def test_readings_of_the_test_split_that_are_lost_are_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], gone: str
) -> None:
    """To see it fail: leave `names_missing` out of the store's `_manifest`."""
    execute(folder, "DELETE FROM manifest WHERE name = ?", gone)
    with pytest.raises(JournalError, match=f"but the entry '{gone}' of its manifest was missing; restore"):
        open_run(folder)
    rescue_run(folder, tmp_path / "out")
    said = capsys.readouterr().out
    assert f"of the manifest, this was lost: {gone}\n" in said
    assert "the test split may have been read more often than the new run says" in said
    assert open_run(tmp_path / "out").manifest["rescued"]["lost_entries"] == [gone]
    assert open_run(tmp_path / "out").readings == ([] if gone == "tests" else READINGS)


def test_a_whole_run_is_rescued_without_a_word_on_readings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To see it fail: let `may_lack_readings` be true wherever there are any."""
    rescue_run(folder, tmp_path / "out")
    assert "lost" not in (said := capsys.readouterr().out)
    assert "test split" not in said
    assert open_run(tmp_path / "out").readings == READINGS


@pytest.mark.parametrize("name", [*NEEDED, *NEEDED_TO_TRAIN])
def test_a_run_that_could_not_be_resumed_is_not_passed_off_as_one(
    folder: Path, tmp_path: Path, name: str
) -> None:
    """To see it fail: demand only what the list of entries holds; it is lost, too."""
    execute(folder, "DELETE FROM manifest WHERE name IN (?, ?)", name, LIST)
    with pytest.raises(
        JournalError, match=rf"but these of its entries were lost: {name}; restore the folder"
    ):
        rescue(folder, tmp_path / "out")
    assert not (tmp_path / "out/run.sqlite").exists()


@pytest.mark.parametrize("is_there", [False, True])
def test_a_manifest_that_cannot_be_read_at_all_leaves_a_table(
    folder: Path, tmp_path: Path, is_there: bool
) -> None:
    """To see it fail: let SQLite's errors through in the store's `_manifest`."""
    if is_there:
        garble(folder, "manifest")
    else:
        execute(folder, "DROP TABLE manifest")
    with pytest.raises(JournalError, match=r"lost: context, experiment, objectives; .* holds the 3 eval"):
        rescue(folder, tmp_path / "out")
    with (tmp_path / "out/evaluations.csv").open(newline="") as table:
        assert [row["ticket"] for row in csv.DictReader(table)] == ["0", "1", "2"]


@pytest.mark.parametrize("damage", ["header", "tables"])
def test_where_nothing_can_be_read_nobody_is_sent_in_a_circle(
    folder: Path, tmp_path: Path, damage: str
) -> None:
    """To see it fail: name `evocnn rescue` in what it says itself, or rescue what is empty."""
    if damage == "header":
        (folder / "run.sqlite").write_bytes(b"x" * 10_000)
    else:
        execute(folder, "DROP TABLE manifest")
        execute(folder, "DROP TABLE evaluations")
    with pytest.raises(JournalError, match="must hold something that can be read, but") as caught:
        rescue(folder, tmp_path / "out")
    assert "evocnn rescue" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_entry_that_is_nested_too_deep_is_lost_and_the_rest_saved(folder: Path, tmp_path: Path) -> None:
    """To see it fail: suppress no RecursionError in the store's `_manifest`."""
    text = "[" * 200_000 + "]" * 200_000
    execute(folder, "INSERT INTO manifest VALUES (?, ?, ?)", "note", text, digest_of("note", text))
    assert rescue(folder, tmp_path / "out").lost_entries == ("note",)


@pytest.mark.parametrize("out", ["run", "run/models/new", "link"])
def test_nothing_is_written_into_the_run_itself(folder: Path, tmp_path: Path, out: str) -> None:
    """To see it fail: take the first check out of `rescue`."""
    (folder / "models/one").mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    execute(folder, "UPDATE manifest SET value = '{}' WHERE name = 'objectives'")
    before = sorted(folder.rglob("*"))
    with pytest.raises(JournalError, match=r"new folder must lie outside of the run '.*run', but it was"):
        rescue(folder, tmp_path / out)
    assert sorted(folder.rglob("*")) == before


def test_nothing_is_written_into_another_run(
    folder: Path, written: Callable[..., Path], tmp_path: Path
) -> None:
    """To see it fail: take `check_new` out of `rescue`; the table and the models would lie there."""
    (folder / "models/one").mkdir(parents=True)
    other = written(tmp_path / "other")
    with pytest.raises(JournalError, match=r"'.*/other' must be new, but it held a run"):
        rescue(folder, other)
    assert {path.name for path in other.iterdir()} == {"run.sqlite", "run.committed"}


def test_a_rescue_that_was_cut_short_can_be_repeated(folder: Path, tmp_path: Path) -> None:
    """To see it fail: copy models without `dirs_exist_ok`, or take names out of `OWN`."""
    (folder / "models/one").mkdir(parents=True)
    (folder / "models/one/card.md").write_text("whole")
    shutil.copytree(folder / "models", tmp_path / "out/models")
    (tmp_path / "out/models/one/card.md").write_text("ha")
    for name in ("run.lock", "run.committed", "run.sqlite.part", "run.sqlite.part-journal"):
        (tmp_path / "out" / name).touch()
    rescue(folder, tmp_path / "out")
    assert (tmp_path / "out/models/one/card.md").read_text() == "whole"
    assert len(open_run(tmp_path / "out").records) == 3


def test_a_run_that_somebody_works_on_is_left_to_them(folder: Path, tmp_path: Path) -> None:
    """To see it fail: take `is_locked` out of `rescue`."""
    with locked(folder), pytest.raises(RunLockedError, match="must be at rest to be rescued, but a process"):
        rescue(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_states_are_copied_where_they_are_whole_and_no_links(
    folder: Path, recorded: Callable[..., Record], tmp_path: Path
) -> None:
    """To see it fail: copy states whatever their digest, or without `_files`."""
    digest = hashlib.sha256(b"state").hexdigest()
    with Journal.open(folder) as journal:
        for ticket in (3, 4, 5):
            journal.commit(recorded(ticket, 0.5, 10, identity=f"of {ticket}", state=digest))
    (folder / "states").mkdir()
    (folder / "states/of 3").write_bytes(b"state")
    (folder / "states/of 4").write_bytes(b"stale")
    (tmp_path / "elsewhere").write_bytes(b"state")
    (folder / "states/of 5").symlink_to(tmp_path / "elsewhere")
    assert rescue(folder, tmp_path / "out").n_states == 1
    assert [path.name for path in (tmp_path / "out/states").iterdir()] == ["of 3"]
