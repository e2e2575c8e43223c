"""The experiment with parts of one's own: the file on Ray workers, the script without."""

from pathlib import Path
from typing import Any

import pytest

import evocnn
from evocnn.report.figures import read_outcomes
from evocnn.workers.ray_executor import RayExecutor

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
FOLDER = Path(__file__).parents[2] / "experiments" / "own-parts"


def test_file_and_script_search_the_same(cluster: RayExecutor, tmp_path: Path, tools: Any) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    experiment = FOLDER / "experiment.toml"
    code, _, err = tools.start(FOLDER / "run.py", "--runs", tmp_path / "study").wait()
    assert code == 0, err
    arguments = ("--out", tmp_path / "file", "--workers", 2, "--ray-address", address)
    code, _, err = tools.evocnn("run", experiment, *arguments).wait()
    assert code == 0, err
    by_file, by_script = evocnn.open_run(tmp_path / "file"), evocnn.open_run(tmp_path / "study" / "script")
    assert len(by_file.records) >= 16
    assert tools.without_times(by_file.records) == tools.without_times(by_script.records)
    assert any("se" in record.text for record in by_file.records)
    operators = {name for record in by_file.records for name in record.operators}
    assert {"own_parts:narrow_widest", "deap:cxMessyOnePoint"} & operators
    assert read_outcomes(tmp_path / "study")["full"].figures["same_networks"].value == 1
