"""A small space, and everything that a mutation makes of a parent."""

from collections.abc import Callable

import numpy as np
import pytest

from evocnn.genotype import Choice, Chromosome, Conv, GeneAlleles, Head, LayerGene, Pool, Recipe, SearchSpace
from evocnn.operators import Mutation


def _offspring(mutation: Mutation, parent: Chromosome, space: SearchSpace) -> list[Chromosome]:
    return [mutation(parent, space, np.random.default_rng(seed)) for seed in range(100)]


def _layers_of(
    mutation: Mutation, layers: tuple[LayerGene, ...], space: SearchSpace
) -> set[tuple[LayerGene, ...]]:
    parent = Chromosome(layers, Head(), Recipe())
    children = _offspring(mutation, parent, space)
    assert {(child.head, child.recipe) for child in children} == {(parent.head, parent.recipe)}
    return {child.layers for child in children}


@pytest.fixture
def small_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    """Return a space with few alleles."""
    conv = GeneAlleles(Conv, {"filters": Choice((8, 16, 32)), "kernel": Choice((3, 5))})
    head = GeneAlleles(Head, {"units": Choice(((), (8,), (16,))), "dropout": Choice((0, 0.5))})
    recipe = GeneAlleles(
        Recipe, {"optimizer": Choice(("sgd", "adam", "adamw")), "batch_size": Choice((32, 64))}
    )
    return make_space(layers=(conv, GeneAlleles(Pool, {})), head=head, recipe=recipe)


@pytest.fixture(scope="session")
def offspring() -> Callable[[Mutation, Chromosome, SearchSpace], list[Chromosome]]:
    """Return a function that gives 100 offspring of a parent."""
    return _offspring


@pytest.fixture(scope="session")
def layers_of() -> Callable[[Mutation, tuple[LayerGene, ...], SearchSpace], set[tuple[LayerGene, ...]]]:
    """Return a function that gives all different layers of 100 offspring; the rest must be kept."""
    return _layers_of
