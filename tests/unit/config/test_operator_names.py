"""Operators by name, by table and as objects; DEAP's; the names that the journal keeps."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from deap import tools

import evocnn.operators.crossover as crossover_module
import evocnn.operators.morphism as morphism_module
import evocnn.operators.mutation as mutation_package
from evocnn.config import Experiment
from evocnn.config.operator_names import CROSSOVERS, MUTATIONS, crossover_named, mutation_named
from evocnn.errors import ExperimentError
from evocnn.genotype import Chromosome, SearchSpace
from evocnn.operators import AddGene, DeapCrossover, DeapMutation, OnePoint, ResampleRecipe, Uniform, Weighted

Write = Callable[..., Path]

OWN = """\
from dataclasses import dataclass

def keep(parent, space, rng, share=1.0):
    return parent

def pair(mother, father, space, rng):
    return mother, father

@dataclass(frozen=True)
class Keep:
    share: float = 1.0
    def __call__(self, parent, space, rng):
        return parent

ready = Keep(0.5)
number = 3
"""


def is_of(value: object, module: ModuleType) -> bool:
    """Return whether a class is defined in a module."""
    return isinstance(value, type) and value.__module__ == module.__name__


@pytest.fixture
def folder(write: Write) -> Path:
    """Return a folder with operators in `own_operators.py`."""
    return write(OWN, "own_operators.py").parent


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_mutation_has_a_name(name: str) -> None:
    assert mutation_named(name, None) == Weighted(name, MUTATIONS[name]())


@pytest.mark.parametrize("name", CROSSOVERS)
def test_every_crossover_has_a_name(name: str) -> None:
    assert crossover_named(name, None) == Weighted(name, CROSSOVERS[name]())


def test_every_operator_of_the_package_has_its_own_name() -> None:
    morphisms = {name for name, kind in vars(morphism_module).items() if is_of(kind, morphism_module)}
    assert {kind.__name__ for kind in MUTATIONS.values()} == {*mutation_package.__all__, *morphisms}
    crossovers = {name for name, kind in vars(crossover_module).items() if is_of(kind, crossover_module)}
    assert {kind.__name__ for kind in CROSSOVERS.values()} == crossovers
    for name, kind in {**CROSSOVERS, **MUTATIONS}.items():
        assert kind.__name__ == name.replace("_", " ").title().replace(" ", "")


def test_tables_give_arguments_and_weight() -> None:
    given = {"use": "uniform", "rate": 0.3, "weight": 2}
    assert crossover_named(given, None) == Weighted("uniform", Uniform(0.3), 2.0)
    assert given == {"use": "uniform", "rate": 0.3, "weight": 2}


def test_operators_of_ones_own_by_name(folder: Path) -> None:
    function = mutation_named("own_operators:keep", folder)
    assert (function.name, function.operator.__name__) == ("own_operators:keep", "keep")
    kind = mutation_named({"use": "own_operators:Keep", "share": 0.2, "weight": 3}, folder)
    assert (kind.name, kind.operator.share, kind.weight) == ("own_operators:Keep", 0.2, 3.0)
    assert mutation_named("own_operators:ready", folder).operator.share == 0.5
    bound = mutation_named({"use": "own_operators:keep", "share": 0.2}, folder).operator
    assert isinstance(bound, partial)
    assert bound.keywords == {"share": 0.2}
    assert crossover_named("own_operators:pair", folder).operator("mother", "father", None, None) == (
        "mother",
        "father",
    )


def test_objects_stand_for_themselves() -> None:
    def keep(parent: Chromosome, space: SearchSpace, rng: np.random.Generator) -> Chromosome:
        return parent

    @dataclass(frozen=True)
    class Keep:
        def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator) -> Chromosome:
            return parent

    assert mutation_named(keep, None) == Weighted("keep", keep)
    assert mutation_named(Keep(), None) == Weighted("Keep", Keep())
    assert mutation_named({"use": Keep, "weight": 2}, None) == Weighted("Keep", Keep(), 2.0)
    assert mutation_named({"use": ResampleRecipe, "rate": 0.1}, None).operator == ResampleRecipe(0.1)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("add_gene", "add_gene"),
        (AddGene(), "add_gene"),
        (AddGene, "add_gene"),
        ("evocnn.operators:AddGene", "evocnn.operators:AddGene"),
        ("evocnn.operators.mutation.structure:AddGene", "add_gene"),  # as a run records it
        (DeapMutation(tools.mutInversion), "deap:mutInversion"),
        ("deap:mutInversion", "deap:mutInversion"),
    ],
)
def test_an_object_has_the_name_that_a_file_gives_it(value: object, name: str) -> None:
    assert mutation_named(value, None).name == name


def test_weighted_operators_pass_as_they_are(tables: dict[str, Any]) -> None:
    mine = Weighted("mine", AddGene(), 0.5)
    tables["search"]["mutation"] = [mine, "remove_gene"]
    assert Experiment.from_dict(tables).search.mutation[0] is mine


def test_deap_operators_by_name() -> None:
    assert crossover_named("deap:cxMessyOnePoint", None) == Weighted(
        "deap:cxMessyOnePoint", DeapCrossover(tools.cxMessyOnePoint)
    )
    found = mutation_named({"use": "deap:mutShuffleIndexes", "indpb": 0.2, "weight": 3}, None)
    assert found == Weighted(
        "deap:mutShuffleIndexes", DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.2}), 3.0
    )


@pytest.mark.parametrize(
    ("named", "value", "message"),
    [
        (mutation_named, "deap:mutShufleIndexes", "'mutShufleIndexes'; did you mean 'mutShuffleIndexes'?"),
        (mutation_named, "deap:mutNothingLikeIt", "but it was 'mutNothingLikeIt'; see deap.tools"),
        (mutation_named, "deap:", "must begin with 'mut' here, but it was 'deap:'"),
        (mutation_named, "deap:mutShuffleIndexes", "missing a required argument: 'indpb'"),
        (mutation_named, {"use": "deap:mutInversion", "indpb": 1}, "unexpected keyword argument 'indpb'"),
        (mutation_named, "deap:cxTwoPoint", "must begin with 'mut' here, but it was 'deap:cxTwoPoint'"),
        (crossover_named, "deap:mutInversion", "must begin with 'cx' here, but it was 'deap:mutInversion'"),
        (crossover_named, DeapMutation(tools.mutInversion), "must accept its arguments"),
        (crossover_named, AddGene(), "operator 'add_gene' must accept its arguments {}, but: too many"),
        (mutation_named, OnePoint(), "operator 'one_point' must accept its arguments {}, but: missing"),
        (mutation_named, lambda: None, "too many positional arguments; correct them"),
        (
            mutation_named,
            {"use": lambda parent, space, rng: parent, "rate": 1},
            "unexpected keyword .* 'rate'",
        ),
        (mutation_named, {"use": AddGene, "rate": 1}, "unexpected keyword argument 'rate'; correct them"),
        (
            mutation_named,
            {"use": "add_gene", "parent": 1},
            "must have arguments among .*, but one was 'parent'",
        ),
        (mutation_named, object(), "must be a function or a class, but it was <object"),
        (mutation_named, None, "must be a function or a class, but it was None"),
        (mutation_named, ["add_gene"], "must be a function or a class"),
        (mutation_named, {}, "must name it with 'use', but it was {}"),
        (mutation_named, "ad_gene", "'ad_gene'; did you mean 'add_gene'?"),
        (mutation_named, "zzzzz", "name your own as module:name, DEAP's as deap:name"),
        (crossover_named, "add_gene", r"one of \['blend_recipe', .* 'uniform'\], but it was 'add_gene'"),
        (mutation_named, {"use": "add_gene", "weight": float("inf")}, "above 0, but it was inf; leave"),
    ],
)
def test_what_breeding_could_not_call_is_refused(named: Any, value: object, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        named(value, None)


def test_what_has_no_readable_signature_is_let_through() -> None:
    assert mutation_named("builtins:max", None).operator is max


def test_a_constructor_that_refuses_its_arguments_is_told() -> None:
    class Picky:
        def __init__(self, share: float) -> None:
            self.share = share

    with pytest.raises(ExperimentError, match=re.escape("but: ") + ".*missing 1 required .*'share'; correct"):
        mutation_named(Picky, None)
