"""The same experiment gives the same journal, however many workers there are and however they fare."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from searches import without_times

import evocnn
from evocnn.config import Experiment

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
TITLE = "ray::Worker.evaluate"  # of a worker's process while it trains
Serial = Callable[[str], evocnn.Run]


def experiment_of(path: Path, algorithm: str) -> Experiment:
    return evocnn.load_experiment(path, [f"search.algorithm={algorithm}"])


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("n_workers", "algorithm"), [(1, "nsga2"), (1, "nsga2-generational"), (2, "nsga2-generational")]
)
def test_ray_workers_find_what_this_process_finds(
    n_workers: int, algorithm: str, serial: Serial, experiment_file: Path, tools: Any
) -> None:
    """Two workers and `nsga2` meet in the test below."""
    expected = serial(algorithm)
    assert len(expected.front.members) > 1
    assert any(record.operators for record in expected.records)
    folder = experiment_file.parent / f"{algorithm}-{n_workers}"
    found = evocnn.run(experiment_of(experiment_file, algorithm), folder, workers=n_workers)
    assert without_times(found.records) == without_times(expected.records)
    assert [r.ticket for r in found.front.members] == [r.ticket for r in expected.front.members]
    assert found.front.hypervolume == expected.front.hypervolume
    assert found.status == "finished"


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_changes_nothing(serial: Serial, experiment_file: Path, tools: Any) -> None:
    folder = experiment_file.parent / "killed"
    killed: list[int] = []
    ended = threading.Event()

    def kill_two_that_train() -> None:
        for n_rows in (1, 8):  # far apart, so that no candidate is hit twice
            tools.wait_for(lambda n=n_rows: ended.is_set() or len(tools.records_in(folder)) >= n, "rows")
            tools.wait_for(lambda: ended.is_set() or tools.of_cluster(TITLE), "training")
            for process in tools.of_cluster(TITLE)[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)

    killer = threading.Thread(target=kill_two_that_train)
    killer.start()
    found = evocnn.run(experiment_of(experiment_file, "nsga2"), folder, workers=2)
    ended.set()
    killer.join()
    assert len(killed) == 2
    assert without_times(found.records) == without_times(serial("nsga2").records)
