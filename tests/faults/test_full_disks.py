"""Disks without room, and quotas, wherever a run writes: the file is named, no part stays, and it goes on."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from disks import fill, mounted, quota

import evocnn
from evocnn.cli.main import main
from evocnn.cli.report import write_report
from evocnn.deploy import judgement
from evocnn.deploy.model import Model
from evocnn.errors import ExperimentError, JournalError

pytestmark = pytest.mark.fault

TABLES: dict[str, Any] = {
    "name": "full",
    "data": {"source": "digits", "images": 200},
    "space": {"layers": {"conv": {"filters": [2, 4], "kernel": [1, 3]}}},
    "training": {
        "epochs": 1,
        "cost": {"start": 0.01, "per_flop": 1e-9, "per_activation": 0, "per_operation": 0},
    },
    "search": {"population": 2, "window": 2, "budget": 2, "rungs": [1]},
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run."""
    return evocnn.run(evocnn.Experiment.from_dict(TABLES), tmp_path_factory.mktemp("full") / "run").folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a small disk."""
    with mounted(tmp_path / "disk", "size=2m") as disk:
        yield disk


@pytest.fixture
def train(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Path], tuple[int, str]]:
    """Return a function that trains a network of a run in full, and returns exit code and errors."""
    for name in ("plot_confusion", "plot_learning_curves"):  # they take their time
        monkeypatch.setattr(f"evocnn.cli.train.{name}", lambda *_: None)

    def train(folder: Path) -> tuple[int, str]:
        arguments = ["evocnn", "train", folder, "--pick", "0", "--epochs", "1", "--workers", "0"]
        monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return train


@pytest.mark.parametrize(
    ("room", "message"),
    [
        (
            0,
            r"run folder '.*/disk/run' must be writable, but its run\.lock was not: No space left.*; make",
        ),
        (8192, r"journal '.*/disk/run/run\.sqlite' must be writable, but .* disk is full; free some space"),
    ],
    ids=["lock", "journal"],
)
def test_a_run_that_finds_no_room_leaves_nothing_in_its_way(disk: Path, room: int, message: str) -> None:
    """To see it fail: leave the part in `Journal.create`, or catch nothing where `locked` writes."""
    filler = fill(disk, room)
    experiment = evocnn.Experiment.from_dict(TABLES)
    with pytest.raises(JournalError, match=message):
        evocnn.run(experiment, disk / "run")
    assert {path.name for path in (disk / "run").iterdir()} <= {"run.lock"}
    filler.unlink()
    assert evocnn.run(experiment, disk / "run").status == "finished"


@pytest.mark.parametrize("limit", ["full disk", "quota"])
def test_a_model_that_finds_no_room_is_named_and_trained_by_the_same_command(
    limit: str, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Any
) -> None:
    """To see it fail: catch no OSError in `Model.save`, or write in place there."""
    save, fillers = Model.save, []

    with ExitStack() as stack:
        is_disk = limit == "full disk"
        place = stack.enter_context(mounted(tmp_path / "disk", "size=2m")) if is_disk else tmp_path
        folder = Path(shutil.copytree(searched, place / "run"))

        def save_without_room(model: Model, path: Path) -> None:
            with ExitStack() as limits:
                if is_disk:
                    fillers.append(fill(place, 0))
                else:
                    limits.enter_context(quota(1000))
                save(model, path)

        with monkeypatch.context() as patch:
            patch.setattr(Model, "save", save_without_room)
            code, told = train(folder)
        said = "No space left on device" if is_disk else "File too large"
        assert code == 2
        assert f"/model.safetensors' must be writable, but: [Errno {28 if is_disk else 27}] {said}" in told
        assert not [*folder.glob("models/*/model*")]
        for filler in fillers:
            filler.unlink()
        code, told = train(folder)
        assert code == 0, told


def test_a_reading_that_cannot_be_entered_is_told_and_tells_nothing(
    searched: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, train: Any
) -> None:
    """Nobody sees what a reading of the test split found that is not in the manifest.

    To see it fail: let `Journal._write` pass over errors.
    """
    folder = Path(shutil.copytree(searched, disk / "run"))
    count = judgement.count_duplicates

    def count_and_fill(*images: Any) -> Any:
        fill(disk, 0)
        return count(*images)

    with monkeypatch.context() as patch:
        patch.setattr(judgement, "count_duplicates", count_and_fill)
        code, told = train(folder)
    assert code == 1
    assert (
        f"journal '{folder}/run.sqlite' must be writable, but SQLite said: database or disk is full" in told
    )
    assert evocnn.open_run(folder).readings == []
    (disk / "filler").unlink()
    code, told = train(folder)
    assert code == 0, told
    assert len(evocnn.open_run(folder).readings) == 1


def test_a_report_beyond_a_quota_names_its_file(
    searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: catch no OSError in `write_report`."""
    monkeypatch.setattr("evocnn.cli.report.page", lambda *_: "x" * 100_000)
    with (
        quota(50_000),
        pytest.raises(ExperimentError, match=r"'.*/report.html' was not: File too large"),
    ):
        write_report(searched, tmp_path / "report.html", ())
    assert not [*tmp_path.glob("report*")]
