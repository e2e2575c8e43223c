"""A valid experiment, as a file and as tables, and a clean import state around every test."""

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EXPERIMENT = """\
name = "mine"
seed = 7

[data]
source = "digits"
validation = 0.25
images = 400

[space]
founder_depth = [1, 3]
pool_order = "early"

[space.limits]
parameters = 20_000
flops = 1_000_000
depth = 4

[space.layers.conv]
weight = 2
filters = [4, 8]
kernel = 3
activation = ["relu", "silu"]

[space.layers.pool]
size = 2

[space.head]
pooling = "gap"
units = [[], [16]]

[space.recipe]
optimizer = ["sgd", "adamw"]
learning_rate = { low = 0.01, high = 0.1, scale = "log" }

[objectives.validation_accuracy]
weight = 1
floor = 0.5

[objectives.parameters]
weight = -1
scale = "log"
reference = 30_000

[training]
epochs = 2
patience = 1
least_improvement = 0.01
warmup = 0.1
timeout = 30

[search]
algorithm = "nsga2"
population = 4
window = 4
budget = 6
crossover_rate = 0.5
mutation_rate = 0.7
crossover = ["one_point", { use = "uniform", rate = 0.3 }]
mutation = ["add_gene", { use = "resample_recipe", rate = 0.2, weight = 2 }]
"""


@pytest.fixture(scope="session")
def experiment_text() -> str:
    """Return an experiment file in which every table and nearly every key is given."""
    return EXPERIMENT


@pytest.fixture
def tables() -> dict[str, Any]:
    """Return the same experiment as tables, to be changed."""
    return tomllib.loads(EXPERIMENT)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file beside the test's experiment and returns its path."""

    def write(content: str | bytes = EXPERIMENT, name: str = "experiment.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(autouse=True)
def clean_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put `sys.path` back and forget the modules that a test wrote."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
