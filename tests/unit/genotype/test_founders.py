"""Founders: the informed prior's properties, the uniform prior, given founders, own gene types."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

from evocnn.errors import SpaceError
from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    Counts,
    Dropout,
    GeneAlleles,
    Head,
    LayerGene,
    Limits,
    Link,
    Pool,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
    number,
)
from evocnn.genotype.founders import LEAST_SIDE, WIDENING

MakeSpace = Callable[..., SearchSpace]
N_DRAWS = 300
CONV = GeneAlleles(Conv, {"filters": Choice((8, 16, 24, 32, 48, 64)), "kernel": Choice((3,))})
STRIDED = GeneAlleles(
    Conv, {"filters": Choice((8, 16, 24, 32, 48, 64)), "kernel": Choice((3,)), "stride": Choice((1, 2))}
)
RESIDUAL = GeneAlleles(Residual, {"filters": Choice((8, 32, 64)), "kernel": Choice((3,))})
POOL = GeneAlleles(Pool, {})
DROPOUT = GeneAlleles(Dropout, {"rate": Choice((0.1,))})
LINK = GeneAlleles(Link, {"back": Choice((1, 2))})
MIXED = (CONV, RESIDUAL, POOL, DROPOUT, LINK)


@dataclass(frozen=True, slots=True)
class Blur(LayerGene):
    """A gene of one's own without a width, as large after as before."""

    size: int = number("k", default=3, low=1)

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(activations=shape.size, operations=1)


@dataclass(frozen=True, slots=True)
class Halve(LayerGene):
    """A pool of one's own."""

    code: ClassVar[str] = "halve"

    def output(self, shape: Shape) -> Shape | None:
        if min(shape.height, shape.width) < 2:
            return None
        return Shape(shape.channels, shape.height // 2, shape.width // 2)

    def counts(self, shape: Shape) -> Counts:
        return Counts(activations=shape.size // 4, operations=1)


def roomy(make_space: MakeSpace, *layers: GeneAlleles[LayerGene], **changes: object) -> SearchSpace:
    """Return a space for 28x28 images, of founders with up to 12 genes, in which nothing needs repair."""
    settings = {"layers": layers, "founder_depth": (3, 12), "limits": Limits(depth=40), **changes}
    return make_space(**settings)


def draws(space: SearchSpace, n: int = N_DRAWS) -> list[Chromosome]:
    rng = np.random.default_rng(11)
    return [space.draw(rng) for _ in range(n)]


def widths(chromosome: Chromosome) -> list[int]:
    return [gene.filters for gene in chromosome.layers if isinstance(gene, Conv | Residual)]


def halvings(chromosome: Chromosome, shape: Shape) -> list[tuple[int, int, int]]:
    """Return after how many wide genes, counted from the last halving, and from which side each came.

    The third number is the side after it.
    """
    found = []
    n_wide, before = 0, shape
    for gene, _, after in chromosome.trace(shape):
        n_wide += isinstance(gene, Conv | Residual)
        if after[1:] != before[1:]:
            found.append((n_wide, max(before[1:]), max(after[1:])))
            n_wide = 0
        before = after
    return found


def longest_wait(chromosome: Chromosome, shape: Shape) -> int:
    """Return the most wide genes in a row at one resolution that could still be halved."""
    longest = n_wide = 0
    before = shape
    for gene, _, after in chromosome.trace(shape):
        if after[1:] != before[1:]:
            n_wide = 0  # a strided gene is counted before it halves
        elif isinstance(gene, Conv | Residual) and max(after[1:]) >= LEAST_SIDE:
            n_wide += 1
        longest, before = max(longest, n_wide), after
    return longest


def falls(values: list[int]) -> bool:
    return any(b < a for a, b in pairwise(values))


def breaks_practice(chromosome: Chromosome, shape: Shape) -> set[str]:
    """Return which of the informed prior's rules a chromosome breaks."""
    kinds = [type(gene) for gene in chromosome.layers]
    first = next((i for i, kind in enumerate(kinds) if kind in (Conv, Residual)), len(kinds))
    broken = {
        "no width first": first != 0,
        "early pool": Pool in kinds[:first],
        "falling width": falls(widths(chromosome)),
        "late halving": longest_wait(chromosome, shape) > 2,
        "hasty halving": any(n not in (1, 2) for n, _, _ in halvings(chromosome, shape)),
        "small halving": any(side < LEAST_SIDE for _, side, _ in halvings(chromosome, shape)),
    }
    return {rule for rule, is_broken in broken.items() if is_broken}


@pytest.mark.parametrize(
    "layers",
    [(CONV, POOL), MIXED, (STRIDED, POOL), (STRIDED,), (STRIDED, RESIDUAL), (STRIDED, DROPOUT, LINK)],
    ids=["plain", "mixed", "strides and pools", "strides", "one type strides", "strides and no widths"],
)
def test_informed_founders_follow_practice(
    make_space: MakeSpace, layers: tuple[GeneAlleles[LayerGene], ...]
) -> None:
    space = roomy(make_space, *layers)
    found = draws(space)
    assert set().union(*(breaks_practice(chromosome, space.input_shape) for chromosome in found)) == set()
    waits = {n for chromosome in found for n, _, _ in halvings(chromosome, space.input_shape)}
    assert waits == {1, 2}  # both occur
    sides = {side for chromosome in found for _, _, side in halvings(chromosome, space.input_shape)}
    assert min(sides) < LEAST_SIDE  # and they go on until the image is small


def test_uniform_founders_break_every_rule_of_practice_at_times(make_space: MakeSpace) -> None:
    space = roomy(make_space, *MIXED, founder_prior="uniform")
    broken = [breaks_practice(chromosome, space.input_shape) for chromosome in draws(space)]
    assert set().union(*broken) == {
        "no width first",
        "early pool",
        "falling width",
        "late halving",
        "hasty halving",
        "small halving",
    }


def test_the_first_width_is_in_the_lowest_third(make_space: MakeSpace) -> None:
    space = roomy(make_space, CONV, POOL)
    values = CONV.fields["filters"].values  # type: ignore[union-attr]
    first = {widths(chromosome)[0] for chromosome in draws(space)}
    assert first == {v for i, v in enumerate(values) if i / len(values) < WIDENING} == {8, 16}


def test_widths_grow_where_resolution_is_halved_and_nowhere_else(make_space: MakeSpace) -> None:
    space = roomy(make_space, CONV, POOL)
    n_growths = 0
    for chromosome in draws(space):
        resolution, last = space.input_shape[1:], 0
        for gene, inputs, _ in chromosome.trace(space.input_shape):
            if not isinstance(gene, Conv):
                continue
            if inputs[0][1:] == resolution and last:
                assert gene.filters == last
            else:
                n_growths += gene.filters > last > 0
            resolution, last = inputs[0][1:], gene.filters
    # A level rises by 1/6 on average and 6 widths are 1/6 apart, so about two in three halvings widen.
    assert n_growths > N_DRAWS / 2


def test_a_type_whose_alleles_end_below_the_last_width_takes_its_largest(make_space: MakeSpace) -> None:
    narrow = GeneAlleles(Residual, {"filters": Choice((2, 4)), "kernel": Choice((3,))})
    space = roomy(make_space, CONV, narrow, POOL)
    after_conv = {
        b.filters
        for chromosome in draws(space)
        for a, b in zip(chromosome.layers, chromosome.layers[1:], strict=False)
        if isinstance(a, Conv) and isinstance(b, Residual)
    }
    assert after_conv == {4}


def test_other_widths_than_the_last_are_met_by_the_next_larger(make_space: MakeSpace) -> None:
    sparse = GeneAlleles(Residual, {"filters": Choice((8, 32, 128)), "kernel": Choice((3,))})
    space = roomy(make_space, CONV, sparse, POOL)
    pairs = {
        (a.filters, b.filters)
        for chromosome in draws(space)
        for a, b in zip(chromosome.layers, chromosome.layers[1:], strict=False)
        if isinstance(a, Conv) and isinstance(b, Residual)
    }
    assert {b for a, b in pairs if a == 16} == {32}
    assert {b for a, b in pairs if a == 64} == {128}


@pytest.mark.parametrize("prior", ["informed", "uniform"])
def test_a_draw_has_a_depth_within_the_founders_bounds(make_space: MakeSpace, prior: str) -> None:
    space = roomy(make_space, *MIXED, founder_prior=prior, founder_depth=(2, 5))
    assert {len(chromosome.layers) for chromosome in draws(space)} == {2, 3, 4, 5}


@pytest.mark.parametrize("prior", ["informed", "uniform"])
def test_a_draw_follows_from_the_stream_alone(make_space: MakeSpace, prior: str) -> None:
    space = roomy(make_space, *MIXED, founder_prior=prior)
    assert draws(space, 20) == draws(space, 20)
    assert len({chromosome.key for chromosome in draws(space, 20)}) == 20


def test_the_priors_draw_differently_from_the_same_stream(make_space: MakeSpace) -> None:
    informed, uniform = (roomy(make_space, *MIXED, founder_prior=p) for p in ("informed", "uniform"))
    assert draws(informed, 10) != draws(uniform, 10)


def test_an_unknown_prior_is_refused(make_space: MakeSpace) -> None:
    message = r"founder_prior must be one of \('informed', 'uniform'\), but it was 'wise'; choose one"
    with pytest.raises(SpaceError, match=message):
        make_space(founder_prior="wise")


@pytest.mark.parametrize("prior", ["informed", "uniform"])
def test_every_field_of_a_draw_is_an_allele(make_space: MakeSpace, prior: str) -> None:
    space = roomy(make_space, STRIDED, RESIDUAL, POOL, LINK, founder_prior=prior)
    for chromosome in draws(space, 100):
        alleles = [space.alleles_of(gene) for gene in chromosome.layers]
        assert all(a and a.permits(g) for a, g in zip(alleles, chromosome.layers, strict=True))
        assert space.head.permits(chromosome.head)


def test_heads_and_recipes_of_informed_founders_are_drawn_alike(make_space: MakeSpace) -> None:
    space = roomy(make_space, CONV, POOL)
    heads = [chromosome.head for chromosome in draws(space)]
    # Binomial with 1/2: 5 standard deviations of 300 draws are 43, a false alarm in 2 million seeds.
    assert sum(head.pooling == "gap" for head in heads) == pytest.approx(150, abs=43)
    assert len({chromosome.recipe for chromosome in draws(space)}) == N_DRAWS


def test_pools_alone_can_found_networks(make_space: MakeSpace) -> None:
    space = roomy(make_space, POOL, founder_depth=(1, 3))
    assert {type(gene) for chromosome in draws(space, 50) for gene in chromosome.layers} == {Pool}


def test_without_pools_and_strides_widths_grow_all_the_same(make_space: MakeSpace) -> None:
    space = roomy(make_space, CONV, founder_depth=(8, 8))
    for chromosome in draws(space, 100):
        assert not falls(widths(chromosome))
        assert widths(chromosome)[-1] > widths(chromosome)[0]


def test_a_stride_that_is_the_only_one_is_kept(make_space: MakeSpace) -> None:
    always = GeneAlleles(Conv, {"filters": Choice((8, 16)), "kernel": Choice((3,)), "stride": Choice((2,))})
    space = roomy(make_space, always)
    assert {gene.stride for c in draws(space, 50) for gene in c.layers} == {2}  # type: ignore[attr-defined]


def test_of_several_strides_the_smallest_above_one_halves(make_space: MakeSpace) -> None:
    fields = {**STRIDED.fields, "stride": Choice((1, 2, 4))}
    space = roomy(make_space, GeneAlleles(Conv, fields))
    assert {gene.stride for c in draws(space, 50) for gene in c.layers} == {1, 2}  # type: ignore[attr-defined]


def test_own_genes_without_a_width_put_no_halving_off(make_space: MakeSpace) -> None:
    space = roomy(make_space, CONV, POOL, GeneAlleles(Blur, {"size": Choice((3, 5))}, weight=3))
    found = draws(space)
    assert any(isinstance(gene, Blur) for chromosome in found for gene in chromosome.layers)
    assert all(breaks_practice(chromosome, space.input_shape) == set() for chromosome in found)


def test_an_own_gene_that_makes_images_smaller_for_nothing_is_a_pool(make_space: MakeSpace) -> None:
    space = roomy(make_space, CONV, GeneAlleles(Halve, {}))
    for chromosome in draws(space, 100):
        kinds = [type(gene) for gene in chromosome.layers]
        assert kinds[0] is Conv
        assert (Halve, Halve) not in pairwise(kinds)
    assert any(Halve in map(type, chromosome.layers) for chromosome in draws(space, 100))


def test_a_space_of_own_genes_alone_founds_networks(make_space: MakeSpace) -> None:
    space = roomy(make_space, GeneAlleles(Blur, {"size": Choice((3, 5))}))
    assert {type(gene) for chromosome in draws(space, 20) for gene in chromosome.layers} == {Blur}


@pytest.mark.parametrize(
    "shape", [Shape(1, 1, 1), Shape(3, 1, 17), Shape(1, 100, 100)], ids=["point", "strip", "large"]
)
def test_images_of_any_shape_have_founders(make_space: MakeSpace, shape: Shape) -> None:
    space = roomy(make_space, *MIXED, input_shape=shape)
    for chromosome in draws(space, 50):
        assert len(chromosome.layers) >= 3
        assert space.repair(chromosome).genome.layers == chromosome.canonical(shape).layers


def test_a_strip_is_halved_along_its_length(make_space: MakeSpace) -> None:
    shape = Shape(1, 1, 17)
    space = roomy(make_space, CONV, POOL, input_shape=shape)
    sides = {side for chromosome in draws(space) for _, side, _ in halvings(chromosome, shape)}
    assert sides == {17, 8, 4}


def test_given_founders_must_have_gene_types_of_the_space(make_space: MakeSpace) -> None:
    founder = Chromosome((Conv(8, 3), Residual(8, 3)), Head(), Recipe())
    message = (
        r"genes of given chromosomes must be among \['conv', 'pool'\], but one was 'res8k3' \(residual\); "
        "add its type to the space's layers"
    )
    with pytest.raises(SpaceError, match=message):
        roomy(make_space, CONV, POOL, founders=(founder,))
    space = roomy(make_space, CONV, POOL, RESIDUAL, founders=(founder,))
    assert space.founders == (founder,)


def test_values_of_given_founders_need_not_be_alleles(make_space: MakeSpace) -> None:
    founder = Chromosome((Conv(7, 9, activation="tanh"),), Head(units=(5,)), Recipe(learning_rate=0.7))
    space = roomy(make_space, CONV, POOL, founders=(founder,))
    assert space.repair(founder) == (founder, {})
