"""Operators that keep every rule pass; each rule has an operator that breaks it alone and is refused."""

import itertools
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from deap import tools
from torch import nn

from evocnn.config.operator_names import CROSSOVERS, MUTATIONS
from evocnn.errors import ConformanceError
from evocnn.genotype import (
    LAYERS,
    Choice,
    Chromosome,
    Conv,
    Counts,
    GeneAlleles,
    Head,
    LayerGene,
    Pool,
    PretrainedLayers,
    Recipe,
    SearchSpace,
    Shape,
    backbone_type,
    number,
    parse_layers,
)
from evocnn.operators import AddGene, AlterHead, DeapCrossover, DeapMutation, OnePoint, RemoveGene, Widen
from evocnn.phenotype import layer_module
from evocnn.testing import check_crossover, check_mutation, example_space

Rng = np.random.Generator
N = 24


@pytest.mark.parametrize("name", CROSSOVERS)
def test_a_crossover_of_the_package_conforms(name: str) -> None:
    check_crossover(CROSSOVERS[name](), n=N)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_of_the_package_conforms(name: str) -> None:
    check_mutation(MUTATIONS[name](), n=N, space=space_on_backbone() if name == "alter_backbone" else None)


def space_on_backbone() -> SearchSpace:
    """Return a space whose networks begin with a pretrained one."""
    gene = backbone_type(
        PretrainedLayers(parse_layers("conv4k3 · pool · conv8k3 · conv8k3", LAYERS), channels=3)
    )
    fields = {"cut": Choice((1, 2, 3, 4)), "trained": Choice((0, 1, 2))}
    return replace(example_space(), backbone=GeneAlleles(gene, fields))


def test_operators_of_deap_conform_through_the_adapter() -> None:
    check_crossover(DeapCrossover(tools.cxTwoPoint), n=N)
    check_crossover(DeapCrossover(tools.cxMessyOnePoint), n=N)
    check_mutation(DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.3}), n=N)


def test_functions_partials_and_other_spaces_conform(make_space: Callable[..., SearchSpace]) -> None:
    check_mutation(halve, n=N)
    check_mutation(partial(keep_some, rate=0.5), n=N)
    check_crossover(exchange_heads, make_space(Shape(1, 1, 17), recipe=example_space().recipe), n=N)


def test_parents_are_of_no_one_and_more_layers_than_a_space_permits() -> None:
    check_mutation(record, n=N)
    depths = {len(parent.layers) for parent in SEEN}
    assert {0, 1, 13} <= depths
    assert len(depths) > 5
    SEEN.clear()
    check_crossover(record_pair, n=N)
    pairs = set(zip(SEEN[::2], SEEN[1::2], strict=True))
    depths_of_pairs = {(len(mother.layers), len(father.layers)) for mother, father in pairs}
    assert {(0, 0), (1, 0), (0, 1), (13, 0)} <= depths_of_pairs
    assert any(mother is father for mother, father in pairs)


def test_random_states_are_put_back_and_the_seed_chooses_the_parents() -> None:
    states = random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002
    drawn = []
    for seed in (0, 0, 1):
        SEEN.clear()
        check_mutation(record, n=10, seed=seed)
        drawn.append(list(SEEN))
    assert drawn[0] == drawn[1] != drawn[2]
    assert states == (
        random.getstate(),
        pickle.dumps(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    )


def test_the_error_names_rule_value_parents_and_way_out() -> None:
    expected = (
        r"^mutation 'give_nothing' must return chromosomes, but it was None from '.* \| .* \| .*'; make one "
        r"with dataclasses.replace$"
    )
    with pytest.raises(ConformanceError, match=expected):
        check_mutation(give_nothing)


# --- operators that keep every rule ----------------------------------------------------------------

SEEN: list[Chromosome] = []


def record(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    SEEN.append(parent)
    return AddGene()(parent, space, rng)


def record_pair(
    mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng
) -> tuple[Chromosome, Chromosome]:
    SEEN.extend([mother, father])
    return OnePoint()(mother, father, space, rng)


def halve(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, layers=parent.layers[::2])


def keep_some(parent: Chromosome, space: SearchSpace, rng: Rng, *, rate: float) -> Chromosome:
    return replace(parent, layers=tuple(gene for gene in parent.layers if rng.random() < rate))


def exchange_heads(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return replace(mother, head=father.head), replace(father, head=mother.head)


# --- mutations that break a rule -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alien(LayerGene):
    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts()


def give_nothing(parent: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return None


def give_a_pair(parent: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return parent, parent


def give_a_list(parent: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return replace(parent, layers=[*parent.layers])  # type: ignore[arg-type]


def add_an_alien(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, layers=(*parent.layers, Alien()))


def add_a_text(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, layers=(*parent.layers, "pool"))  # type: ignore[arg-type]


def behead(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, head=None)  # type: ignore[arg-type]


def shorten_the_parent(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    child = replace(parent, layers=parent.layers[1:])
    object.__setattr__(parent, "layers", parent.layers[1:])
    return child


def narrow_the_space(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    space.head.fields.pop("activation", None)  # type: ignore[attr-defined]
    return halve(parent, space, rng)


def draw_from_python(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return halve(parent, space, rng) if random.random() < 0.5 else parent


def draw_from_numpy(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return halve(parent, space, rng) if np.random.random() < 0.5 else parent  # noqa: NPY002


def draw_from_torch(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return halve(parent, space, rng) if torch.rand(()) < 0.5 else parent


def look_at_python(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, layers=parent.layers[: sum(random.getstate()[1]) % 7])


def draw_from_elsewhere(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, recipe=parent.recipe.having(weight_decay=np.random.default_rng().random()))


def count_calls(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, layers=parent.layers[: next(_COUNTER) % 3])


_COUNTER = itertools.count()


def need_a_layer(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent, layers=(parent.layers[0], *parent.layers))


def need_two_layers(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    locus = int(rng.integers(len(parent.layers) - 1)) if parent.layers else 0
    return replace(parent, layers=parent.layers[locus:])


def need_few_layers(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    if len(parent.layers) > space.limits.depth:
        message = "too deep"
        raise RuntimeError(message)
    return halve(parent, space, rng)


def force_a_value(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    gene = Conv(4, 3)
    object.__setattr__(gene, "filters", -4)
    return replace(parent, layers=(*parent.layers, gene))


def do_nothing(parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
    return replace(parent)


class Plain:
    def __call__(self, parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
        return halve(parent, space, rng)


@dataclass(frozen=True)
class Applied:
    function: Any = halve

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: Rng) -> Chromosome:
        return self.function(parent, space, rng)


@dataclass(frozen=True)
class Unpicklable(Applied):
    def __reduce__(self) -> Any:
        message = "no"
        raise TypeError(message)


@dataclass(frozen=True)
class Reset(Applied):
    def __reduce__(self) -> Any:
        return (Reset, ())


MUTANTS: list[tuple[Any, str]] = [
    (3, "'int' must be a function or a frozen callable, but it was 3; hand over an instance"),
    (
        AddGene,
        "must be a function or a frozen callable, but it was <class .*AddGene'>; hand over an instance",
    ),
    (lambda parent, space, rng: parent, "must have a name that prints without an address, but it was <func"),
    (Plain(), "'Plain' must have a name that prints without an address, but it was <.*Plain object"),
    (Applied(lambda parent, *_: parent), "must have a name that prints without an address"),
    (partial(Plain()), "must have a name that prints without an address"),
    (Unpicklable(), "must pickle, but it was TypeError: no; define it at the top of a module"),
    (Reset(keep_none := partial(keep_some, rate=0.0)), r"must breed the same after pickling, but it was no"),
    (give_nothing, "must return chromosomes, but it was None"),
    (give_a_pair, r"must return chromosomes, but it was \(Chromosome"),
    (give_a_list, "must return chromosomes whose layers are a tuple, but it was layers of type list"),
    (add_an_alien, r"must return genes of the space's types, but it was Alien\(\) .*; take genes of conv, "),
    (add_a_text, "must return genes of the space's types, but it was 'pool'"),
    (behead, "must return chromosomes with a Head and a Recipe, but it was None and Recipe"),
    (shorten_the_parent, "must leave its parents as they are, but it was no layers .* from 'link3"),
    (narrow_the_space, "must leave the space as it is, but it was changed; read the space"),
    (draw_from_python, "must draw from rng alone, but it was drawn from Python's random from '"),
    (draw_from_numpy, "must draw from rng alone, but it was drawn from numpy.random from '"),
    (draw_from_torch, "must draw from rng alone, but it was drawn from torch's random state from '"),
    (look_at_python, "must breed the same from the same rng state, but it was .*, then .*; draw from rng"),
    (draw_from_elsewhere, "must breed the same from the same rng state"),
    (count_calls, "must breed the same from the same rng state, .* and keep nothing between calls"),
    (need_a_layer, "must return offspring of any parents, but it was IndexError: .* from 'no layers"),
    (need_two_layers, "must return offspring of any parents, but it was ValueError: "),
    (need_few_layers, "must return offspring of any parents, but it was RuntimeError: too deep, raised"),
    (force_a_value, "must breed what can be written down and repaired, but it was GeneError: Conv.filters"),
    (do_nothing, "must change something, but it was without effect on 100 draws of parents; let it return"),
]


@pytest.mark.parametrize(("mutation", "rule"), MUTANTS, ids=lambda part: getattr(part, "__name__", ""))
def test_a_mutation_that_breaks_a_rule_is_refused(mutation: Any, rule: str) -> None:
    with pytest.raises(ConformanceError, match=rule):
        check_mutation(mutation)


# --- crossovers that break a rule ------------------------------------------------------------------


def give_one(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return OnePoint()(mother, father, space, rng)[0]


def give_a_list_of_two(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return list(OnePoint()(mother, father, space, rng))


def give_three(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return mother, father, mother


def exchange_all(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return father, mother


def change_the_father(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    pair = OnePoint()(mother, father, space, rng)
    object.__setattr__(father, "recipe", Recipe(learning_rate=0.5))
    return pair


def alien_son(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return mother, add_an_alien(father, space, rng)


def need_layers(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    return exchange_heads(mother, replace(father, layers=(father.layers[-1], *father.layers)), space, rng)


def need_two(mother: Chromosome, father: Chromosome, space: SearchSpace, rng: Rng) -> Any:
    if mother is father:
        message = "one parent"
        raise ValueError(message)
    return OnePoint()(mother, father, space, rng)


MIXTURES: list[tuple[Any, str]] = [
    (give_one, r"crossover 'give_one' must return a pair of chromosomes, but it was Chromosome"),
    (give_a_list_of_two, r"must return a pair of chromosomes, but it was \[Chromosome.*; return \(daughter"),
    (give_three, r"must return a pair of chromosomes, but it was \(Chromosome"),
    (exchange_all, "must mix its parents, but it was without effect on 100 draws of parents"),
    (
        change_the_father,
        "must leave its parents as they are, but it was .*lr=.5 from '.*' and '.*'; make offspring",
    ),
    (alien_son, r"must return genes of the space's types, but it was Alien\(\) from '.*' and '.*'"),
    (need_layers, "must return offspring of any parents, but it was IndexError"),
    (need_two, "must return offspring of any parents, but it was ValueError: one parent, raised"),
]


@pytest.mark.parametrize(("crossover", "rule"), MIXTURES, ids=lambda part: getattr(part, "__name__", ""))
def test_a_crossover_that_breaks_a_rule_is_refused(crossover: Any, rule: str) -> None:
    with pytest.raises(ConformanceError, match=rule):
        check_crossover(crossover)


# --- offspring that do not decode, for which a space must hold a gene that is broken itself --------


@dataclass(frozen=True, slots=True)
class Odd(LayerGene):
    """A gene that is broken in one of several ways; the operator is right."""

    times: int = number("", default=1, low=1)

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(activations=shape.size)

    def module(self, shape: Shape) -> nn.Module:
        return layer_module(Pool(), shape)


@dataclass(frozen=True, slots=True)
class Forgetful(Odd):
    def to_json(self) -> Any:
        return {"times": 1}


@dataclass(frozen=True, slots=True)
class Growing(Odd):
    def canonical(self, shape: Shape) -> "Growing":
        return self.having(times=3 - self.times)


@dataclass(frozen=True, slots=True)
class Sinking(Odd):
    """Its module gives other shapes than `output` says."""


@dataclass(frozen=True, slots=True)
class Infinite(Odd):
    def module(self, shape: Shape) -> nn.Module:
        return Division()


class Division(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 0


@pytest.mark.parametrize(
    ("gene", "rule"),
    [
        (Forgetful, r"must breed what its JSON and text forms give back, but it was Chromosome.*times=2"),
        (Growing, "must breed what repair leaves as it is once repaired, but it was growing"),
        (
            Sinking,
            "must breed what builds and trains with finite loss, but it was sinking.*RuntimeError: mat",
        ),
        (
            Infinite,
            "must breed what builds and trains with finite loss, but it was .*the training loss was nan",
        ),
    ],
)
def test_offspring_that_do_not_decode_are_refused(gene: type[LayerGene], rule: str) -> None:
    base = example_space()
    alleles = GeneAlleles(gene, {"times": Choice((1, 2))})
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",))})
    space = SearchSpace(base.input_shape, base.n_classes, (alleles,), head, base.recipe)
    with pytest.raises(ConformanceError, match=rule):
        check_mutation(AddGene(), space)


def test_an_operator_that_finds_nothing_to_do_in_a_space_is_refused_there() -> None:
    base = example_space()
    pools = GeneAlleles(Pool, {})
    space = SearchSpace(base.input_shape, base.n_classes, (pools,), GeneAlleles(Head, {}), base.recipe)
    check_mutation(RemoveGene(), space, n=N)
    for mutation in (Widen(), AlterHead()):
        with pytest.raises(
            ConformanceError, match=r"must change something, .* or hand over a space in which"
        ):
            check_mutation(mutation, space, n=N)
