"""Run folders that may be anyone's: commands that show or compare them run and open nothing they name."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any
from unittest.mock import MagicMock

import pytest

import evocnn
from evocnn.cli.main import main
from evocnn.config import Experiment
from evocnn.errors import ExperimentError
from evocnn.report.page import page
from evocnn.report.serve.live_run import LiveRun
from evocnn.store import Journal

pytestmark = pytest.mark.fault

EXPERIMENT = """\
name = "anyones"
data = { source = "digits", images = 100 }
space.layers.conv = { filters = [2, 4], kernel = [1, 3] }
objectives.validation_accuracy = { weight = 1, floor = 0.0, reference = 0.0 }
objectives.parameters.weight = -1
training.epochs = 1
search = { population = 2, window = 2, budget = 20, rungs = [1] }
"""
MODULE = """\
from pathlib import Path

Path(__file__).with_name("it ran").touch()


def mutation(parent, space, rng):
    return parent
"""
COMMANDS = {
    "show": ("show", "RUN", "--pick", "knee"),
    "report": ("report", "RUN", "--against", "OTHER"),
    "plot": ("plot", "RUN", "--what", "architecture"),
    "compare": ("compare", "RUN", "OTHER"),
    "importance": ("importance", "RUN"),
    "watch": ("watch", "RUN", "--once"),
    "serve": ("serve", "RUN"),
    "log": ("log", "RUN", "--to", "tensorboard"),
}
REFUSED = ("plot", "importance")  # without --trust
TRUSTING = (*REFUSED, "report", "compare")
MUTATION = {"search": {"mutation": ["evil_one:mutation"]}}
WEIGHTS = {"space": {"backbone": {"weights": "weights.pth"}}}  # which a run's record names with its digest
SECURITY = (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([^`]+)`", SECURITY.partition("commands that show them:")[2].partition(".")[0])


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> evocnn.Run:
    """Return a run with candidates enough for their importance."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "own.toml").write_text(EXPERIMENT)
    return evocnn.run(evocnn.load_experiment(folder / "own.toml"), folder / "run")


def naming(tables: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return tables of an experiment with keys of some of them changed."""
    return {**tables, **{name: {**tables[name], **keys} for name, keys in named.items()}}


@pytest.fixture(params=[MUTATION, WEIGHTS], ids=["mutation", "weights"])
def hostile(
    request: pytest.FixtureRequest, searched: evocnn.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return the folder of a run that names, and brings, what leaves a mark; its networks have own genes."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "evil_one.py").write_text(MODULE)
    (folder / "weights.pth").write_bytes(b"weights")
    read = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == "weights.pth":
            path.with_name("it ran").touch()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "evil_one", raising=False)
    named = naming(searched.manifest["experiment"], request.param)
    changed = {"status": "finished", "experiment": named, "experiment_folder": str(folder)}
    records = [replace(r, genome={**r.genome, "layers": [{"gene": "own"}]}) for r in searched.records]
    Journal.create(folder, {**searched.manifest, **changed}, records).__exit__()
    copytree(folder, tmp_path / "other")
    with Journal.open(tmp_path / "other") as journal:
        journal.set("experiment", {**named, "search": {**named["search"], "window": 3}})
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_that_shows_runs_imports_what_they_name(
    command: str, hostile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails without `refusing_code` in `Run.meaning_of`, `plot_run` or `importance`, or `check_trusted`."""
    monkeypatch.setattr("evocnn.cli.log.logger_named", MagicMock())
    monkeypatch.setattr("evocnn.cli.serve.serve", lambda folders, *_: page(LiveRun(folders[0]).run()))
    assert set(NAMED) == set(COMMANDS)
    places = {"RUN": str(hostile), "OTHER": str(hostile.with_name("other"))}
    arguments = [places.get(word, word) for word in COMMANDS[command]]
    monkeypatch.setattr(sys, "argv", ["evocnn", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert not [*hostile.parent.rglob("it ran")]
    assert (end.value.code or 0) == (2 if command in REFUSED else 0), said
    assert ("give --trust if the run is your own" in said.err) == (command in REFUSED)
    if command in TRUSTING:
        monkeypatch.setattr(sys, "argv", ["evocnn", *arguments, "--trust"])
        with pytest.raises(SystemExit):
            main()
        assert (hostile / "it ran").exists()  # so there was something to import


def test_the_name_of_a_table_of_a_gene_names_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where `_layer_alleles_of` loads what the table is called, which looks like code in no key."""
    (tmp_path / "evil_one.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "evil_one", raising=False)
    tables = {"name": "anyones", "data": {"source": "digits"}, "space": {"layers": {"evil_one:Own": {}}}}
    with pytest.raises(ExperimentError, match=r"a layer gene must be one of .* but it was 'evil_one:Own'"):
        Experiment.from_dict(tables, folder=tmp_path)
    assert not (tmp_path / "it ran").exists()
