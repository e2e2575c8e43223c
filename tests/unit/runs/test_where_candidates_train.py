"""Where a run trains: in lanes of this process, as on a machine with a GPU, or where it is told."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from evocnn import load_experiment, run
from evocnn.cli.progress import ProgressDisplay
from evocnn.errors import ExperimentError
from evocnn.runs import Observer, Workers
from evocnn.runs import workers as crews
from evocnn.search import Budget
from evocnn.training.lanes import Lanes
from evocnn.workers import SerialExecutor

TINY = """\
name = "tiny"
seed = 4
[data]
source = "digits"
images = 200
[space]
preset = "tiny"
[space.limits]
parameters = 2_000
[training]
epochs = 1
[search]
population = 3
window = 4
budget = 5
"""


@pytest.fixture
def three_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have three lanes, on its CPU."""

    def lanes_of(evaluator: Any, candidate_bytes: int) -> Lanes:
        assert candidate_bytes > 2**20
        return Lanes(evaluator, 3, torch.device("cpu"), memory=3, memory_of=lambda request: 1)

    monkeypatch.setattr(crews, "lanes_of", lanes_of)


def told(path: Path, lines: list[str]) -> list[Any]:
    """Return what a search finds, without times."""
    (path.parent / "tiny.toml").write_text(TINY, encoding="utf-8")
    found = run(load_experiment(path.parent / "tiny.toml"), path, observer=Observer(on_workers=lines.append))
    return [
        (r.ticket, r.identity, dict(r.evaluation.metrics), dict(r.evaluation.curves)) for r in found.records
    ]


def test_a_search_in_lanes_is_the_search_of_one_worker(
    tmp_path: Path, three_lanes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    with pytest.warns(UserWarning, match="search.window should be about four times the 3 candidates"):
        in_lanes = told(tmp_path / "lanes", lines)
    assert lines == ["1 node, 1 GPU, 3 lanes each: 3 candidates at a time"]
    monkeypatch.undo()
    monkeypatch.setattr(crews, "lanes_of", lambda evaluator, candidate_bytes: None)
    assert told(tmp_path / "serial", lines) == in_lanes
    assert len(in_lanes) >= 5
    assert len(lines) == 1  # one candidate at a time is no plan


@pytest.mark.parametrize(
    ("workers", "share"),
    [(Workers(None), 0.0), (Workers(2), 0.0), (Workers(2, 0.5), 0.5), (Workers(2, 0.0), 0.0)],
)
def test_without_a_pytorch_for_gpus_only_who_asks_for_one_gets_it(
    workers: Workers, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evocnn.workers import ray_executor

    asked: dict[str, Any] = {}

    def executor(evaluator: Any, n_workers: int | None, **settings: Any) -> SerialExecutor:
        asked.update(settings, n_workers=n_workers)
        return SerialExecutor(evaluator)

    monkeypatch.setattr(ray_executor, "RayExecutor", executor)
    monkeypatch.setattr(crews, "trains_on_gpus", lambda: False)
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    run(load_experiment(tmp_path / "tiny.toml", ["search.budget=1"]), tmp_path / "run", workers=workers)
    assert (asked["n_workers"], asked["gpus_per_worker"]) == (workers.count, share)
    assert asked["deadline"] == 3600 + crews.DEADLINE_GRACE  # of training.timeout


@pytest.mark.parametrize(("count", "share"), [(-1, None), (2, -0.5), (None, 1.5)])
def test_workers_that_ray_cannot_have_are_refused(count: int | None, share: float | None) -> None:
    with pytest.raises(ExperimentError, match="workers must be 0 or more, each with a share of a GPU"):
        Workers(count, share)


@pytest.mark.parametrize(
    ("workers", "crew"),
    [(Workers(None), "Ray workers"), (Workers(0), "this process"), (Workers(3), "3 Ray workers")],
)
def test_the_command_line_says_who_trains(
    workers: Workers, crew: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    with closing(ProgressDisplay()) as display:
        display.announce(load_experiment(tmp_path / "tiny.toml"), Path("here"), workers, Budget(5))
        display.workers("2 nodes, 8 GPUs, 6 lanes each: 48 candidates at a time")
    assert capsys.readouterr().err.splitlines() == [
        f"tiny: nsga2, seed 4, {crew}, into here",
        "2 nodes, 8 GPUs, 6 lanes each: 48 candidates at a time",
    ]
