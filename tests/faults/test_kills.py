"""Drivers and workers that are killed at random moments; the quick form of benchmarks/faults."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray")]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "faults" / "benchmark.py"


@pytest.mark.timeout(1200)
def test_killed_drivers_and_workers_change_no_journal_and_no_front(tmp_path: Path) -> None:
    """Fails where `Driver._enter` puts what is known among the undispatched, too."""
    command = [sys.executable, SCRIPT, "--quick", "--runs", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = (tmp_path / "results.md").read_text()
    assert "was killed 3\ntimes" in results
    assert "searches of the same kind workers\nwere killed 3 times" in results
