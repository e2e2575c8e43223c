"""Faults of disks and files: a run folder that is full, damaged, read-only, forged, or full of links.

Searches are real but for training: a network's figures follow from its key, with a saved state. Each test
says how to take its protection out so that it fails.
"""

import csv
import multiprocessing
import re
import resource
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from disks import fill, mounted
from searches import execute, without_times

from evocnn import Run, load_experiment, open_run, resume, run
from evocnn.cli.report import write_report
from evocnn.cli.verify import verify_run
from evocnn.errors import ExperimentError, JournalError, ReplayError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Shape
from evocnn.runs import Observer
from evocnn.runs.rescue import NEEDED, NEEDED_TO_TRAIN, rescue
from evocnn.runs.verification import retrain, retrainable, verified_parts
from evocnn.search import Driver
from evocnn.store import Journal, locked
from evocnn.store.durable import write_durably
from evocnn.store.reading import read_journal
from evocnn.training.evaluator import TrainingEvaluator

pytestmark = pytest.mark.fault

EXPERIMENT = """\
name = "folder"
seed = 5
[data]
source = "digits"
images = 200
[space]
preset = "tiny"
[training]
epochs = 4
[search]
algorithm = "nsga2-generational"
population = 6
window = 3
budget = 12
rungs = [0.5, 1.0]
"""
COST = {"start": 0.01, "per_flop": 1e-9, "per_activation": 0, "per_operation": 0}
STATE_KEYS = 500  # of which a state consists


@pytest.fixture(autouse=True)
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let candidates be looked up in place of being trained; what is returned is added to their figures."""
    shift = {"accuracy": 0.0, "curve": 0.0}

    def evaluate(self: TrainingEvaluator, request: EvaluationRequest) -> Evaluation:
        chromosome: Any = request.genome
        size = chromosome.counts(Shape(*self.training.shape), self.training.n_classes).parameters
        accuracy = (
            0.5 + int(chromosome.key[:4], 16) / 2**17 + request.fidelity.share / 100 + shift["accuracy"]
        )
        metrics = {"validation_accuracy": accuracy, "parameters": float(size), "generalization_gap": 0.0}
        state = chromosome.key.encode() * STATE_KEYS if request.saves_state else None
        curve = (accuracy + shift["curve"],)
        return Evaluation(Status.OK, metrics, {"validation_accuracy": curve}, state=state)

    monkeypatch.setattr(TrainingEvaluator, "__call__", evaluate)
    return shift


def search(folder: Path, *settings: str, observer: Observer | None = None, home: Path | None = None) -> Run:
    path = (home or folder.parent) / f"{folder.name}.toml"
    path.write_text(EXPERIMENT)
    return run(load_experiment(path, list(settings)), folder, observer=observer or Observer())


@pytest.fixture(scope="module")
def quiet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quiet") / "run"


@pytest.fixture
def quiet(quiet_folder: Path) -> Run:
    """A run that nothing happened to; tests copy its folder before they touch it."""
    return open_run(quiet_folder) if quiet_folder.exists() else search(quiet_folder)


@pytest.fixture
def copied(quiet: Run, tmp_path: Path) -> Path:
    """A copy of its folder."""
    return shutil.copytree(quiet.folder, tmp_path / "copied")


@pytest.mark.parametrize(
    ("settings", "room", "message"),
    [
        ((), 8192, r"saved state '.*/disk/run/states/\w+' must be writable, but: No space"),
        (("search.rungs=[1.0]",), 0, r"journal '.*/disk/run/run\.sqlite' must be writable, but .* is full"),
    ],
    ids=["state", "commit"],
)
def test_a_full_disk_ends_a_search_with_the_path_and_resuming_loses_nothing(
    tmp_path: Path, settings: tuple[str, ...], room: int, message: str
) -> None:
    """To see it fail: let `States.save` return before it writes, or `Journal._write` pass over errors."""
    quiet = search(tmp_path / "quiet", *settings)
    with mounted(tmp_path / "disk", "size=2m") as disk:
        told: list[int] = []

        def hear(progress: Any) -> None:
            told.append(progress.record.ticket)
            if len(told) == 3:
                fill(disk, room)

        with pytest.raises(JournalError, match=message + r".*; (free some space|make room)"):
            search(disk / "run", *settings, observer=Observer(on_told=hear))
        (disk / "filler").unlink()
        cut = open_run(disk / "run")
        assert (cut.status, len(cut.records) >= 3) == ("interrupted", True)
        found = resume(disk / "run")
        assert without_times(found.records) == without_times(quiet.records)
        assert found.records[: len(told)] == cut.records[: len(told)]  # times and all


def test_a_quota_on_file_sizes_ends_a_search_the_same_way(quiet: Run, tmp_path: Path) -> None:
    """To see it fail: let `Journal._write` pass over errors. Needs no root, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(progress: Any) -> None:
        if progress.record.ticket == 2:
            size = (tmp_path / "run/run.sqlite-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, before[1]))

    try:
        with pytest.raises(JournalError, match=r"'.*/run/.+' must be writable, but.*; free some space"):
            search(tmp_path / "run", observer=Observer(on_told=limit))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert without_times(resume(tmp_path / "run").records) == without_times(quiet.records)


def test_a_file_on_a_full_disk_stays_as_it_was_and_takes_no_room(tmp_path: Path) -> None:
    """To see it fail: write in place in `write_durably`, or leave the part where it is."""
    with mounted(tmp_path / "disk", "size=256k") as disk:
        model = disk / "model.safetensors"
        write_durably(model, b"before" * 1000)
        fill(disk, 8192)
        with pytest.raises(OSError, match="No space left on device"):
            write_durably(model, b"after" * 10_000)
        assert model.read_bytes() == b"before" * 1000
        assert sorted(path.name for path in disk.iterdir()) == ["filler", "model.safetensors"]


def test_a_report_on_a_full_disk_names_its_file(
    quiet: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: catch no OSError in `write_report`."""
    monkeypatch.setattr("evocnn.cli.report.page", lambda *_: "x" * 100_000)
    with mounted(tmp_path / "disk", "size=64k") as disk:
        fill(disk, 4096)
        with pytest.raises(ExperimentError, match=r"'.*/disk/report.html' was not: No space left on device"):
            write_report(quiet.folder, disk / "report.html", ())


def test_a_read_only_folder_is_told_and_can_be_read(copied: Path, quiet: Run, tmp_path: Path) -> None:
    """To see it fail: let `locked` open its file without a word on errors, or never open immutably."""
    with mounted(tmp_path / "disk", "size=2m") as disk:
        shutil.copytree(copied, disk / "run", ignore=shutil.ignore_patterns("*-shm", "*-wal"))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(
            JournalError, match=r"'.*/disk/run' must be writable, but its run.lock was not: Read"
        ):
            resume(disk / "run", budget=14)
        with pytest.raises(JournalError, match=r"'.*/disk/new' must be a folder that can be made, but: Read"):
            search(disk / "new", home=tmp_path)
        assert open_run(disk / "run").records == quiet.records


def outcome(folder: Path) -> Run | None:
    """Return the run that a folder gives; None where it is refused."""
    try:
        return open_run(folder)
    except JournalError:
        return None


def check_damaged(folder: Path, quiet: Run, out: Path) -> int:
    """Check that a damaged folder gives the whole run or none, and return what can be rescued of it."""
    found = outcome(folder)
    assert found is None or (found.records, found.manifest) == (quiet.records, quiet.manifest)
    try:
        saved = rescue(folder, out)
    except JournalError:
        return 0
    known = {record.ticket: record for record in quiet.records}
    shown = open_run(out)
    assert all(known[record.ticket] == record for record in shown.records)
    assert len(shown.records) == len(saved.records)
    is_whole = len(shown.records) == saved.n_committed and "status" not in saved.lost_entries
    assert (shown.status == "finished") == is_whole
    shutil.rmtree(out)
    return len(saved.records)


def test_a_flipped_bit_is_named_or_changes_nothing_and_the_rest_can_be_rescued(
    copied: Path, quiet: Run, tmp_path: Path
) -> None:
    """To see it fail: yield rows in `Journal._committed`, or values in `_value`, without their digests."""
    path = copied / "run.sqlite"
    content, rng = path.read_bytes(), np.random.default_rng(0)
    places = [*rng.integers(len(content), size=20), content.index(b"nsga2-generational")]  # of the manifest
    n_saved = []
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(7))
        path.write_bytes(flipped)
        n_saved.append(check_damaged(copied, quiet, tmp_path / "out"))
    assert np.median(n_saved) >= len(quiet.records) - 2  # of most only a row is lost, or two


def test_a_schema_that_is_no_utf_8_is_named(copied: Path) -> None:
    """Found by fuzzing. To see it fail: catch no UnicodeDecodeError in `Journal._read`."""
    path = copied / "run.sqlite"
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE evaluations", b"CREATE \xffABLE evaluations"))
    with pytest.raises(JournalError, match="must be readable, but SQLite said: 'utf-8' codec can't decode"):
        open_run(copied)


def test_a_journal_that_was_cut_short_is_named_and_the_rest_can_be_rescued(
    copied: Path, quiet: Run, tmp_path: Path
) -> None:
    """To see it fail: let `_row` raise what SQLite raises for a page that is gone."""
    path = copied / "run.sqlite"
    content = path.read_bytes()
    n_saved = []
    for share in (0.99, 0.75, 0.5, 0.1, 0.001):
        path.write_bytes(content[: int(share * len(content))])
        assert outcome(copied) is None
        n_saved.append(check_damaged(copied, quiet, tmp_path / "out"))
    assert n_saved == sorted(n_saved, reverse=True)
    assert n_saved[0] > n_saved[1] > 0


@pytest.mark.filterwarnings("ignore:saved states:UserWarning")  # those of a finished run were dropped
def test_what_was_rescued_is_resumed_to_the_run_that_nothing_happened_to(
    copied: Path, quiet: Run, tmp_path: Path
) -> None:
    """To see it fail: stop `rescue` at the first damaged row, or leave the status as it was."""
    execute(copied, "UPDATE evaluations SET metrics = '{}' WHERE ticket = 1")
    execute(copied, "DELETE FROM evaluations WHERE ticket = 6")
    before = {path.name: path.read_bytes() for path in copied.iterdir() if path.is_file()}
    saved = rescue(copied, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in copied.iterdir() if path.is_file()} == before
    n_lost = len(quiet.records) - len(saved.records)
    assert 2 <= n_lost <= 3  # and maybe the row after the one that is gone
    assert open_run(tmp_path / "out").status == "interrupted"
    trained: list[int] = []
    found = resume(
        tmp_path / "out",
        observer=Observer(on_told=lambda told: None if told.is_replayed else trained.append(1)),
    )
    assert without_times(found.records) == without_times(quiet.records)
    assert [member.ticket for member in found.front.members] == [m.ticket for m in quiet.front.members]
    assert len(trained) == n_lost


def test_a_run_that_no_longer_says_what_it_is_leaves_a_table(
    copied: Path, quiet: Run, tmp_path: Path
) -> None:
    """To see it fail: write no table in `rescue`."""
    execute(copied, "UPDATE manifest SET value = '{}' WHERE name = 'objectives'")
    execute(copied, "UPDATE evaluations SET metrics = '{}' WHERE ticket = 1")
    with pytest.raises(JournalError, match=r"lost: objectives; .*evaluations.csv'"):
        rescue(copied, tmp_path / "out")
    with (tmp_path / "out/evaluations.csv").open(newline="") as table:
        rows = {int(row["ticket"]): row for row in csv.DictReader(table)}
    known = {record.ticket: record for record in quiet.records}
    assert known.keys() - rows.keys() == {1}
    for ticket, row in rows.items():
        record = known[ticket]
        assert (row["network"], float(row["share"])) == (record.text, record.share)
        assert float(row["validation_accuracy"]) == record.metrics["validation_accuracy"]


def test_rescue_demands_of_the_manifest_all_that_a_run_writes(quiet: Run) -> None:
    """To see it fail: let `run` write an entry more."""
    assert {*NEEDED, *NEEDED_TO_TRAIN} == quiet.manifest.keys() - {"workers", "environment"}


def test_the_log_of_a_killed_search_is_read_on_a_read_only_disk_only_with_its_index(
    quiet: Run, tmp_path: Path
) -> None:
    """As docs/faults.md says; to see it fail: let `rescued` read where the run lies."""
    with mounted(tmp_path / "disk", "size=4m") as disk:
        (tmp_path / "run").mkdir()
        with Journal.create(tmp_path / "run", quiet.manifest, is_kept=False) as journal:
            journal.set("status", "running")
            for record in quiet.records:
                journal.commit(record)
            shutil.copytree(tmp_path / "run", disk / "whole")
            shutil.copytree(tmp_path / "run", disk / "bare", ignore=shutil.ignore_patterns("*-shm"))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert open_run(disk / "whole").records == quiet.records
        with pytest.raises(JournalError, match=r"unable to open database file; .*evocnn rescue"):
            open_run(disk / "bare")
        assert rescue(disk / "bare", tmp_path / "out").records == quiet.records


def test_rows_of_another_seed_are_named_by_resume_and_verify(
    quiet: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To see it fail: let `Driver._check_replay` return at once."""
    other = search(tmp_path / "other", "seed=6")
    forged = tmp_path / "forged"
    forged.mkdir()
    manifest = {**quiet.manifest, "status": "running"}
    Journal.create(forged, manifest, other.records).__exit__()
    with pytest.raises(ReplayError, match=r"^ticket \d+ must ask again what the journal holds"):
        resume(forged)
    with pytest.raises(typer.Exit):
        verify_run(forged, 0, None)
    assert "this run does not repeat on this machine" in capsys.readouterr().out


def test_verify_says_that_a_whole_run_repeats_and_leaves_it_alone(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To see it fail: replay in the run folder itself, which drops and makes files there."""

    def files() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in (copied, *copied.rglob("*"))}

    before = files()
    verify_run(copied, 2, None)
    out = capsys.readouterr().out
    assert out.count(": the same") == 2
    assert out.endswith("this run repeats on this machine\n")
    assert files() == before


@pytest.mark.parametrize("damage", ["figures", "curves", "row", "state", "model"])
def test_verify_says_what_does_not_repeat(
    copied: Path, figures: dict[str, float], capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """To see it fail: leave metrics or curves out of `_differences`, missing rows unseen, files unread."""
    expected = {
        "figures": r"validation_accuracy was 0\.\d+, now 0\.\d+",
        "curves": "its curve of validation_accuracy was another",
        "model": "models: 0 of 1 are as they were written",
        "row": "and is not any more",
        "state": "is damaged; what goes on from it is trained anew",
    }[damage]
    if damage == "figures":
        figures["accuracy"] = -0.01
    elif damage == "curves":
        figures["curve"] = -0.01
    elif damage == "model":
        (copied / "models/one").mkdir(parents=True)
        (copied / "models/one/model.safetensors").write_bytes(b"other")
    elif damage == "state":
        next((copied / "states").iterdir()).write_bytes(b"other")
    else:
        known = open_run(copied)
        (copied / "run.sqlite").unlink()
        Journal.create(copied, {**known.manifest, "status": "finished"}, known.records[:-1]).__exit__()
    with pytest.raises(typer.Exit) as ending:
        verify_run(copied, 1, None)
    assert ending.value.exit_code == 1
    assert re.search(expected, capsys.readouterr().out)


@pytest.mark.parametrize("change", [{"identity": "other"}, {"replicate": 1}])
def test_verify_trains_nothing_again_that_would_be_another(quiet: Run, change: dict[str, Any]) -> None:
    """To see it fail: compare no identities in `retrain`, or drop the replicate in `_request`."""
    changed = replace(quiet, records=tuple(replace(record, **change) for record in quiet.records))
    (found,) = retrain(changed, verified_parts(quiet), 1, np.random.default_rng(0))
    assert found.differences == ("what it depends on, data and protocol, is not what it was",)


def test_verify_trains_no_heir_again_whose_donor_left_no_state(quiet: Run, tmp_path: Path) -> None:
    """To see it fail: leave donors out of `retrainable`."""
    first, second, *_ = (record for record in quiet.records if record.reused_from is None)
    heir = replace(second, donor=first.ticket)
    known = replace(quiet, folder=tmp_path, records=(first, heir))
    assert retrainable(known) == [first]
    write_durably(tmp_path / "states" / first.identity, b"state")
    assert retrainable(known) == [first, heir]


def test_verify_knows_that_the_last_of_a_search_with_a_time_are_committed_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To see it fail: require of `Replay.repeats` that all was told, or only that it ended so."""
    monkeypatch.setattr(
        Driver, "_is_out_of_time", lambda driver: driver._elapsed_before > 0 or len(driver._known) >= 10
    )
    cost = (f"training.cost.{name}={value}" for name, value in COST.items())
    found = search(tmp_path / "run", "search.budget=1000s", "search.window=8", *cost)
    verify_run(found.folder, 0, None)
    assert "search: 2 more were finished when it ended, and not told any more" in capsys.readouterr().out
    (tmp_path / "cut").mkdir()
    manifest = {**found.manifest, "status": "finished"}
    Journal.create(tmp_path / "cut", manifest, found.records[1:]).__exit__()
    with pytest.raises(typer.Exit):
        verify_run(tmp_path / "cut", 0, None)


def test_a_lost_state_costs_a_training_and_no_result(
    quiet: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: let `States.load` return what it finds, whatever its digest."""
    given: list[bytes | None] = []
    evaluate: Any = TrainingEvaluator.__call__

    def remember(self: TrainingEvaluator, request: EvaluationRequest) -> Evaluation:
        if request.continues is not None:
            given.append(request.state)
        found: Evaluation = evaluate(self, request)
        return found

    monkeypatch.setattr(TrainingEvaluator, "__call__", remember)

    def damage(_: Any) -> None:
        for path in (tmp_path / "run/states").glob("*"):
            path.write_bytes(b"other" if given else b"")

    with pytest.warns(UserWarning, match=r"saved states in '.*' are missing or damaged; .* trained anew"):
        found = search(tmp_path / "run", observer=Observer(on_told=damage))
    assert given
    assert not any(given)
    assert without_times(found.records) == without_times(quiet.records)


def read_for_ever(folder: Path, seen: Any, is_over: Any) -> None:
    """Read a journal again and again, in a process of its own."""
    known: list[int] = []
    while not is_over.is_set():
        rows = read_journal(folder, lambda journal: [record.ticket for record in journal.records()])
        assert rows[: len(known)] == known
        known = rows
        seen.value += 1


def test_readers_see_whole_rows_alone_and_hold_no_writer_up(quiet: Run, tmp_path: Path) -> None:
    """To see it fail: take `PRAGMA journal_mode = WAL` out of `Journal.create`."""
    context = multiprocessing.get_context("fork")
    seen, is_over = context.Value("i", 0), context.Event()
    (record,) = [record for record in quiet.records if record.ticket == 0]
    with Journal.create(tmp_path, {}, is_kept=False) as journal:
        reader = context.Process(target=read_for_ever, args=(tmp_path, seen, is_over), daemon=True)
        reader.start()
        try:
            with closing(sqlite3.connect(tmp_path / "run.sqlite")) as idle:
                idle.execute("BEGIN")
                assert idle.execute("SELECT count(*) FROM evaluations").fetchone() == (0,)  # and reads on
                ticket = 0
                while seen.value < 20 and reader.is_alive():
                    journal.commit(replace(record, ticket=ticket, text="x" * 20_000))
                    ticket += 1
                    time.sleep(0.005)
                assert idle.execute("SELECT count(*) FROM evaluations").fetchone() == (0,)
        finally:
            is_over.set()
        reader.join(30)
        assert (reader.exitcode, len(list(journal.records()))) == (0, ticket)


@pytest.mark.parametrize("name", ["run.sqlite", "run.lock", "run.sqlite-wal", "states", "models", "a/b"])
def test_nothing_is_written_through_a_link_in_a_run_folder(copied: Path, tmp_path: Path, name: str) -> None:
    """To see it fail: leave `check_links` out of `locked`."""
    outside = tmp_path / "outside"
    if name in ("states", "models"):
        outside.mkdir()
    else:
        outside.write_bytes(b"precious")
    before = outside.stat()
    path = copied / name
    path.parent.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    if name != "run.sqlite":
        path.unlink(missing_ok=True)
        path.symlink_to(outside)
    else:
        path.replace(tmp_path / "moved")
        path.symlink_to(tmp_path / "moved")
        before, outside = (tmp_path / "moved").stat(), tmp_path / "moved"
    for use in (lambda: resume(copied, budget=14), locked(copied).__enter__):
        with pytest.raises(
            JournalError, match=rf"must hold no symbolic links, .* but '.*/{name}' led to '.*'; put"
        ):
            use()
    after = outside.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.part"])
def test_a_file_replaces_a_link_and_writes_to_nothing_else(tmp_path: Path, name: str) -> None:
    """To see it fail: open the part with `"wb"` in `write_durably`."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (tmp_path / name).symlink_to(outside)
    write_durably(tmp_path / "model.safetensors", b"weights")
    assert outside.read_bytes() == b"precious"
    assert (tmp_path / "model.safetensors").read_bytes() == b"weights"


def test_a_report_is_not_written_through_a_link(copied: Path, tmp_path: Path) -> None:
    """To see it fail: write with `Path.write_bytes` in `write_report`."""
    (tmp_path / "outside").write_bytes(b"precious")
    (copied / "report.html").symlink_to(tmp_path / "outside")
    write_report(copied, copied / "report.html", ())
    assert (tmp_path / "outside").read_bytes() == b"precious"
    assert (copied / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_rescue_follows_no_links(copied: Path, quiet: Run, tmp_path: Path) -> None:
    """To see it fail: copy models without `_links`, or states without `_files`."""
    (tmp_path / "others").mkdir()
    (tmp_path / "others/secret").write_bytes(b"secret")
    (copied / "models/one").mkdir(parents=True)
    (copied / "models/one/card.md").write_text("a card")
    (copied / "models/one/link").symlink_to(tmp_path / "others/secret")
    (copied / "models/all").symlink_to(tmp_path / "others")
    record = next(record for record in quiet.records if record.state is not None)
    (tmp_path / "others/state").write_bytes(record.key.encode() * STATE_KEYS)
    state = copied / "states" / record.identity
    state.unlink(missing_ok=True)
    state.symlink_to(tmp_path / "others/state")
    rescue(copied, tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*")}
    assert {name for name in found if name.startswith("models/")} == {"models/one", "models/one/card.md"}
    assert f"states/{record.identity}" not in found
