from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from evocnn.genotype import Chromosome, Conv, Dropout, Head, Pool, Recipe, SearchSpace
from evocnn.operators import OnePoint, Uniform


class Rigged:
    """A random stream whose draws are given; all must be drawn."""

    def __init__(self, *draws: Any) -> None:
        self.draws = list(draws)

    def random(self, size: int | None = None) -> Any:
        return self.draws.pop(0) if size is None else np.array([self.draws.pop(0) for _ in range(size)])


A, B, C, D, E, F = (Conv(n, 3) for n in (1, 2, 3, 4, 5, 6))
MOTHER = Chromosome((A, B, C, D), Head("gap", (8,), 0.1), Recipe("sgd", 0.1, 0.0, 32))
FATHER = Chromosome((E, F), Head("flatten", (16,), 0.2), Recipe("adam", 0.2, 0.5, 64))


@pytest.fixture
def any_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    return make_space()


@pytest.mark.parametrize(
    ("place", "daughter", "son"),
    [
        (0.0, (E, F), (A, B, C, D)),
        (0.3, (A, F), (E, B, C, D)),
        (0.5, (A, B, F), (E, C, D)),
        (0.9, (A, B, C, D), (E, F)),
    ],
)
def test_one_point_cuts_both_at_the_same_relative_place(
    any_space: SearchSpace, place: float, daughter: tuple[Conv, ...], son: tuple[Conv, ...]
) -> None:
    rng = Rigged(place, 0.9, 0.9)
    offspring = OnePoint()(MOTHER, FATHER, any_space, rng)  # type: ignore[arg-type]
    assert [child.layers for child in offspring] == [daughter, son]
    assert not rng.draws


@pytest.mark.parametrize(("head", "recipe"), [(0.49, 0.5), (0.5, 0.49), (0.1, 0.1), (0.9, 0.9)])
def test_one_point_exchanges_head_and_recipe_whole(
    any_space: SearchSpace, head: float, recipe: float
) -> None:
    daughter, son = OnePoint()(MOTHER, FATHER, any_space, Rigged(0.5, head, recipe))  # type: ignore[arg-type]
    assert (daughter.head, son.head) == (
        (FATHER.head, MOTHER.head) if head < 0.5 else (MOTHER.head, FATHER.head)
    )
    assert (daughter.recipe, son.recipe) == (
        (FATHER.recipe, MOTHER.recipe) if recipe < 0.5 else (MOTHER.recipe, FATHER.recipe)
    )


def test_uniform_exchanges_locus_by_locus_and_field_by_field(any_space: SearchSpace) -> None:
    yes, no = 0.29, 0.3
    others = len(fields(Recipe)) - 4  # the fields that mother and father have in common
    rng = Rigged(no, yes, *(yes, no, no, no), *(no, yes, no, yes, *[no] * others))
    daughter, son = Uniform(0.3)(MOTHER, FATHER, any_space, rng)  # type: ignore[arg-type]
    assert daughter == Chromosome((A, F, C, D), Head("flatten", (8,), 0.1), Recipe("sgd", 0.2, 0.0, 64))
    assert son == Chromosome((E, B), Head("gap", (16,), 0.2), Recipe("adam", 0.1, 0.5, 32))
    assert not rng.draws


def test_uniform_at_the_ends_of_its_rate(any_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    assert Uniform(0.0)(MOTHER, FATHER, any_space, rng) == (MOTHER, FATHER)
    daughter, son = Uniform(1.0)(MOTHER, FATHER, any_space, rng)
    assert (daughter.layers, son.layers) == ((E, F, C, D), (A, B))
    assert (daughter.head, daughter.recipe) == (FATHER.head, FATHER.recipe)
    assert (son.head, son.recipe) == (MOTHER.head, MOTHER.recipe)


@pytest.mark.parametrize("crossover", [OnePoint(), Uniform(), Uniform(0.1)])
def test_a_crossover_neither_makes_nor_loses_anything(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], crossover: Any
) -> None:
    rng = np.random.default_rng(1)
    parents = random_chromosomes(space, 100)
    mixed = 0
    for mother, father in zip(parents[::2], parents[1::2], strict=True):
        daughter, son = crossover(mother, father, space, rng)
        assert Counter(daughter.layers + son.layers) == Counter(mother.layers + father.layers)
        for part in ("head", "recipe"):
            pairs = [[getattr(c, part) for c in pair] for pair in ((mother, father), (daughter, son))]
            for f in fields(pairs[0][0]):
                before, after = (Counter(getattr(gene, f.name) for gene in pair) for pair in pairs)
                assert before == after
        mixed += daughter.layers not in (mother.layers, father.layers)
    assert mixed > 5


def test_a_chromosome_without_layers_can_be_a_parent(any_space: SearchSpace) -> None:
    empty = Chromosome((), Head(), Recipe())
    for crossover in (OnePoint(), Uniform()):
        for seed in range(10):
            daughter, son = crossover(empty, MOTHER, any_space, np.random.default_rng(seed))
            assert Counter(daughter.layers + son.layers) == Counter(MOTHER.layers)


def test_uniform_keeps_the_depth_of_either_parent(any_space: SearchSpace) -> None:
    long = Chromosome((A, Pool(), B, Dropout(0.5), C), Head(), Recipe())
    for seed in range(10):
        daughter, son = Uniform()(long, FATHER, any_space, np.random.default_rng(seed))
        assert (len(daughter.layers), len(son.layers)) == (5, 2)
        assert daughter.layers[2:] == long.layers[2:]
