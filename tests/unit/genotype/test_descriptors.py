"""Chromosomes as numbers for a regression."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite, log

import pytest

from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    Pool,
    Range,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.genotype.descriptors import descriptors

SPACE = SearchSpace(
    Shape(1, 8, 6),
    10,
    (
        GeneAlleles(
            Conv,
            {
                "filters": Choice((4, 8, 32)),
                "kernel": Choice((3,)),
                "activation": Choice(("relu", "silu", "tanh")),
            },
        ),
        GeneAlleles(Pool, {}),
    ),
    GeneAlleles(Head, {"units": Choice(((), (16,), (32, 16)))}),
    GeneAlleles(Recipe, {"learning_rate": Range(0.001, 0.1, log=True)}),
)
CHROMOSOME = Chromosome(
    (Conv(8, 3), Conv(32, 3, activation="tanh"), Pool()), Head(units=(16,)), Recipe(learning_rate=0.01)
)


def test_a_chromosome_in_numbers() -> None:
    counts = [log(1 + count) for count in CHROMOSOME.counts(Shape(1, 8, 6), 10)]
    shape = [3, log(32), log(4 * 3)]
    convolutions = [2, (1 + 2) / 2, 1, 0, 1]  # how many, mean place of filters, how many of each word
    pools, head, recipe = [1], [1], [0.5]
    assert [*descriptors(CHROMOSOME, SPACE).values()] == pytest.approx(
        [*counts, *shape, *convolutions, *pools, *head, *recipe]
    )


def test_numbers_are_named_by_what_they_are() -> None:
    assert list(descriptors(CHROMOSOME, SPACE)) == [
        *("log parameters", "log flops", "log activations", "log operations"),
        *("depth", "log channels", "log positions"),
        *("conv", "conv.filters", "conv.activation=relu", "conv.activation=silu", "conv.activation=tanh"),
        *("pool", "head.units", "recipe.learning_rate"),
    ]


def test_what_is_not_there_is_zero() -> None:
    bare = replace(CHROMOSOME, layers=())
    assert [*descriptors(bare, SPACE).values()][4:13] == pytest.approx([0, log(1), log(48), 0, 0, 0, 0, 0, 0])


def test_a_value_beside_the_alleles_counts_as_the_nearest() -> None:
    given = replace(CHROMOSOME, head=Head(units=(14,)), recipe=Recipe(learning_rate=5.0))
    assert [*descriptors(given, SPACE).values()][-2:] == [1, 1]


def test_all_chromosomes_of_a_space_have_as_many_finite_numbers(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    described = [descriptors(space.repair(one).genome, space) for one in random_chromosomes(space, 30)]
    assert len({tuple(numbers) for numbers in described}) == 1  # the same names in the same order
    assert all(isfinite(number) for numbers in described for number in numbers.values())
    assert len({tuple(numbers.values()) for numbers in described}) > 20
