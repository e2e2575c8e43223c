"""Repair: the least change that meets the limits."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

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
)

MakeSpace = Callable[..., SearchSpace]
SHAPE = Shape(1, 16, 16)
LAYERS = (
    GeneAlleles(Conv, {"filters": Choice((8, 16, 32, 64)), "kernel": Choice((3,))}),
    GeneAlleles(Pool, {}),
    GeneAlleles(Dropout, {"rate": Choice((0.1, 0.5))}),
)
UNITS = Choice(((), (16,), (48, 16), (128,)))
HEAD = GeneAlleles(Head, {"pooling": Choice(("gap", "flatten")), "units": UNITS})


def of(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), Recipe("adam", 0.01))


def counts(chromosome: Chromosome) -> Counts:
    return chromosome.counts(SHAPE, 10)


def test_what_fits_is_left_unchanged(make_space: MakeSpace) -> None:
    space = make_space(SHAPE, layers=LAYERS, head=HEAD, limits=Limits(100_000, 10_000_000, depth=6))
    fitting = of(Conv(64, 3), Pool(), Conv(8, 3), Conv(48, 5, activation="gelu"), head=Head("flatten", (7,)))
    assert space.repair(fitting).genome == fitting  # its values need not even be alleles


def test_limits_themselves_are_permitted(make_space: MakeSpace) -> None:
    exact = of(Conv(64, 3), Conv(64, 3))
    limits = Limits(*counts(exact)[:3], depth=2)
    space = make_space(SHAPE, layers=LAYERS, head=HEAD, limits=limits, founder_depth=(1, 2))
    assert space.repair(exact).genome == exact


@pytest.mark.parametrize(
    ("found", "excess"),
    [
        (Counts(100, 1000, 10), 1.0),
        (Counts(50, 100, 1), 0.5),
        (Counts(201, 2000, 20), (2.01, "parameters")),
        (Counts(200, 2001, 20), (2.001, "flops")),
        (Counts(200, 2000, 21), (2.1, "activations")),
    ],
)
def test_the_count_that_exceeds_its_limit_the_most_is_named(found: Counts, excess: object) -> None:
    worst = Limits(parameters=100, flops=1000, activations=10).excess(found)
    assert (worst if isinstance(excess, tuple) else worst[0]) == excess
    assert Limits().excess(found)[0] == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (of(Conv(32, 3), Conv(64, 3), Conv(32, 3)), of(Conv(32, 3), Conv(32, 3), Conv(32, 3))),
        (of(Conv(32, 3), Conv(32, 3), Conv(8, 3)), of(Conv(16, 3), Conv(32, 3), Conv(8, 3))),
        (of(Conv(16, 3), Conv(32, 3), Conv(8, 3)), of(Conv(16, 3), Conv(16, 3), Conv(8, 3))),
        (of(Conv(50, 3), Conv(32, 3)), of(Conv(32, 3), Conv(32, 3))),
        (of(Conv(64, 3), head=Head(units=(128,))), of(Conv(64, 3), head=Head(units=(48, 16)))),
        (of(Conv(64, 3), head=Head(units=(48, 16))), of(Conv(32, 3), head=Head(units=(48, 16)))),
        (of(Conv(32, 3), head=Head(units=(48, 16))), of(Conv(32, 3), head=Head(units=(16,)))),
        (of(Conv(16, 3), head=Head(units=(16,))), of(Conv(8, 3), head=Head(units=(16,)))),
        (of(Conv(8, 3), head=Head(units=(16,))), of(Conv(8, 3), head=Head(units=()))),
    ],
)
@pytest.mark.parametrize("measure", ["parameters", "flops", "activations"])
def test_the_widest_gene_shrinks_first_and_by_one_allele(
    make_space: MakeSpace, before: Chromosome, after: Chromosome, measure: str
) -> None:
    limits = Limits(**{measure: getattr(counts(after), measure)})
    assert getattr(counts(before), measure) > getattr(limits, measure)
    space = make_space(SHAPE, layers=LAYERS, head=HEAD, limits=limits)
    assert space.repair(before).genome == after


def test_genes_beyond_the_depth_limit_go_from_the_end_once_inert_ones_are_gone(make_space: MakeSpace) -> None:
    space = make_space(SHAPE, layers=LAYERS, limits=Limits(depth=3), founder_depth=(1, 3))
    deep = of(Dropout(0), Conv(8, 3), Pool(), Conv(8, 17, padding="valid"), Conv(16, 3), Conv(32, 3), Pool())
    assert space.repair(deep).genome == of(Conv(8, 3), Pool(), Conv(16, 3))


def test_flattening_becomes_global_pooling_where_no_width_would_do(make_space: MakeSpace) -> None:
    """Pooled first, and only then narrowed as far as need be."""
    space = make_space(SHAPE, layers=LAYERS, head=HEAD, limits=Limits(parameters=1000))
    wide = of(Conv(32, 3), head=Head("flatten", (16,), 0.3))
    assert space.repair(wide).genome == of(Conv(16, 3), head=Head("gap", (16,), 0.3))
    assert space.repair(wide).changes == {"pooled": 1, "narrowed": 1}


def test_a_layer_goes_where_flattening_must_stay(make_space: MakeSpace) -> None:
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",))})
    space = make_space(SHAPE, layers=LAYERS, head=head, limits=Limits(parameters=3000))
    fitting = of(Conv(8, 3), Pool(), Conv(8, 3), Pool(), Conv(8, 3), head=Head("flatten"))
    assert space.repair(fitting).genome == fitting
    wide = of(Conv(8, 3), Conv(8, 3), Pool(), Dropout(0.5), head=Head("flatten"))
    assert space.repair(wide).genome == of(Pool(), Dropout(0.5), head=Head("flatten"))  # one, then the other


def test_the_layer_with_the_largest_share_goes(make_space: MakeSpace) -> None:
    narrow = (GeneAlleles(Conv, {"filters": Choice((8,)), "kernel": Choice((3, 5))}), *LAYERS[1:])
    space = make_space(SHAPE, layers=narrow, limits=Limits(parameters=1000))
    large = of(Conv(8, 3), Conv(8, 5), Pool(), Conv(8, 3))
    assert space.repair(large).genome == of(Conv(8, 3), Pool(), Conv(8, 3))
    # by FLOPs it is another: the second, ahead of the pool
    space = make_space(SHAPE, layers=narrow, limits=Limits(flops=200_000))
    large = of(Conv(8, 3), Conv(8, 3), Pool(), Pool(), Conv(8, 5))
    assert space.repair(large).genome == of(Conv(8, 3), Pool(), Pool(), Conv(8, 5))


def test_a_gene_that_is_none_of_the_spaces_goes_where_it_does_not_fit(make_space: MakeSpace) -> None:
    space = make_space(SHAPE, layers=LAYERS, limits=Limits(parameters=2000))
    assert space.repair(of(Residual(64, 3), Conv(8, 3))).genome == of(Conv(8, 3))


def test_what_cannot_be_made_to_fit_becomes_the_smallest_with_its_own_recipe(make_space: MakeSpace) -> None:
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",))})
    space = make_space(SHAPE, layers=LAYERS, head=head, limits=Limits(parameters=30))
    for hopeless in (of(Conv(8, 3), head=Head("flatten")), of(head=Head("flatten"))):
        assert space.repair(hopeless).genome == replace(space.smallest, recipe=hopeless.recipe)


def test_repair_is_idempotent_deterministic_and_keeps_the_limits(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    chromosomes = random_chromosomes(space, 150, seed=1)
    repaired = [space.repair(chromosome).genome for chromosome in chromosomes]
    assert [space.repair(chromosome).genome for chromosome in chromosomes] == repaired
    for before, after in zip(chromosomes, repaired, strict=True):
        assert space.repair(after) == (after, {})
        assert space.limits.excess(after.counts(space.input_shape, space.n_classes))[0] <= 1
        assert len(after.layers) <= space.limits.depth
        assert after.canonical(space.input_shape) == after
        assert after.recipe == before.recipe
    assert sum(b != a for b, a in zip(chromosomes, repaired, strict=True)) > 20


def test_repair_keeps_the_tightest_limits_too(
    space: SearchSpace, make_space: MakeSpace, random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    least = space.smallest.counts(space.input_shape, space.n_classes)
    tight = make_space(space.input_shape, limits=Limits(*least[:3], depth=6))
    for chromosome in random_chromosomes(space, 30, seed=2):
        repaired = tight.repair(chromosome).genome
        assert tight.limits.excess(repaired.counts(tight.input_shape, tight.n_classes))[0] <= 1
        assert tight.repair(repaired) == (repaired, {})


def test_each_step_of_a_repair_makes_one_gene(make_space: MakeSpace) -> None:
    made = []

    @dataclass(frozen=True, slots=True)
    class Counted(Conv):
        def check(self) -> None:
            made.append(self)

    alleles = GeneAlleles(Counted, {"filters": Choice(tuple(range(8, 88, 8))), "kernel": Choice((3,))})
    space = make_space(SHAPE, layers=(alleles,), limits=Limits(parameters=30_000))
    large = of(*[Counted(80, 3)] * 12)
    made.clear()
    repaired = space.repair(large).genome
    assert {gene.filters for gene in repaired.layers} == {16, 24}  # type: ignore[attr-defined]
    n_steps = sum((80 - gene.filters) // 8 for gene in repaired.layers)  # type: ignore[attr-defined]
    assert len(made) == n_steps  # deep networks with many alleles take seconds otherwise


@pytest.mark.parametrize(
    ("before", "limits", "changes"),
    [
        (of(Conv(8, 3)), Limits(), {}),
        (of(Dropout(0), Conv(8, 3), Dropout(0)), Limits(), {"inert": 2}),
        (of(*[Conv(8, 3)] * 5), Limits(depth=3), {"deep": 2}),
        (of(Conv(8, 3, 99)), Limits(), {}),  # stride has no alleles, so it stays
        (of(Pool(16), head=Head("flatten")), Limits(), {"simplified": 1}),
        (of(Conv(64, 3)), Limits(parameters=500), {"narrowed": 2}),
        (of(Conv(8, 3), head=Head("flatten")), Limits(parameters=300), {"pooled": 1}),
        (of(Conv(8, 3), Conv(8, 3), Conv(8, 3)), Limits(parameters=800), {"removed": 1}),
        (
            of(Dropout(0), Conv(64, 3), Conv(8, 3)),
            Limits(parameters=300),
            {"inert": 1, "narrowed": 3, "removed": 1},
        ),
    ],
)
def test_repair_tells_what_it_changed(
    make_space: MakeSpace, before: Chromosome, limits: Limits, changes: dict[str, int]
) -> None:
    space = make_space(SHAPE, layers=LAYERS, head=HEAD, limits=limits, founder_depth=(1, 2))
    assert space.repair(before).changes == changes


def test_repair_tells_that_only_the_smallest_was_left(make_space: MakeSpace) -> None:
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",))})
    space = make_space(SHAPE, layers=LAYERS, head=head, limits=Limits(parameters=30))
    assert space.repair(of(head=Head("flatten"))).changes == {"smallest": 1}


def test_links_go_on_reading_what_they_read_when_a_layer_is_removed(make_space: MakeSpace) -> None:
    """Repair splices as operators do."""
    one = (
        GeneAlleles(Conv, {"filters": Choice((8,)), "kernel": Choice((1, 5))}),
        GeneAlleles(Link, {"back": Choice((1, 2, 3))}),
    )
    space = make_space(SHAPE, layers=one, limits=Limits(parameters=1000))
    linked = of(Conv(8, 1), Conv(8, 5), Conv(8, 1), Link(2))
    assert space.repair(linked).genome.layers == (Conv(8, 1), Conv(8, 1), Link(1))
