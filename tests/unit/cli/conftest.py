"""The command line, called in this process, and a search that takes a second."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from evocnn.cli.main import main

TINY = """\
name = "tiny"
seed = 5

[data]
source = "digits"
images = 400
validation = 0.25

[space]
founder_depth = [1, 2]
limits = { parameters = 3_000, depth = 3 }

[space.layers.conv]
filters = [2, 4]
kernel = [1, 3]

[space.layers.pool]

[space.recipe]
learning_rate = { low = 0.01, high = 0.1, scale = "log" }

[objectives.validation_accuracy]
weight = 1
floor = 0.0

[objectives.parameters]
scale = "linear"
weight = -1

[training]
epochs = 1

[search]
population = 3
window = 2
budget = 4
"""


class Said(NamedTuple):
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def evocnn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function of arguments that calls `evocnn` with them."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def call(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["evocnn", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        out, err = capsys.readouterr()
        assert isinstance(code, int | None)
        return Said(code or 0, out, err)

    return call


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a search of four candidates, one epoch each."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def finished_once(tiny: Path) -> Path:
    from evocnn import load_experiment
    from evocnn import run as search

    return search(load_experiment(tiny), tiny.parent / "finished").folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Path:
    """Return the folder of a finished run, to be changed."""
    return Path(shutil.copytree(finished_once, tmp_path / "finished"))
