"""One field of one gene moves to a neighbouring allele."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    DepthwiseSeparable,
    Dropout,
    GeneAlleles,
    LayerGene,
    Link,
    Pool,
    Residual,
    SearchSpace,
)
from evocnn.genotype.gene import Gene
from evocnn.operators import (
    AlterActivation,
    AlterGene,
    AlterHead,
    AlterKernel,
    AlterRecipe,
    AlterStride,
    Mutation,
    Narrow,
    Widen,
)

Layers = tuple[LayerGene, ...]
LayersOf = Callable[[Mutation, Layers, SearchSpace], set[Layers]]


def differing(one: Gene, other: Gene) -> list[str]:
    return [f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)]


def test_alter_gene_moves_one_field_of_any_gene_with_a_choice(
    layers_of: LayersOf, small_space: SearchSpace
) -> None:
    assert layers_of(AlterGene(), (Conv(16, 3), Pool(), Conv(8, 5)), small_space) == {
        (Conv(8, 3), Pool(), Conv(8, 5)),
        (Conv(32, 3), Pool(), Conv(8, 5)),
        (Conv(16, 5), Pool(), Conv(8, 5)),
        (Conv(16, 3), Pool(), Conv(16, 5)),
        (Conv(16, 3), Pool(), Conv(8, 3)),
    }


def test_alter_gene_leaves_what_has_no_choice(layers_of: LayersOf, small_space: SearchSpace) -> None:
    for fixed in (
        (Pool(),),
        (DepthwiseSeparable(8, 3), Pool()),
    ):  # the first of the last is none of the space's
        assert layers_of(AlterGene(), fixed, small_space) == {fixed}


def test_a_given_founder_may_hold_what_does_not_go_with_an_allele(
    layers_of: LayersOf, make_space: Callable[..., SearchSpace]
) -> None:
    alleles = {"filters": Choice((8,)), "kernel": Choice((3, 5)), "padding": Choice(("same", "valid"))}
    space = make_space(layers=(GeneAlleles(Conv, alleles),))
    even = Conv(8, 4, padding="valid")  # with same padding a kernel is odd
    assert layers_of(AlterGene(), (even,), space) == {
        (even,),
        (Conv(8, 3, padding="valid"),),
        (Conv(8, 5, padding="valid"),),
    }


@pytest.mark.parametrize(
    ("mutation", "names"),
    [
        (AlterKernel(), {"kernel", "dilation", "groups"}),
        (AlterStride(), {"stride", "padding", "size", "kind"}),
        (AlterActivation(), {"activation", "normalization"}),
        (
            AlterGene(),
            {
                *("filters", "kernel", "dilation", "groups", "stride", "padding", "size", "kind", "rate"),
                *("activation", "normalization", "reduction", "expansion", "squeeze", "drop_path"),
                *("back", "merge"),
            },
        ),
        (Widen(), {"filters"}),
        (Narrow(), {"filters"}),
        (AlterHead(), {"pooling", "units", "dropout", "activation"}),
        (
            AlterRecipe(),
            {
                *("optimizer", "learning_rate", "weight_decay", "batch_size", "schedule", "smoothing"),
                *(
                    "initialization",
                    "clip",
                    "average",
                    "flip",
                    "shift",
                    "rotate",
                    "elastic",
                    "noise",
                    "cutout",
                    "mixup",
                ),
                "brightness",
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_alteration_changes_one_field_of_one_gene_and_reaches_all_of_its_kind(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
    mutation: Mutation,
    names: set[str],
) -> None:
    space, rng = make_space(), np.random.default_rng(2)
    found = set()
    for parent in random_chromosomes(space, 600):
        child = mutation(parent, space, rng)
        genes = zip(
            [*parent.layers, parent.head, parent.recipe],
            [*child.layers, child.head, child.recipe],
            strict=True,
        )
        changes = [name for before, after in genes for name in differing(before, after)]
        assert len(changes) <= 1
        found |= set(changes)
        assert all(alleles_of(space, gene).permits(gene) for gene in child.layers)
        if not changes and isinstance(mutation, AlterGene):  # then nothing could have been
            assert not any(set(alleles_of(space, gene).free) & names for gene in parent.layers)
    assert found == names


def alleles_of(space: SearchSpace, gene: LayerGene) -> GeneAlleles[Any]:
    alleles = space.alleles_of(gene)
    assert alleles
    return alleles


@pytest.mark.parametrize(
    ("mutation", "layers", "expected"),
    [
        (Widen(), (Conv(8, 3), Pool(), Conv(32, 5)), {(Conv(16, 3), Pool(), Conv(32, 5))}),
        (Narrow(), (Conv(8, 3), Pool(), Conv(32, 5)), {(Conv(8, 3), Pool(), Conv(16, 5))}),
        (Widen(), (Conv(16, 3), Conv(12, 3)), {(Conv(32, 3), Conv(12, 3)), (Conv(16, 3), Conv(16, 3))}),
        (Narrow(), (Conv(16, 3), Conv(12, 3)), {(Conv(8, 3), Conv(12, 3)), (Conv(16, 3), Conv(8, 3))}),
        (Widen(), (Conv(32, 3), Pool()), {(Conv(32, 3), Pool())}),
        (Narrow(), (Conv(8, 3), Pool()), {(Conv(8, 3), Pool())}),
    ],
)
def test_a_width_goes_to_the_next_allele_where_there_is_one(
    layers_of: LayersOf, small_space: SearchSpace, mutation: Mutation, layers: Layers, expected: set[Layers]
) -> None:
    assert layers_of(mutation, layers, small_space) == expected


@pytest.mark.parametrize(
    ("mutation", "layers", "expected"),
    [
        (AlterKernel(), (Dropout(0.5), Link(1), Residual(8, 1)), {(Dropout(0.5), Link(1), Residual(8, 3))}),
        (AlterStride(), (Residual(8, 3),), {(Residual(8, 3, 2),)}),
        (
            AlterStride(),
            (Dropout(0.5), Pool(2)),
            {(Dropout(0.5), Pool(3)), (Dropout(0.5), Pool(2, "average"))},
        ),
        (AlterStride(), (Dropout(0.5), Link(1)), {(Dropout(0.5), Link(1))}),
        (AlterActivation(), (Pool(), Dropout(0.5)), {(Pool(), Dropout(0.5))}),
        (
            AlterActivation(),
            (Link(2),),
            {(Link(2, normalization="group"),), (Link(2, normalization="none"),)},
        ),
    ],
)
def test_an_alteration_finds_the_genes_that_have_such_a_field(
    layers_of: LayersOf,
    make_space: Callable[..., SearchSpace],
    mutation: Mutation,
    layers: Layers,
    expected: set[Layers],
) -> None:
    assert layers_of(mutation, layers, make_space()) == expected
