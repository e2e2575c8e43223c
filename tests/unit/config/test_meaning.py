"""What experiments mean, whatever their tables say of it."""

from dataclasses import dataclass
from typing import Any

import pytest

from evocnn.config import Experiment
from evocnn.config.meaning import meaning
from evocnn.genotype import Choice, Range
from evocnn.genotype import Conv as Plain


@dataclass(frozen=True, slots=True)
class Conv(Plain):
    """A gene of the same name and fields as evocnn's."""


OPTIONS = {f"search.algorithm.{name}" for name in ("local_search", "proposals")}
WEIGHTS = {"validation_accuracy": {"weight": 1}, "parameters": {"weight": -1}}


def experiment_of(space: Any = None, **tables: Any) -> Experiment:
    conv = {"layers": {"conv": {"filters": [4, 8], "kernel": 3}}}
    return Experiment.from_dict(
        {"name": "mine", "data": {"source": "digits"}, "space": {**conv, **(space or {})}, **tables}
    )


def differing(one: Experiment, other: Experiment) -> set[str]:
    first, second = meaning(one), meaning(other)
    return {key for key in first | second if first.get(key) != second.get(key)}


@pytest.mark.parametrize(
    "tables",
    [
        {"seed": 0, "training": {"epochs": 10}, "search": {"algorithm": "nsga2", "window": 8}},
        {"search": {"algorithm": {"use": "nsga2", "local_search": 0.5}, "budget": 100}},
        {"space": {"layers": {"conv": {"filters": Choice((8, 4)), "kernel": [3], "stride": 1}}}},
        {"space": {"source": "a paper", "evolve": ["recipe", "layers", "head"], "limits": {"depth": 12}}},
    ],
)
def test_defaults_that_are_stated_change_nothing(tables: Any) -> None:
    assert differing(experiment_of(), experiment_of(**tables)) == set()


@pytest.mark.parametrize(
    ("tables", "keys"),
    [
        ({"training": {"warmup": 0.2}, "seed": 3}, {"training.warmup", "seed"}),
        ({"search": {"algorithm": {"use": "nsga2", "proposals": 1}}}, {"search.algorithm.proposals"}),
        ({"space": {"recipe": {"learning_rate": Range(0.1, 0.2)}}}, {"space.recipe.learning_rate"}),
        ({"space": {"limits": {"depth": 9}}}, {"space.limits.depth"}),
        ({"space": {"layers": {"conv": {"filters": 4, "kernel": 3}}}}, {"space.layers.conv.filters"}),
        ({"space": {"founder_depth": [1, 6]}}, {"space.founder_depth"}),
        ({"search": {"algorithm": "random"}}, {"search.algorithm.use", *OPTIONS}),
        (
            {"space": {"layers": {"conv": {"gene": Conv, "filters": [4, 8], "kernel": 3}}}},
            {"space.layers.conv.gene"},
        ),
        (
            {"space": {"layers": {"conv": {"filters": [4, 8], "kernel": 3, "weight": 2}}}},
            {"space.layers.conv.weight"},
        ),
    ],
)
def test_what_differs_is_told_by_its_key(tables: Any, keys: set[str]) -> None:
    assert differing(experiment_of(), experiment_of(**tables)) == keys


def test_what_is_held_is_read() -> None:
    """Two ways to write the same layers, and one that is another."""
    layers = ("conv4k3 > conv8k3", "conv4k3 \u00b7 conv8k3", "conv8k3 > conv8k3")
    texts = [experiment_of({"evolve": ["head", "recipe"], "hold": {"layers": text}}) for text in layers]
    assert differing(texts[0], texts[1]) == set()
    assert differing(texts[0], texts[2]) == {"space.hold.layers"}


def test_the_order_of_objectives_has_a_meaning() -> None:
    """Some algorithms keep the best of the first one."""
    one, other = (
        experiment_of(objectives={name: WEIGHTS[name] for name in names})
        for names in (("validation_accuracy", "parameters"), ("parameters", "validation_accuracy"))
    )
    assert differing(one, other) == {"objectives"}
