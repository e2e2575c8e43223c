"""The canonical form of each gene: the fields that have no effect go to one value, all others stay.

That the network stays the same is held in `tests/unit/phenotype/test_canonical_modules.py`.
"""

from collections.abc import Callable

import pytest

from evocnn.genotype import (
    Bottleneck,
    Choice,
    Chromosome,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    GeneAlleles,
    Head,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
)

WIDE, POINT, STRIP, FOUR = Shape(4, 6, 5), Shape(4, 1, 1), Shape(4, 1, 17), Shape(4, 4, 4)


@pytest.mark.parametrize(
    ("gene", "shape", "canonical"),
    [
        (Conv(8, 3, 9), WIDE, Conv(8, 3, 6)),
        (Conv(8, 3, 6), WIDE, Conv(8, 3, 6)),
        (Conv(8, 3, 2), POINT, Conv(8, 3)),
        (Conv(8, 3, 2), STRIP, Conv(8, 3, 2)),
        (Conv(8, 3, 9, "valid"), WIDE, Conv(8, 3, 4, "valid")),
        (Conv(8, 2, 9, "valid", dilation=3), WIDE, Conv(8, 2, 3, "valid", dilation=3)),
        (Conv(8, 1, padding="valid", dilation=2), WIDE, Conv(8, 1)),
        (Conv(8, 3, padding="valid", dilation=2), WIDE, Conv(8, 3, padding="valid", dilation=2)),
        (Conv(8, 3, groups=8), WIDE, Conv(8, 3, groups=4)),
        (Conv(9, 3, groups=2), WIDE, Conv(9, 3)),
        (Conv(8, 3, groups=2), WIDE, Conv(8, 3, groups=2)),
        (Residual(8, 3, 9), WIDE, Residual(8, 3, 6)),
        (Residual(4, 3, 2, drop_path=0.1), POINT, Residual(4, 3, drop_path=0.1)),
        (Residual(8, 3, drop_path=0.1), WIDE, Residual(8, 3, drop_path=0.1)),
        (Bottleneck(8, 3, 9, drop_path=0.1), WIDE, Bottleneck(8, 3, 6, drop_path=0.1)),
        (DepthwiseSeparable(8, 3, 9), WIDE, DepthwiseSeparable(8, 3, 6)),
        (InvertedResidual(4, stride=2, drop_path=0.1), POINT, InvertedResidual(4, drop_path=0.1)),
        (InvertedResidual(4, drop_path=0.1), WIDE, InvertedResidual(4, drop_path=0.1)),
        (InvertedResidual(8, drop_path=0.1), WIDE, InvertedResidual(8)),
        (InvertedResidual(4, stride=2, drop_path=0.1), WIDE, InvertedResidual(4, stride=2)),
        (DenseConcat(8, 5), POINT, DenseConcat(8, 5)),
        (Pool(9, "average"), FOUR, Pool(4, "average")),
        (Pool(9), STRIP, Pool(9)),
        (Pool(99), STRIP, Pool(17)),
        (Dropout(0.5), WIDE, Dropout(0.5)),
    ],
)
def test_a_gene_keeps_what_has_an_effect_alone(gene: LayerGene, shape: Shape, canonical: LayerGene) -> None:
    assert gene.canonical(shape) == canonical
    assert canonical.canonical(shape) == canonical


@pytest.mark.parametrize(
    ("gene", "source", "canonical"),
    [
        (Link(1, normalization="none"), WIDE, Link(1)),  # nothing is projected
        (Link(1, normalization="none"), STRIP, Link(1, normalization="none")),
        (Link(1, normalization="group"), Shape(3, 6, 5), Link(1, normalization="group")),
        (Link(1, drop_path=0.1), WIDE, Link(1, drop_path=0.1)),
        (Link(1, "concat", "none", 0.1), WIDE, Link(1, "concat")),
        (Link(2, "concat", "group", 0.1), Shape(3, 12, 10), Link(2, "concat")),
    ],
)
def test_a_link_keeps_what_has_an_effect_alone(gene: Link, source: Shape, canonical: Link) -> None:
    assert gene.canonical(WIDE, source) == canonical
    assert canonical.canonical(WIDE, source) == canonical


def test_a_gene_that_is_canonical_is_returned_itself() -> None:
    for gene in (Conv(8, 3), Residual(8, 3), Bottleneck(8), InvertedResidual(8), Pool()):
        assert gene.canonical(WIDE) is gene


def of(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), Recipe())


def test_a_space_simplifies_genes_by_the_shapes_that_reach_them(
    make_space: Callable[..., SearchSpace],
) -> None:
    before = of(
        Conv(4, 3, groups=8), Pool(), Link(2, "concat", "none"), Conv(8, 1, padding="valid", groups=8)
    )
    after = of(Conv(4, 3), Pool(), Link(2, "concat"), Conv(8, 1))  # of one channel, of five channels
    assert make_space(Shape(1, 8, 8)).canonical(before) == after


def test_a_space_keeps_a_gene_whose_simplest_form_its_alleles_refuse(
    make_space: Callable[..., SearchSpace],
) -> None:
    fields = {"filters": Choice((8,)), "kernel": Choice((3,)), "groups": Choice((2, 8))}
    space = make_space(Shape(1, 8, 8), layers=(GeneAlleles(Conv, fields),))
    assert space.canonical(of(Conv(8, 3, groups=8))) == of(Conv(8, 3, groups=8))
    assert space.canonical(of(Conv(8, 3), Conv(8, 3, groups=16))).layers[1] == Conv(8, 3, groups=8)


def test_a_space_averages_where_a_single_position_is_left(make_space: Callable[..., SearchSpace]) -> None:
    space = make_space(Shape(1, 8, 8))
    assert space.canonical(of(Pool(8), head=Head("flatten"))) == of(Pool(8))
    assert space.canonical(of(Pool(4), head=Head("flatten"))) == of(Pool(4), head=Head("flatten"))


def test_a_space_returns_a_canonical_chromosome_itself(make_space: Callable[..., SearchSpace]) -> None:
    space, canonical = make_space(Shape(1, 8, 8)), of(Conv(4, 3), Pool())
    assert space.canonical(canonical) is canonical
    assert space.canonical(of(Link(9), *canonical.layers)) == canonical


def test_an_activation_of_no_dense_layers_is_the_default() -> None:
    """It would be another key for the same network."""
    assert Head("gap", activation="tanh").canonical(Shape(8, 4, 4)) == Head("gap")
    assert Head("gap", (8,), activation="tanh").canonical(Shape(8, 4, 4)).activation == "tanh"
    assert Head("flatten").canonical(Shape(8, 1, 1)) == Head("gap")
