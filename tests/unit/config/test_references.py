"""Tables of objects become plain JSON, and that becomes the same search again."""

import json
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deap import tools

from evocnn.config import Experiment, to_plain
from evocnn.config.references import reference_of
from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation
from evocnn.genotype import Choice, Conv, Pool, Range
from evocnn.operators import AddGene, DeapCrossover, DeapMutation, OnePoint, ResampleRecipe, Uniform, Weighted
from evocnn.search import Budget

Write = Callable[..., Path]


def keep(parent: Any, space: Any, rng: Any, share: float = 1.0) -> Any:
    return parent


def beauty(metrics: Any, genome: Any) -> float:
    return 1.0


@dataclass(frozen=True)
class Keep:
    share: float = 1.0

    def __call__(self, parent: Any, space: Any, rng: Any) -> Any:
        return parent


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this file be a module that can be imported under its name, as a user's would be."""
    module = types.ModuleType(__name__)
    module.__dict__.update(keep=keep, beauty=beauty, Keep=Keep)
    monkeypatch.setitem(sys.modules, __name__, module)


def again(tables: dict[str, Any]) -> Experiment:
    """Return the experiment that a run folder would give back."""
    return Experiment.from_dict(json.loads(json.dumps(to_plain(tables), allow_nan=False)))


def same_search(one: Experiment, other: Experiment) -> bool:
    names = ("name", "seed", "data", "space", "objectives", "training", "search")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def test_plain_tables_stay_as_they_are(tables: dict[str, Any]) -> None:
    assert to_plain(tables) == tables
    assert same_search(again(tables), Experiment.from_dict(tables))


def test_objects_become_the_names_that_import_them(tables: dict[str, Any]) -> None:
    tables["space"]["layers"] = {
        "conv": {"gene": Conv, "filters": Choice((4, 8)), "kernel": (3, 5), "weight": 2},
        "pool": {"gene": Pool},
    }
    tables["space"]["recipe"]["learning_rate"] = Range(0.01, 0.1, log=True)
    tables["space"]["recipe"]["weight_decay"] = Range(0.0, 0.1)
    tables["objectives"]["beauty"] = {"weight": 1, "reference": 0, "measure": beauty}
    tables["search"] |= {
        "budget": Budget(seconds=90.0),
        "crossover": [OnePoint(), Uniform(0.3), DeapCrossover(tools.cxMessyOnePoint)],
        "mutation": [
            AddGene,
            ResampleRecipe(0.2),
            keep,
            Keep(0.5),
            {"use": Keep(0.25), "weight": 2},
            {"use": keep, "share": 0.5},
            {"use": Keep, "share": 0.75},
            DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.2}),
            {"use": DeapMutation(tools.mutInversion), "weight": 3},
        ],
    }
    plain: Any = to_plain(tables)
    assert plain["space"]["layers"]["conv"] == {
        "gene": "evocnn.genotype.layers.conv:Conv",
        "filters": [4, 8],
        "kernel": [3, 5],
        "weight": 2,
    }
    assert plain["space"]["recipe"]["learning_rate"] == {"low": 0.01, "high": 0.1, "scale": "log"}
    assert plain["objectives"]["beauty"]["measure"] == f"{__name__}:beauty"
    assert plain["search"]["budget"] == "90s"
    assert plain["search"]["crossover"] == [
        {"use": "evocnn.operators.crossover:OnePoint"},
        {"use": "evocnn.operators.crossover:Uniform", "rate": 0.3},
        {"use": "deap:cxMessyOnePoint"},
    ]
    assert plain["search"]["mutation"] == [
        "evocnn.operators.mutation.structure:AddGene",
        {"use": "evocnn.operators.mutation.head_and_recipe:ResampleRecipe", "rate": 0.2},
        f"{__name__}:keep",
        {"use": f"{__name__}:Keep", "share": 0.5},
        {"use": f"{__name__}:Keep", "share": 0.25, "weight": 2},
        {"use": f"{__name__}:keep", "share": 0.5},
        {"use": f"{__name__}:Keep", "share": 0.75},
        {"use": "deap:mutShuffleIndexes", "indpb": 0.2},
        {"use": "deap:mutInversion", "weight": 3},
    ]
    one, other = Experiment.from_dict(tables), again(tables)
    bound = one.search.mutation[5].operator, other.search.mutation[5].operator
    assert bound[0].func is bound[1].func is keep  # partials of equal parts are not equal
    assert bound[0].keywords == bound[1].keywords == {"share": 0.5}
    for experiment in (one, other):
        mutation = tuple(item for n, item in enumerate(experiment.search.mutation) if n != 5)
        object.__setattr__(experiment, "search", experiment.search.model_copy(update={"mutation": mutation}))
    assert same_search(one, other)


def test_weighted_operators_keep_operator_and_weight(tables: dict[str, Any]) -> None:
    tables["search"]["mutation"] = [
        Weighted("add_gene", AddGene(), 0.5),
        Weighted("r", ResampleRecipe(0.1), 2),
    ]
    found = again(tables).search.mutation
    assert found == (
        Weighted("add_gene", AddGene(), 0.5),
        Weighted("resample_recipe", ResampleRecipe(0.1), 2.0),
    )


def without_address(value: object) -> str:
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize("budget", [Budget(evaluations=7), Budget(seconds=90.0), 7, "90s"])
def test_budgets_come_back(budget: Any, tables: dict[str, Any]) -> None:
    tables["search"]["budget"] = budget
    assert again(tables).search.budget == Experiment.from_dict(tables).search.budget


@pytest.mark.parametrize("budget", [Budget(), Budget(seconds=0.5), Budget(evaluations=7, seconds=90.0)])
def test_budgets_that_no_file_can_hold_become_their_print(budget: Budget, tables: dict[str, Any]) -> None:
    tables["search"]["budget"] = budget
    assert to_plain(budget) == repr(budget)
    with pytest.raises(ExperimentError, match=r"'search.budget': a budget must be .*'Budget\("):
        again(tables)


def make_local() -> Any:
    def local(parent: Any, space: Any, rng: Any) -> Any:
        return parent

    return local


class Plain:
    def __call__(self, parent: Any, space: Any, rng: Any) -> Any:
        return parent


@pytest.mark.parametrize(
    "value",
    [
        lambda parent, space, rng: parent,
        make_local(),
        Plain(),
        partial(keep, share=0.5),
        DeapMutation(lambda genes: (genes,)),
        object(),
        b"bytes",
        np.int64(3),
        {1, 2},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_imported_becomes_its_print(value: object, tables: dict[str, Any]) -> None:
    assert reference_of(value) is None
    assert to_plain(value) == without_address(value)
    tables["search"]["mutation"] = [value]
    with pytest.raises(ExperimentError, match=r"'search.mutation.0': "):
        again(tables)


def test_a_function_defined_in_a_script_becomes_its_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "keep", keep, raising=False)
    assert to_plain(keep) == without_address(keep)


def test_a_name_that_gives_another_object_is_no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    assert to_plain(keep) == f"{__name__}:keep"
    monkeypatch.setattr(sys.modules[__name__], "keep", beauty)
    assert to_plain(keep) == without_address(keep)


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        (Conv, "evocnn.genotype.layers.conv:Conv"),
        (Evaluation, "evocnn.evaluation.evaluation:Evaluation"),
        (AddGene(), "evocnn.operators.mutation.structure:AddGene"),
        (json.dumps, "json:dumps"),
        (DeapCrossover(tools.cxTwoPoint), "deap:cxTwoPoint"),
        (5, None),
        (sys, None),
    ],
)
def test_references(value: object, reference: str | None) -> None:
    assert reference_of(value) == reference
