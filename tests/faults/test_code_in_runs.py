"""Run folders that may be anyone's: commands that show or compare them import no code that they name."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from unittest.mock import MagicMock

import pytest

import evocnn
from evocnn.cli.main import main
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
SECURITY = (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([^`]+)`", SECURITY.partition("commands that show them:")[2].partition(".")[0])


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> evocnn.Run:
    """Return a run with candidates enough for their importance."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "own.toml").write_text(EXPERIMENT)
    return evocnn.run(evocnn.load_experiment(folder / "own.toml"), folder / "run")


@pytest.fixture
def hostile(searched: evocnn.Run, tmp_path: Path) -> Path:
    """Return the folder of a run that names, and brings, a mutation; each network has a gene of its own."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "evil_one.py").write_text(MODULE)
    tables = searched.manifest["experiment"]
    named = {**tables, "search": {**tables["search"], "mutation": ["evil_one:mutation"]}}
    changed = {"status": "finished", "experiment": named, "experiment_folder": str(folder)}
    records = [replace(r, genome={**r.genome, "layers": [{"gene": "own"}]}) for r in searched.records]
    Journal.create(folder, {**searched.manifest, **changed}, records).__exit__()
    copytree(folder, tmp_path / "other")
    with Journal.open(tmp_path / "other") as journal:
        journal.set("experiment", {**named, "search": {**named["search"], "window": 3}})
    return folder


@pytest.mark.parametrize("command", NAMED)
def test_no_command_that_shows_runs_imports_what_they_name(
    command: str, hostile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails without `refusing_code` in `arms`, or in `trusting`."""
    monkeypatch.setattr("evocnn.cli.log.logger_named", MagicMock())
    monkeypatch.setattr("evocnn.cli.serve.serve", lambda folders, *_: page(LiveRun(folders[0]).run()))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "evil_one", raising=False)
    places = {"RUN": str(hostile), "OTHER": str(hostile.with_name("other"))}
    arguments = [places.get(word, word) for word in COMMANDS[command]]
    monkeypatch.setattr(sys, "argv", ["evocnn", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert not [*hostile.parent.rglob("it ran")]
    assert (end.value.code or 0) == (2 if command in REFUSED else 0), said
    assert ("give --trust if the run is your own" in said.err) == (command in REFUSED)
    if command in REFUSED:
        monkeypatch.setattr(sys, "argv", ["evocnn", *arguments, "--trust"])
        with pytest.raises(SystemExit):
            main()
        assert (hostile / "it ran").exists()  # so there was something to import
