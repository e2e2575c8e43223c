"""Chromosomes from named decisions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from evocnn.genotype import (
    Alleles,
    Choice,
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    Held,
    Limits,
    Pool,
    Range,
    Recipe,
    SearchSpace,
)
from evocnn.genotype.compose import answers

MakeSpace = Callable[..., SearchSpace]
CONV = GeneAlleles(Conv, {"filters": Choice((4, 8)), "kernel": Choice((3,)), "activation": Choice(("silu",))})
POOL = GeneAlleles(Pool, {"kind": Choice(("max", "average"))})
RATE = Range(0.001, 0.1, log=True)


class Answers:
    """Answers decisions from a script, and by the first allele elsewhere; keeps what it was asked."""

    def __init__(self, **script: Any) -> None:
        self.script = script
        self.asked: dict[str, Alleles] = {}

    def __call__(self, name: str, alleles: Alleles) -> Any:
        assert name not in self.asked, "a decision is asked once"
        self.asked[name] = alleles
        first = alleles.values[0] if isinstance(alleles, Choice) else alleles.low
        return self.script.get(name, first)


def small(make_space: MakeSpace, **changes: Any) -> SearchSpace:
    settings: dict[str, Any] = {
        "layers": (CONV, POOL),
        "head": GeneAlleles(Head, {"dropout": Choice((0, 0.5))}),
        "recipe": GeneAlleles(Recipe, {"learning_rate": RATE, "batch_size": Choice((32,))}),
        "founder_depth": (1, 2),
        "limits": Limits(depth=3),
    }
    return make_space(**{**settings, **changes})


def test_decisions_are_asked_by_name_and_make_the_chromosome(make_space: MakeSpace) -> None:
    answers = Answers(
        **{"depth": 2, "layers.0.conv.filters": 8, "layers.1.kind": "pool", "layers.1.pool.kind": "average"},
        **{"head.dropout": 0.5, "recipe.learning_rate": 0.02},
    )
    space = small(make_space)
    assert space.compose(answers) == Chromosome(
        (Conv(8, 3, activation="silu"), Pool(kind="average")),
        Head(dropout=0.5),
        Recipe(learning_rate=0.02, batch_size=32),
    )
    assert answers.asked == {
        "depth": Choice((1, 2, 3)),  # from the shallowest founder to the limit
        "layers.0.kind": Choice(("conv", "pool")),
        "layers.0.conv.filters": Choice((4, 8)),
        "layers.1.kind": Choice(("conv", "pool")),
        "layers.1.pool.kind": Choice(("max", "average")),
        "head.dropout": Choice((0, 0.5)),
        "recipe.learning_rate": RATE,
    }


def test_a_space_of_one_gene_type_asks_for_no_kind(make_space: MakeSpace) -> None:
    answers = Answers(depth=2)
    small(make_space, layers=(CONV,)).compose(answers)
    assert [name for name in answers.asked if name.startswith("layers")] == [
        "layers.0.conv.filters",
        "layers.1.conv.filters",
    ]


def test_nothing_is_asked_of_what_is_held(make_space: MakeSpace) -> None:
    held = Held((Conv(8, 3, activation="silu"),), Head(dropout=0.5), None)
    answers = Answers()
    chromosome = small(make_space, held=held).compose(answers)
    assert (chromosome.layers, chromosome.head) == (held.layers, held.head)
    assert list(answers.asked) == ["recipe.learning_rate"]
    nothing = Answers()
    small(make_space, held=Held(None, None, Recipe(batch_size=16))).compose(nothing)
    assert not any(name.startswith("recipe") for name in nothing.asked)


def test_a_chromosome_answers_as_it_was_decided(space: SearchSpace) -> None:
    rng = np.random.default_rng(4)
    for _ in range(30):
        chromosome = space.compose(lambda name, alleles: alleles.sample(rng))
        assert space.compose(answers(chromosome)) == chromosome


def test_where_alleles_lack_a_value_the_nearest_is_answered(make_space: MakeSpace) -> None:
    given = Chromosome(
        (Conv(7, 5), Pool(kind="average"), Conv(5, 3), Conv(5, 3)), Head(dropout=0.1), Recipe("adam", 0.5)
    )
    found = small(make_space).compose(answers(given))
    assert found.layers == (
        Conv(8, 3, activation="silu"),
        Pool(kind="average"),
        Conv(4, 3, activation="silu"),
    )
    assert (found.head.dropout, found.recipe.learning_rate) == (0, 0.1)


def test_layers_that_a_chromosome_lacks_are_the_first_of_their_alleles(make_space: MakeSpace) -> None:
    space = small(make_space, founder_depth=(2, 2))
    given = Chromosome((Pool(kind="average"),), Head(), Recipe("sgd", 0.01))
    assert space.compose(answers(given)).layers == (Pool(kind="average"), Conv(4, 3, activation="silu"))


def test_random_decisions_give_chromosomes_of_the_space(space: SearchSpace) -> None:
    rng = np.random.default_rng(4)
    kinds, depths = set(), set()
    for _ in range(60):
        chromosome = space.compose(lambda name, alleles: alleles.sample(rng))
        for gene in chromosome.layers:
            own = space.alleles_of(gene)
            assert own is not None
            assert own.permits(gene)
        assert space.head.permits(chromosome.head)
        assert space.recipe.permits(chromosome.recipe)
        space.repair(chromosome).genome.counts(space.input_shape, space.n_classes)
        kinds |= {type(gene) for gene in chromosome.layers}
        depths.add(len(chromosome.layers))
    assert kinds == set(space.genes)
    assert depths == set(range(space.founder_depth[0], space.limits.depth + 1))
