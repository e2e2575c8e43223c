"""Genes come, go, move, change their kind and their links; links go on reading what they read."""

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest

from evocnn.genotype import (
    Bottleneck,
    Choice,
    Chromosome,
    Conv,
    DepthwiseSeparable,
    Dropout,
    GeneAlleles,
    Head,
    LayerGene,
    Link,
    Pool,
    Range,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
)
from evocnn.genotype.splicing import spliced
from evocnn.operators import AddGene, DuplicateGene, MoveGene, Mutation, RemoveGene, RewireLink, SwapKind

Layers = tuple[LayerGene, ...]
LayersOf = Callable[[Mutation, Layers, SearchSpace], set[Layers]]
A, B, C, D, X = (Conv(n, 3) for n in (1, 2, 3, 4, 9))
CONV = GeneAlleles(Conv, {"filters": Choice((8, 16, 32)), "kernel": Choice((3, 5))})


@pytest.fixture(scope="module")
def linked_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    """Return a space whose links may skip any number of genes up to 12, but not 6."""
    back = Choice(tuple(n for n in range(1, 13) if n != 6))
    others = {"normalization": Choice(("batch", "group")), "drop_path": Choice((0, 0.2))}
    links = GeneAlleles(Link, {"back": back, "merge": Choice(("add", "concat")), **others})
    return make_space(layers=(CONV, links))


def test_add_gene_inserts_a_sampled_gene_at_any_locus(layers_of: LayersOf, small_space: SearchSpace) -> None:
    found = layers_of(AddGene(), (A, B), small_space)
    sampled = {Pool(), *(Conv(f, k) for f in (8, 16, 32) for k in (3, 5))}
    inserted = {(layers.index(gene), gene) for layers in found for gene in layers if gene not in (A, B)}
    assert {locus for locus, _ in inserted} == {0, 1, 2}
    assert {gene for _, gene in inserted} == sampled
    assert all(tuple(gene for gene in layers if gene in (A, B)) == (A, B) for layers in found)
    assert {len(layers) for layers in layers_of(AddGene(), (), small_space)} == {1}


def test_remove_gene_takes_any_one_but_never_the_last(layers_of: LayersOf, small_space: SearchSpace) -> None:
    assert layers_of(RemoveGene(), (A, B, C), small_space) == {(A, B), (A, C), (B, C)}
    assert layers_of(RemoveGene(), (A,), small_space) == {(A,)}


def test_duplicate_gene_repeats_any_one_in_place(layers_of: LayersOf, small_space: SearchSpace) -> None:
    assert layers_of(DuplicateGene(), (A, B), small_space) == {(A, A, B), (A, B, B)}


def test_move_gene_puts_any_one_elsewhere(layers_of: LayersOf, small_space: SearchSpace) -> None:
    assert layers_of(MoveGene(), (A, B, C), small_space) == {(B, A, C), (B, C, A), (A, C, B), (C, A, B)}
    assert layers_of(MoveGene(), (A,), small_space) == {(A,)}


def test_swap_kind_keeps_the_fields_that_both_types_have(
    layers_of: LayersOf, make_space: Callable[..., SearchSpace]
) -> None:
    residual = {"filters": Choice((16, 64)), "kernel": Choice((3, 7)), "activation": Choice(("relu", "silu"))}
    space = make_space(
        layers=(CONV, GeneAlleles(Residual, residual), GeneAlleles(Dropout, {"rate": Choice((0.1,))}))
    )
    assert layers_of(SwapKind(), (Conv(16, 3, activation="silu"),), space) == {
        (Residual(16, 3, activation="silu"),),
        (Dropout(0.1),),
    }
    found = layers_of(SwapKind(), (Conv(8, 5),), space)  # neither is permitted there, so both are drawn
    assert found == {(Residual(f, k),) for f in (16, 64) for k in (3, 7)} | {(Dropout(0.1),)}
    assert layers_of(SwapKind(), (Residual(64, 3, activation="silu"), Dropout(0.1)), space) == {
        *((Conv(f, 3), Dropout(0.1)) for f in (8, 16, 32)),  # whose activation has no alleles
        (Dropout(0.1), Dropout(0.1)),
        *((Residual(64, 3, activation="silu"), Conv(f, k)) for f in (8, 16, 32) for k in (3, 5)),
        *(
            (Residual(64, 3, activation="silu"), Residual(f, k, activation=a))
            for f in (16, 64)
            for k in (3, 7)
            for a in ("relu", "silu")
        ),
    }


def test_swap_kind_passes_over_values_that_the_new_type_refuses(
    layers_of: LayersOf, make_space: Callable[..., SearchSpace]
) -> None:
    even = {"filters": Choice((8,)), "kernel": Choice((2, 4)), "padding": Choice(("valid",))}
    odd = GeneAlleles(DepthwiseSeparable, {"filters": Choice((8, 16)), "kernel": Choice((3, 5))})
    space = make_space(layers=(GeneAlleles(Conv, even), odd))
    parent = Conv(8, 2, padding="valid")
    found = layers_of(SwapKind(), (parent,), space)
    assert found == {(DepthwiseSeparable(8, kernel),) for kernel in (3, 5)}


@pytest.mark.parametrize(("rate", "is_kept"), [(0.05, True), (0.1, True), (0.2, False), (0.0, False)])
def test_swap_kind_keeps_a_continuous_value_within_the_new_range(
    layers_of: LayersOf, make_space: Callable[..., SearchSpace], rate: float, is_kept: bool
) -> None:
    fixed = {"filters": Choice((8,)), "kernel": Choice((3,))}
    wide = GeneAlleles(Bottleneck, {**fixed, "drop_path": Range(0, 0.5)})
    narrow = GeneAlleles(Residual, {**fixed, "drop_path": Range(0.01, 0.1)})
    found = layers_of(SwapKind(), (Bottleneck(8, 3, drop_path=rate),), make_space(layers=(wide, narrow)))
    rates = {layers[0].drop_path for layers in found if isinstance(layers[0], Residual)}
    assert (rates == {rate}) == is_kept
    assert all(0.01 <= other <= 0.1 for other in rates)


def test_swap_kind_draws_the_new_type_by_weight(make_space: Callable[..., SearchSpace]) -> None:
    # Binomial, 5 standard deviations: a false alarm in fewer than 1 of 1,000,000 seeds.
    conv, drop = (
        GeneAlleles(Conv, CONV.fields, weight=50),
        GeneAlleles(Dropout, {"rate": Choice((0.1,))}, 3),
    )
    space = make_space(layers=(conv, drop, GeneAlleles(Pool, {}, weight=1)))
    rng, parent, n = np.random.default_rng(0), Chromosome((Conv(8, 3),), Head(), Recipe()), 1000
    n_dropouts = sum(SwapKind()(parent, space, rng).layers == (Dropout(0.1),) for _ in range(n))
    assert abs(n_dropouts - 0.75 * n) < 5 * sqrt(n * 0.75 * 0.25)


def test_swap_kind_needs_another_kind(layers_of: LayersOf, make_space: Callable[..., SearchSpace]) -> None:
    assert layers_of(SwapKind(), (A, B), make_space(layers=(CONV,))) == {(A, B)}


def test_rewire_link_changes_what_one_link_reads_or_how_it_merges(
    layers_of: LayersOf, linked_space: SearchSpace
) -> None:
    one = Link(2, "add", "group", 0.2)
    assert layers_of(RewireLink(), (A, B, C, one), linked_space) == {
        (A, B, C, Link(1, "add", "group", 0.2)),
        (A, B, C, Link(3, "add", "group", 0.2)),  # no further: there is nothing ahead of the images
        (A, B, C, Link(2, "concat", "group", 0.2)),
    }
    assert layers_of(RewireLink(), (A, B), linked_space) == {(A, B)}


@pytest.mark.parametrize(
    ("locus", "back"),
    [(0, 2), (1, 3), (2, 3), (3, 3), (4, 2)],  # between the source, A, and the link: 1, 2, 3
)
def test_a_link_that_spans_an_inserted_gene_reads_the_same_layer(
    linked_space: SearchSpace, locus: int, back: int
) -> None:
    parent = Chromosome((A, B, C, Link(2), D), Head(), Recipe())
    child = spliced(parent, linked_space, locus, locus, X)
    genes = [gene for gene in child.layers if gene != X]
    assert child.layers.index(X) == locus
    assert genes == [A, B, C, Link(back), D]


@pytest.mark.parametrize(
    ("locus", "layers"),
    [
        (0, (B, C, Link(2), D)),  # what it read is gone
        (1, (A, C, Link(1), D)),
        (2, (A, B, Link(1), D)),
        (4, (A, B, C, Link(2))),
    ],
)
def test_a_link_that_spans_a_removed_gene_reads_the_same_layer(
    linked_space: SearchSpace, locus: int, layers: Layers
) -> None:
    parent = Chromosome((A, B, C, Link(2), D), Head(), Recipe())
    assert spliced(parent, linked_space, locus, locus + 1).layers == layers


@pytest.mark.parametrize(
    ("layers", "locus", "genes", "expected"),
    [
        ((*[A] * 5, Link(5)), 3, (X,), (A, A, A, X, A, A, Link(5))),  # 6 is no allele
        ((A, B, Link(1)), 1, (), (A, Link(1))),  # and 0 is none of any link
    ],
)
def test_a_link_keeps_its_number_where_no_allele_reads_the_same_layer(
    linked_space: SearchSpace, layers: Layers, locus: int, genes: Layers, expected: Layers
) -> None:
    parent = Chromosome(layers, Head(), Recipe())
    assert spliced(parent, linked_space, locus, locus + (not genes), *genes).layers == expected


def test_a_copy_does_not_come_between_a_link_and_what_it_reads(
    layers_of: LayersOf, linked_space: SearchSpace
) -> None:
    assert layers_of(DuplicateGene(), (A, B, Link(1)), linked_space) == {
        (A, A, B, Link(2)),  # the first A
        (A, B, B, Link(2)),
        (A, B, Link(1), Link(1)),
    }


def sources(layers: Layers, numbers: list[int]) -> dict[int, int]:
    """Return the gene that each link reads, -1 for the images; both by number."""
    return {
        numbers[locus]: [-1, *numbers][locus - gene.back]
        for locus, gene in enumerate(layers)
        if isinstance(gene, Link)
    }


def test_links_read_the_same_layers_whatever_comes_or_goes(make_space: Callable[..., SearchSpace]) -> None:
    space = make_space(layers=(CONV, GeneAlleles(Link, {"back": Choice(tuple(range(1, 13)))})))
    rng = np.random.default_rng(5)
    n_lost = 0
    for _ in range(200):
        backs = {int(n): int(rng.integers(1, n + 1)) for n in rng.choice(range(1, 10), 4, replace=False)}
        layers = tuple(Link(backs[n]) if n in backs else A for n in range(10))
        parent, locus = Chromosome(layers, Head(), Recipe()), int(rng.integers(10))
        before = sources(layers, list(range(10)))

        child = spliced(parent, space, locus, locus, X).layers
        assert sources(child, [*range(locus), -2, *range(locus, 10)]) == before

        child = spliced(parent, space, locus, locus + 1).layers
        after = sources(child, [n for n in range(10) if n != locus])
        for link, source in after.items():
            is_lost = before[link] == locus or (locus == link - 1 and backs[link] == 1)
            assert is_lost or source == before[link]
            n_lost += is_lost
        assert set(after) == set(before) - {locus}
    assert 50 < n_lost < 300


def test_a_gene_that_is_inert_where_it_is_inserted_moves_no_link(
    make_space: Callable[..., SearchSpace],
) -> None:
    """A pool at 1x1 goes in repair, so a link behind it must keep its number."""
    space = make_space(Shape(8, 1, 1))
    parent = space.repair(space.parse("conv8k1 · conv8k3 · conv8k1 · link2 | gap | sgd lr=.05")).genome
    child = spliced(parent, space, 2, 2, Pool())
    assert child.layers[-1] == parent.layers[-1]
    assert space.repair(child).genome.layers == parent.layers
