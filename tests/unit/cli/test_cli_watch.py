"""`evocnn watch` and `evocnn log`: a run of another process, as it works and as it was left."""

import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from time import time
from typing import Any

import pytest
from rich.console import Console

from evocnn import open_run
from evocnn.cli import watch as module
from evocnn.cli.watch import Watch
from evocnn.store import Journal, Running, locked, write_running

Call = Callable[..., Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a function that sets what happens whenever the command sleeps; seconds pass meanwhile."""
    now = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])

    def set_sleep(happens: Any) -> None:
        def sleep(seconds: float) -> None:
            now[0] += 10 * seconds
            happens()

        monkeypatch.setattr(module, "sleep", sleep)

    return set_sleep


def test_a_finished_run_is_shown_once(evocnn: Call, finished: Path) -> None:
    said = evocnn("watch", finished)
    assert said.code == 0
    assert said.out.startswith(
        f"tiny: nsga2, seed 5, in {finished}\n4/4 full trainings · 4 looked at, 4 in full"
    )
    assert "tiny: finished; 4 ok\n" in said.out
    assert said.out.endswith(f"finished; go on with a larger budget: evocnn resume {finished} --budget ...\n")
    assert " left" not in said.out


def test_a_run_whose_process_is_gone_says_how_to_go_on(evocnn: Call, finished: Path) -> None:
    folder = finished.rename(finished.parent / "My pets")
    with Journal.open(folder) as journal:
        journal.set("status", "running")
    write_running(folder, (Running(9, "conv8k3", "worker 0", 0.0, 0.0, 0, 1, 10),))
    for arguments in ((), ("--once",)):
        said = evocnn("watch", folder, *arguments)
        assert said.code == 0
        assert said.out.endswith(f"its process is gone; go on with: evocnn resume '{folder}'\n")


def test_lines_come_where_something_is_new_until_the_run_ends(
    evocnn: Call, finished: Path, clock: Any
) -> None:
    last = open_run(finished).records[-1]
    with Journal.open(finished) as journal:
        journal.set("experiment", {**open_run(finished).manifest["experiment"], "search": {"budget": 40}})
        journal.set("status", "running")
        nights = iter(range(5))

        def happens() -> None:
            night = next(nights)
            if night in {1, 2}:
                ticket = last.ticket + 1 + night
                new = replace(last, ticket=ticket, key=str(ticket), elapsed=last.elapsed + 10.0 * night)
                journal.commit(new)
            if night == 4:
                journal.set("status", "finished")

        clock(happens)
        with locked(finished):
            said = evocnn("watch", finished)
    counts = [line.split()[0] for line in said.out.splitlines() if line[0].isdigit() and "/40 " in line]
    assert counts == ["4/40", "5/40", "6/40"]
    assert said.out.rstrip().endswith("--budget ...")


def test_ctrl_c_leaves_the_search_alone(evocnn: Call, finished: Path, clock: Any) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    clock(interrupted)
    with locked(finished), Journal.open(finished) as journal:
        journal.set("status", "running")
        said = evocnn("watch", finished)
        assert journal.get("status") == "running"
    assert said.code == 130
    assert said.err == f"the search goes on; watch it again: evocnn watch {finished}\n"


def test_the_picture_of_another_processs_run_tells_what_is_trained(finished: Path, clock: Any) -> None:
    with locked(finished), Journal.open(finished) as journal:
        journal.set("status", "running")
        write_running(finished, (Running(9, "conv8k3", "worker 0 on a", time() - 3, 60.0, 0, 1, 10),))
        watch = Watch(finished)
        console = Console(file=StringIO(), width=80, height=24, force_terminal=True, record=True)
        console.print(watch.scene.picture(80, 24, []))
    text = console.export_text()
    assert "in training: 1" in text
    assert "running, 1m 0" in text  # as the search counts its time
    assert "#9     epochs 1-1 of 10    conv8k3" in text
    assert "Ctrl-C leaves this view; the search goes on" in text


def test_once_prints_a_picture_in_a_terminal(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_room", lambda console: True)
    monkeypatch.setenv("COLUMNS", "80")
    said = evocnn("watch", finished, "--once")
    assert "best by size" in said.out
    assert max(map(len, said.out.splitlines()[:24])) <= 80


def test_a_folder_without_a_run_is_an_error(evocnn: Call, tmp_path: Path) -> None:
    said = evocnn("watch", tmp_path)
    assert said.code == 1
    assert "must be a run folder" in said.err


def test_a_run_is_logged_to_tensorboard(evocnn: Call, finished: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # the second takes the place of the first
        said = evocnn("log", finished, "--to", "tensorboard", "--out", tmp_path / "events")
        assert said.code == 0
    run = open_run(finished)
    assert said.out.startswith(f"logged 4 evaluations and a front of {len(run.front.members)} to {tmp_path}")
    events = accumulator.EventAccumulator(str(tmp_path / "events")).Reload()
    name = "full/validation_accuracy"
    found = {event.step: event.value for event in events.Scalars(name)}
    assert found == {r.ticket: pytest.approx(r.metrics["validation_accuracy"]) for r in run.records}
    assert len(events.Scalars(name)) == 4
    volumes = [event.value for event in events.Scalars("search/hypervolume")]
    assert volumes[-1] == pytest.approx(run.front.hypervolume, rel=1e-6)
    members = {path.name for path in (tmp_path / "events").iterdir() if path.is_dir()}
    assert members == {f"front-{record.ticket}" for record in run.front.members}


@pytest.mark.slow  # MLflow takes seconds to make its database
@pytest.mark.filterwarnings("ignore")  # of what MLflow brings along
def test_a_run_is_logged_to_mlflow_where_its_settings_say(
    evocnn: Call, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    said = evocnn("log", finished, "--to", "mlflow")
    assert said.code == 0, said.err
    client, run = mlflow.MlflowClient(), open_run(finished)
    logged = client.search_runs([client.get_experiment_by_name("evocnn").experiment_id])
    (whole,) = [one for one in logged if one.info.run_name == "tiny"]
    history = client.get_metric_history(whole.info.run_id, "full/validation_accuracy")
    assert {one.step: one.value for one in history} == {
        r.ticket: r.metrics["validation_accuracy"] for r in run.records
    }
    members = [one for one in logged if one.data.tags.get("mlflow.parentRunId") == whole.info.run_id]
    assert {one.data.params["network"] for one in members} == {r.text for r in run.front.members}
    assert all("recipe.learning_rate" in one.data.params for one in members)
    assert {one.info.status for one in logged} == {"FINISHED"}


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "tensorboardX"), ("mlflow", "mlflow")])
def test_a_logger_that_is_not_installed_names_its_extra(
    name: str, module: str, evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"evocnn.report.loggers.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    said = evocnn("log", finished, "--to", name)
    assert said.code == 2
    assert f"logger '{name}' must find {module}, but" in said.err
    assert said.err.endswith(f"install it with: pip install 'evocnn[{name}]'\n")


def test_an_unknown_logger_and_a_folder_that_cannot_be_written_are_mistakes(
    evocnn: Call, finished: Path, tmp_path: Path
) -> None:
    said = evocnn("log", finished, "--to", "wandb")
    assert said.code == 2
    assert "must be one of tensorboard, mlflow, but it was 'wandb'" in said.err
    pytest.importorskip("tensorboardX")
    (tmp_path / "file").write_text("")
    said = evocnn("log", finished, "--to", "tensorboard", "--out", tmp_path / "file" / "events")
    assert said.code == 2
    assert "must be able to write, but" in said.err
