"""The command line, called in this process, and a search that takes a second."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
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


@pytest.fixture(scope="session")
def write_halves() -> Callable[[Path, int, str], Path]:
    """Return a function of a folder, a number and a chromosome that writes a model of two classes.

    It is trained not at all; so many images lie beside it, bright on the left or on the right.
    """
    from evocnn.config import Experiment
    from evocnn.config.parts import load_data, space_of
    from evocnn.deploy.description import Input, Origin
    from evocnn.deploy.model import Model
    from evocnn.phenotype import build
    from evocnn.training.data import Framing

    def write(folder: Path, n_images: int, text: str) -> Path:
        half = n_images // 2
        pixels = np.zeros((n_images, 4, 4), dtype=np.uint8)
        pixels[:half, :, :2] = pixels[half:, :, 2:] = 200
        np.savez(folder / "halves.npz", images=pixels, labels=np.repeat(["left", "right"], half))
        tables = {
            "name": "halves",
            "data": {"source": "npz", "path": "halves.npz"},
            "space": {"layers": {"conv": {"filters": [8], "kernel": 3}}, "head": {"pooling": "flatten"}},
            "training": {"epochs": 2},
        }
        experiment = Experiment.from_dict(tables, folder=folder)
        data = load_data(experiment)
        space = space_of(experiment, data.shape, data.n_classes)
        chromosome = space.parse(text)
        network = build(chromosome, space.input_shape, space.n_classes).eval()
        known = {"name": data.name, "digest": data.digest}
        origin = Origin(tables, str(folder), None, known, "halves", 0, "knee")
        images = Input(data.shape, Framing(None, "crop", "auto"), (100.0,), (100.0,))
        path = folder / "model.safetensors"
        Model(network, chromosome, images, data.class_names, origin).save(path)
        return path

    return write
