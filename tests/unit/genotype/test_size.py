"""The number of networks in a space: the bound by hand, the estimate against counting one by one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import inf, log10

import numpy as np
import pytest

from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    Held,
    Limits,
    Link,
    Pool,
    Range,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.genotype.layers import ACTIVATIONS, NORMALIZATIONS
from evocnn.genotype.size import (
    SpaceSize,
    _first_body,
    _grown,
    count_genes,
    count_values,
    draw_uniformly,
    estimate_architectures,
    size_of,
    value_at,
)

MakeSpace = Callable[..., SearchSpace]
SHAPE = Shape(2, 6, 6)
CONV = GeneAlleles(
    Conv,
    {"filters": Choice((2, 4)), "kernel": Choice((3,)), "stride": Choice((1, 2)), "groups": Choice((1, 2))},
    weight=7,
)
LAYERS = (
    CONV,
    GeneAlleles(Pool, {"size": Choice((2, 3))}),
    GeneAlleles(Link, {"back": Choice((1, 2))}),
)
HEAD = GeneAlleles(Head, {"pooling": Choice(("gap", "flatten")), "dropout": Choice((0.0,))})
RECIPE = GeneAlleles(
    Recipe, {"learning_rate": Range(0.01, 0.1, log=True), "batch_size": Choice((32, 64, 128))}
)
LIMITS = Limits(parameters=250, flops=8_000, depth=3)
RANGES = [
    Range(0.003, 0.3, log=True),
    Range(1, 2),
    Range(0.99, 1.01),
    Range(0.1231, 0.1234),
    Range(0.1231, 0.1239),
    Range(0.1237, 0.1304, log=True),
    Range(-0.5, -0.4567),
    Range(123.4, 2345),
]


@pytest.fixture
def small(make_space: MakeSpace) -> SearchSpace:
    """Return a space of 12 layer genes that limits, inert genes and canonical forms thin out."""
    return make_space(SHAPE, layers=LAYERS, head=HEAD, recipe=RECIPE, limits=LIMITS, founder_depth=(1, 3))


def every_gene(alleles: GeneAlleles[Conv]) -> Iterator[Conv]:
    """Yield every gene that the alleles form."""
    for values in product(*(own.values for own in alleles.fields.values() if isinstance(own, Choice))):
        yield alleles.gene(**dict(zip(alleles.fields, values, strict=True)))


def n_kept(space: SearchSpace) -> int:
    """Return how many architectures repair leaves as they are, by trying every one."""
    genes = [gene for alleles in space.layers for gene in every_gene(alleles)]
    heads = [space.held.head] if space.held.head else [*every_gene(space.head)]
    bodies = (
        [space.held.layers]
        if space.held.layers is not None
        else [body for depth in range(space.limits.depth + 1) for body in product(genes, repeat=depth)]
    )
    recipe = space.held.recipe or space.recipe.smallest()
    every = (Chromosome(body, head, recipe) for body in bodies for head in heads)
    return sum(space.repair(chromosome).genome == chromosome for chromosome in every)


@pytest.mark.parametrize("alleles", RANGES, ids=str)
def test_a_range_holds_the_values_that_it_rounds_to(alleles: Range) -> None:
    found = sorted({float(alleles.at(position)) for position in np.linspace(0, 1, 20_001)})
    assert [value_at(alleles, index) for index in range(count_values(alleles))] == found


@pytest.mark.parametrize(
    ("alleles", "n"),
    [
        (Range(0.003, 0.3, log=True), 1801),  # 900 a decade, and the last
        (Range(1, 2), 101),
        (Range(0.1231, 0.1234), 1),  # both round to .123
        (Choice((3, 1, 3)), 2),
        (Choice(("relu",)), 1),
    ],
)
def test_values_are_counted(alleles: Choice | Range, n: int) -> None:
    assert count_values(alleles) == n


def test_a_range_around_zero_holds_what_a_draw_can_reach() -> None:
    for alleles, low in ((Range(0, 0.5), 0), (Range(-0.5, 0.5), -0.5)):
        n = count_values(alleles)
        values = [value_at(alleles, index) for index in range(0, n, 7)]
        assert values == sorted(set(values))
        assert (value_at(alleles, 0), value_at(alleles, n - 1)) == (low, 0.5)
    assert value_at(Range(0, 0.5), 1) == pytest.approx(0.5 * 2**-53, rel=0.01)
    assert count_values(Range(-0.5, 0.5)) == 2 * count_values(Range(0, 0.5)) - 1


def test_the_bound_is_a_sum_over_depths(small: SearchSpace) -> None:
    size = size_of(small)
    assert size == SpaceSize(n_genes=8 + 2 + 2, depth=3, n_heads=2, n_recipes=901 * 3)
    assert size.n_architectures == (1 + 12 + 12**2 + 12**3) * 2
    assert size.n_networks == size.n_architectures * 2703


def test_a_held_segment_counts_once(make_space: MakeSpace) -> None:
    held = Held((Conv(4, 3), Pool()), Head("flatten"), Recipe("sgd", 0.05))
    size = size_of(make_space(SHAPE, layers=LAYERS, head=HEAD, recipe=RECIPE, held=held))
    assert size.n_architectures == size.n_networks == 1
    size = size_of(make_space(SHAPE, layers=LAYERS, head=HEAD, recipe=RECIPE, held=Held(held.layers)))
    assert (size.n_architectures, size.n_networks) == (2, 2 * 2703)


def test_each_gene_is_equally_likely() -> None:
    n_draws, n_genes = 8000, count_genes(CONV)
    rng = np.random.default_rng(1)
    drawn = [draw_uniformly(CONV, rng) for _ in range(n_draws)]
    counts = [drawn.count(gene) for gene in every_gene(CONV)]
    assert sum(counts) == n_draws
    error = np.sqrt(n_draws / n_genes)  # 5 of it: by chance once in 100,000 seeds
    assert max(abs(count - n_draws / n_genes) for count in counts) < 5 * error


def test_the_estimate_is_what_counting_gives(small: SearchSpace) -> None:
    estimates = [estimate_architectures(small, np.random.default_rng(seed), 300) for seed in range(8)]
    n = n_kept(small)
    assert 300 < n < size_of(small).n_architectures / 2
    values = np.array([10**estimate.log10 for estimate in estimates])
    stated = np.array([estimate.relative_error for estimate in estimates]) * values
    error = np.sqrt(np.mean(stated**2) / len(values))
    assert error < 0.05 * n
    assert abs(values.mean() - n) < 5 * error  # by chance once in a million seeds
    assert 0.4 < stated.mean() / values.std(ddof=1) < 2.5  # the error that is stated is the error


def test_a_body_grows_as_a_chromosome_is_traced(make_space: MakeSpace) -> None:
    space = make_space(SHAPE, layers=LAYERS, head=HEAD, recipe=RECIPE)
    layers = (Conv(4, 3), Pool(), Link(2), Conv(2, 3), Link(1), Link(3, merge="concat"), Conv(4, 3, stride=2))
    rng = np.random.default_rng(0)
    body = _first_body(space, rng)
    for n, gene in enumerate(layers, start=1):
        grown = _grown(body, gene, space)
        assert grown == _first_body(replace(space, held=Held(layers[:n])), rng)
        assert grown
        body = grown
    for changed in (
        Link(8),
        Conv(4, 9, padding="valid"),
        Pool(3),
    ):  # before the start, too large, like Pool(2)
        assert _grown(body, changed, space) is None


@pytest.mark.parametrize(
    "held",
    [
        Held((Conv(4, 3), Pool(), Link(1))),
        Held(head=Head("flatten")),
        Held((Conv(4, 3), Pool()), Head("gap"), Recipe("adam", 0.05)),
    ],
    ids=["layers", "head", "all"],
)
def test_held_segments_are_estimated_as_they_are(make_space: MakeSpace, held: Held) -> None:
    space = make_space(
        SHAPE, layers=LAYERS, head=HEAD, recipe=RECIPE, limits=LIMITS, founder_depth=(1, 3), held=held
    )
    estimate = estimate_architectures(space, np.random.default_rng(0), 500)
    n = n_kept(space)
    assert abs(10**estimate.log10 - n) <= max(5 * estimate.relative_error * n, 1e-9 * n)


def test_where_nothing_is_lost_the_estimate_is_the_bound(make_space: MakeSpace) -> None:
    layers = (GeneAlleles(Conv, {"filters": Choice((2, 4)), "kernel": Choice((1, 3, 5))}),)
    space = make_space(Shape(1, 8, 8), layers=layers, head=HEAD, limits=Limits(depth=5), founder_depth=(1, 2))
    estimate = estimate_architectures(space, np.random.default_rng(0), 20)
    assert estimate.log10 == pytest.approx(log10(size_of(space).n_architectures))
    assert estimate.relative_error == pytest.approx(0, abs=1e-12)


def test_a_space_beyond_floats_is_counted(make_space: MakeSpace) -> None:
    words = {"activation": Choice(ACTIVATIONS), "normalization": Choice(NORMALIZATIONS)}
    fields = {"filters": Choice(tuple(range(1, 41))), "kernel": Choice((1, 3, 5)), **words}
    layers = (GeneAlleles(Conv, fields),)
    limits = Limits(parameters=20_000, depth=96)
    space = make_space(Shape(1, 8, 8), layers=layers, head=HEAD, limits=limits)
    bound = log10(size_of(space).n_architectures)
    assert bound == pytest.approx(96 * log10(1800) + log10(2 * 1800 / 1799))
    assert bound > 308
    estimate = estimate_architectures(space, np.random.default_rng(0), 50)
    assert 10 < estimate.log10 < bound - 100
    space = make_space(Shape(1, 8, 8), layers=layers, head=HEAD, limits=Limits(depth=96))
    assert estimate_architectures(space, np.random.default_rng(0), 10).log10 == pytest.approx(bound)


def test_no_survivor_is_told_as_such(make_space: MakeSpace) -> None:
    layers = (GeneAlleles(Conv, {"filters": Choice((1000,)), "kernel": Choice((9,))}),)
    head = GeneAlleles(Head, {"units": Choice(((), *((n,) for n in range(500, 600))))})
    space = make_space(layers=layers, head=head, limits=Limits(parameters=100, depth=3), founder_depth=(1, 1))
    assert size_of(space).n_architectures == 101 * 4
    estimate = estimate_architectures(
        space, np.random.default_rng(1), 50
    )  # one of eleven seeds finds the one
    assert estimate == (-inf, 0.0, 10)


def test_the_estimate_follows_from_the_stream_alone(small: SearchSpace) -> None:
    first, second, third = (estimate_architectures(small, np.random.default_rng(s), 50) for s in (3, 3, 4))
    assert first == second != third
