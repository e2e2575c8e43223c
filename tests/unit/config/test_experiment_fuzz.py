"""Whatever is changed in a valid experiment, it works or says why; nothing else is ever raised."""

import copy
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evocnn.config import Experiment, load_experiment, space_of, to_plain
from evocnn.config.parts import objectives_of
from evocnn.errors import ExperimentError, SpaceError
from evocnn.genotype import Choice, Conv, Range
from evocnn.operators import AddGene, Weighted
from evocnn.search import Budget

Keys = tuple[str | int, ...]

EXTENDING = """\
name = "mine"
[data]
source = "digits"
[space]
preset = "tiny"
evolve = ["recipe"]
founders = ["tutorial", "conv8k3 · pool | gap | sgd lr=.1"]
founder_prior = "uniform"
hold = { layers = "conv8k3 · pool · conv16k3", head = "gap dense16" }
limits = { activations = 100000, depth = 9 }
layers = { residual = false, conv = { filters = [4, 8] }, dense_concat = { filters = 4, kernel = 3 } }
recipe = { learning_rate = { low = 0.1, high = 0.2 }, smoothing = [0, 0.1] }
[search]
rates = "credit"
"""

OBJECTS = [
    None,
    Conv,
    AddGene,
    AddGene(),
    Weighted("mine", AddGene()),
    Choice((1, 2)),
    Range(0, 1),
    Budget(3),
    len,
]
WORDS = ["digits", "npz", "nsga2", "log", "conv", "relu", "add_gene", "deap:cxTwoPoint", "deap:", "5m", "0"]
WORDS += ["tiny", "tutorial", "layers", "gap", "conv8k3 · pool | gap | sgd lr=.1", "informed", "credit"]
NAMES = [
    "os:sep",
    "os:getcwd",
    "nowhere:x",
    "os.nowhere:x",
    ":",
    "os:",
    ":x",
    ".x:y",
    "sys:x",
    "\x00:x",
    "\ud800:x",
]
LEAVES = (
    st.sampled_from([*OBJECTS, *WORDS, *NAMES])
    | st.booleans()
    | st.integers(-3, 70)
    | st.integers()
    | st.integers(-(2**2000), 2**2000)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=3)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["low", "high", "scale", "use", "weight", "gene"]), inner, max_size=3
        )
        | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, here: Keys = ()) -> Iterator[Keys]:
    """Yield the place of everything in tables, the tables themselves included."""
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield (*here, key)
        yield from places(item, (*here, key))


@st.composite
def changed(draw: st.DrawFn, text: str) -> dict[str, Any]:
    """Draw an experiment's tables after one to three changes."""
    tables = tomllib.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([*places(tables)]))
        target: Any = tables
        for key in way:
            target = target[key]
        kind = draw(st.sampled_from(["delete", "replace", "rename", "add"]))
        if kind == "replace" or (not isinstance(target, dict) and kind in ("rename", "add")):
            target[last] = draw(VALUES)
        elif kind == "add":
            target[draw(st.text(max_size=6) | st.sampled_from(["weight", "use", "tables", "folder"]))] = draw(
                VALUES
            )
        else:
            value = target.pop(last)
            if kind == "rename":
                target[draw(st.just(str(last)[:-1]) | st.text(max_size=6))] = value
    return tables


def attempt(load: Callable[[], Experiment]) -> tuple[Experiment | None, str]:
    """Return the experiment, or what is wrong with it; any other exception is a failure."""
    try:
        return load(), ""
    except ExperimentError as error:
        return None, str(error)


def check(tables: dict[str, Any]) -> None:
    before = copy.deepcopy(tables)
    experiment, said = attempt(lambda: Experiment.from_dict(tables, source="here"))
    if experiment is None:
        assert said.startswith("here")
    else:
        to_plain(tables)
        with suppress(SpaceError):
            space_of(experiment, (1, 8, 8), 10)
        with suppress(ExperimentError):
            objectives_of(experiment, 0.1, 100)
    assert repr(tables) == repr(before)  # the caller's tables stay as they were


@given(data=st.data())
@settings(max_examples=300)
def test_a_changed_experiment_works_or_says_why(data: st.DataObject, experiment_text: str) -> None:
    check(data.draw(changed(experiment_text)))


@given(data=st.data())
@settings(max_examples=200)
def test_a_changed_extension_of_a_preset_works_or_says_why(data: st.DataObject) -> None:
    check(data.draw(changed(EXTENDING)))


@given(data=st.data())
@settings(max_examples=100)
def test_a_changed_file_works_or_says_why(
    data: st.DataObject, experiment_text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    start = data.draw(st.integers(0, len(experiment_text)))
    end = data.draw(st.integers(start, min(len(experiment_text), start + 30)))
    text = (
        experiment_text[:start]
        + data.draw(st.text("=[]{}\"'.,#\n\\aé0-_ ", max_size=5))
        + experiment_text[end:]
    )
    path = tmp_path_factory.getbasetemp() / "changed.toml"
    path.write_text(text, encoding="utf-8")
    experiment, said = attempt(lambda: load_experiment(path))
    assert experiment or str(path) in said


@given(setting=st.text(max_size=12) | st.from_regex(r"[a-z.]{1,12}=[\[\]{}'\"a-z0-9=]{0,8}", fullmatch=True))
@settings(max_examples=100)
def test_any_setting_works_or_says_why(
    setting: str, experiment_text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "set.toml"
    path.write_text(experiment_text, encoding="utf-8")
    experiment, said = attempt(lambda: load_experiment(path, [setting]))
    assert experiment or str(path) in said or said.startswith("--set")
