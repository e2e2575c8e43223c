"""The experiment with parts of one's own, made small: the file on Ray workers, the script without."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from searches import without_times

import evocnn
from evocnn.cli.study import Asked
from evocnn.workers.ray_executor import RayExecutor

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
FOLDER = Path(__file__).parents[2] / "experiments" / "own-parts"
SMALLER = ["data.images=200", "training.epochs=1"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return run.py as a module whose searches train on few images, for an epoch."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = spec_from_file_location("own_parts_run", FOLDER / "run.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    tables = module.EXPERIMENT.tables
    changed = {"data": {**tables["data"], "images": 200}, "training": {**tables["training"], "epochs": 1}}
    monkeypatch.setattr(module, "EXPERIMENT", evocnn.Experiment.from_dict({**tables, **changed}))
    load = evocnn.load_experiment
    monkeypatch.setattr(evocnn, "load_experiment", lambda path: load(path, SMALLER))
    return module


def test_file_and_script_search_the_same(
    cluster: RayExecutor, script: ModuleType, tmp_path: Path, tools: Any
) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    figures = script.study(Asked(None, tmp_path / "study", tmp_path / "study", is_quick=False))
    assert figures["same_networks"].value == 1
    settings = [word for setting in SMALLER for word in ("--set", setting)]
    arguments = ("--out", tmp_path / "file", "--workers", 2, "--ray-address", address)
    code, _, err = tools.evocnn("run", FOLDER / "experiment.toml", *settings, *arguments).wait()
    assert code == 0, err
    by_file, by_script = evocnn.open_run(tmp_path / "file"), evocnn.open_run(tmp_path / "study" / "script")
    assert len(by_file.records) >= 16
    assert without_times(by_file.records) == without_times(by_script.records)
    assert any("se" in record.text for record in by_file.records)
    operators = {name for record in by_file.records for name in record.operators}
    assert {"own_parts:narrow_widest", "deap:cxMessyOnePoint"} & operators
