"""Watching a search of Ray workers from another process, while it works and after it was killed."""

import signal
from pathlib import Path
from typing import Any

import pytest

from evocnn.runs import Follower

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]


def test_what_each_worker_trains_is_seen_from_another_process_until_it_is_killed(
    experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    folder = tmp_path / "run"
    search = tools.evocnn("run", experiment_file, "--out", folder, "--workers", 2)
    tools.wait_for(lambda: tools.records_in(folder) or search.process.poll() is not None, "a row")
    follower = Follower(folder)
    tools.wait_for(lambda: len(running := follower.look().running) == 2 and running, "two trainings")
    workers = {one.worker.partition(" on ")[0] for one in follower.look().running}
    assert workers <= {"worker 0", "worker 1"}
    watch = tools.evocnn("watch", folder)
    search.process.kill()
    code, out, err = watch.wait()
    assert (code, err) == (0, "")
    assert out.endswith(f"its process is gone; go on with: evocnn resume {folder}\n")
    search.process.wait()
    assert search.process.returncode == -signal.SIGKILL
    search.wait_until_gone("ray::Worker")
