"""The space: what it refuses, its smallest network, and its samples."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from evocnn.errors import GeneError, SpaceError
from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    Counts,
    GeneAlleles,
    Head,
    LayerGene,
    Limits,
    Pool,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
)

MakeSpace = Callable[..., SearchSpace]
CONV = GeneAlleles(Conv, {"filters": Choice((8, 16)), "kernel": Choice((3,))})
POOL = GeneAlleles(Pool, {})


@dataclass(frozen=True, slots=True)
class Fragile(LayerGene):
    """A gene that cannot even be counted where it does not apply."""

    def output(self, shape: Shape) -> Shape | None:
        return shape if shape.channels == 2 else None

    def counts(self, shape: Shape) -> Counts:
        assert shape.channels == 2
        return Counts(activations=shape.size)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layers": ()},
            r"a space must have layer gene types of different names and codes, but they were \[\]",
        ),
        (
            {"layers": (CONV, POOL, CONV)},
            r"different names and codes, but they were \['conv', 'pool', 'conv'\]",
        ),
        ({"founder_depth": (0, 3)}, r"founder_depth must rise within 1 and the depth limit 8, .* \[0, 3\]"),
        ({"founder_depth": (4, 3)}, r"founder_depth must rise within .* but it was \[4, 3\]"),
        ({"founder_depth": (2, 9)}, r"founder_depth must rise within 1 and the depth limit 8"),
        ({"pool_order": "late"}, "pool_order must be one of .* but it was 'late'"),
        (
            {"limits": Limits(parameters=19)},
            "limits must permit some network, but the smallest has 20 parameters, 20 FLOPs and 11 act",
        ),
        ({"limits": Limits(flops=19)}, "limits must permit some network"),
        ({"limits": Limits(activations=10)}, "limits must permit some network"),
    ],
)
def test_a_space_that_contradicts_itself_is_refused(
    make_space: MakeSpace, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        make_space(**changes)


@pytest.mark.parametrize(
    "limits", [{"parameters": 0}, {"flops": -1}, {"activations": 0}, {"depth": 0}, {"parameters": math.nan}]
)
def test_limits_that_nothing_can_keep_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(SpaceError, match="limits must be above 0, but they were"):
        Limits(**limits)


def test_the_tightest_limits_leave_the_smallest_network(make_space: MakeSpace) -> None:
    # One channel, averaged, into ten classes: ten weights and ten biases.
    space = make_space(limits=Limits(parameters=20, depth=8))
    assert space.smallest.counts(space.input_shape, 10).parameters == 20
    assert space.sample(np.random.default_rng(0)).counts(space.input_shape, 10).parameters == 20


def test_without_global_pooling_the_smallest_network_pools(make_space: MakeSpace) -> None:
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",))})
    space = make_space(layers=(CONV, POOL), head=head, limits=Limits(parameters=20))
    assert not space.permits_global_pooling
    assert space.smallest.layers == (Pool(),) * 4  # 28, 14, 7, 3, 1
    with pytest.raises(SpaceError, match="limits must permit some network"):
        make_space(layers=(CONV,), head=head, limits=Limits(parameters=20))


def test_the_smallest_network_keeps_the_depth_limit(make_space: MakeSpace) -> None:
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",))})
    space = make_space(layers=(POOL, CONV), head=head, limits=Limits(depth=2), founder_depth=(1, 2))
    assert len(space.smallest.layers) <= 2


def test_a_gene_that_cannot_apply_to_the_image_is_not_counted(make_space: MakeSpace) -> None:
    space = make_space(layers=(GeneAlleles(Fragile, {}), CONV))
    assert space.smallest.counts(space.input_shape, 10).parameters == 20


def test_whether_global_pooling_is_permitted(make_space: MakeSpace) -> None:
    assert make_space(head=GeneAlleles(Head, {})).permits_global_pooling  # the default
    assert make_space(head=GeneAlleles(Head, {"pooling": Choice(("flatten", "gap"))})).permits_global_pooling


def test_a_sample_lies_within_the_limits_in_canonical_form(space: SearchSpace) -> None:
    rng = np.random.default_rng(5)
    depths = set()
    for _ in range(200):
        chromosome = space.sample(rng)
        assert space.limits.excess(chromosome.counts(space.input_shape, space.n_classes))[0] <= 1
        assert len(chromosome.layers) <= space.founder_depth[1]
        assert chromosome.canonical(space.input_shape) == chromosome
        depths.add(len(chromosome.layers))
    assert len(depths) > 3


def test_a_sample_follows_from_the_stream_alone(space: SearchSpace) -> None:
    one, other = np.random.default_rng(6), np.random.default_rng(6)
    assert [space.sample(one) for _ in range(10)] == [space.sample(other) for _ in range(10)]


def test_founders_have_every_permitted_depth(make_space: MakeSpace) -> None:
    rng = np.random.default_rng(7)
    space = make_space(layers=(CONV,), founder_depth=(2, 4), limits=Limits())
    assert {len(space.sample(rng).layers) for _ in range(100)} == {2, 3, 4}


def test_layer_types_are_drawn_by_weight(make_space: MakeSpace) -> None:
    # Binomial, 5 standard deviations, three shares: a false alarm in fewer than 1 of 500,000 seeds.
    residual = GeneAlleles(Residual, {"filters": Choice((8,)), "kernel": Choice((3,))}, weight=0.5)
    heavy = GeneAlleles(Pool, {}, weight=2.5)
    space = make_space(layers=(CONV, heavy, residual))
    n, rng = 4000, np.random.default_rng(8)
    counts = Counter(type(space.sample_layer(rng)) for _ in range(n))
    for gene, share in ((Conv, 0.25), (Pool, 0.625), (Residual, 0.125)):
        assert abs(counts[gene] - n * share) < 5 * math.sqrt(n * share * (1 - share))


def test_gene_types_resolve_through_the_space_alone(make_space: MakeSpace) -> None:
    space = make_space(layers=(CONV, POOL))
    stranger = Chromosome((Residual(8, 3),), Head(), Recipe())
    with pytest.raises(GeneError, match=r"must be one of \['conv', 'pool'\], but it was 'residual'; add"):
        space.from_json(stranger.to_json())
    with pytest.raises(GeneError, match="'res8k3' must be the text form of one of conv, pool"):
        space.parse(stranger.text)
    assert space.alleles_of(Residual(8, 3)) is None
    assert space.alleles_of(Pool()) is POOL
