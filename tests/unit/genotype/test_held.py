"""Held segments: put back by repair, spared by limits, counted, and kept by whatever is drawn."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

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
    Held,
    LayerGene,
    Limits,
    Pool,
    Recipe,
    SearchSpace,
    Shape,
    number,
)

MakeSpace = Callable[..., SearchSpace]
LAYERS = (Conv(32, 3), Pool(), Conv(16, 3))
HEAD = Head("flatten", (32,), 0.3)
RECIPE = Recipe("adamw", 0.001, batch_size=32)
SEGMENTS: dict[str, Any] = {"layers": LAYERS, "head": HEAD, "recipe": RECIPE}
OTHER = Chromosome((Conv(8, 3),), Head(), Recipe("sgd", 0.1))


@dataclass(frozen=True, slots=True)
class Gate(LayerGene):
    """A gene of one's own with a field and a code of its own."""

    code: ClassVar[str] = "gate"
    reduction: int = number("", default=4, low=1)

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(parameters=shape.channels // self.reduction, activations=shape.size)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_what_is_held_is_put_in_and_the_rest_stays(segment: str) -> None:
    applied = Held(**{segment: SEGMENTS[segment]}).applied(OTHER)
    assert applied == replace(OTHER, **{segment: SEGMENTS[segment]})


def test_a_chromosome_that_has_what_is_held_is_returned_itself() -> None:
    whole = Chromosome(LAYERS, HEAD, RECIPE)
    assert Held(**SEGMENTS).applied(whole) is whole
    assert Held().applied(OTHER) is OTHER
    assert not Held(layers=()).applied(OTHER).layers  # no layers are layers, too


def test_rates_stay_with_a_chromosome() -> None:
    carrying = replace(OTHER, rates=(("add_gene", 0.5),))
    assert Held(recipe=RECIPE).applied(carrying).rates == carrying.rates


@pytest.mark.parametrize(
    "segments", [("layers",), ("head",), ("recipe",), ("layers", "head"), ("head", "recipe")]
)
def test_draws_and_repairs_have_what_is_held(
    make_space: MakeSpace, random_chromosomes: Any, segments: tuple[str, ...]
) -> None:
    held = {name: SEGMENTS[name] for name in segments}
    space = make_space(held=Held(**held), limits=Limits(parameters=200_000, depth=8))
    rng = np.random.default_rng(2)
    drawn = [space.sample(rng) for _ in range(50)]
    repaired = [space.repair(chromosome) for chromosome in random_chromosomes(space, 50)]
    for chromosome in [*drawn, *(genome for genome, _ in repaired)]:
        assert {name: getattr(chromosome, name) for name in segments} == held
        assert space.repair(chromosome) == (chromosome, {})
    free = set(SEGMENTS) - set(segments)
    assert all(len({getattr(chromosome, name) for chromosome in drawn}) > 5 for name in free)


def test_putting_back_is_counted_once_a_chromosome(make_space: MakeSpace) -> None:
    space = make_space(held=Held(LAYERS, HEAD), limits=Limits(depth=8))
    assert space.repair(OTHER) == (Chromosome(LAYERS, HEAD, OTHER.recipe), {"held": 1})
    assert space.repair(Chromosome(LAYERS, HEAD, OTHER.recipe)).changes == {}


def test_draws_need_no_putting_back(make_space: MakeSpace) -> None:
    space = make_space(held=Held(layers=LAYERS), limits=Limits(depth=8))
    rng = np.random.default_rng(2)
    assert all("held" not in space.repair(space.draw(rng)).changes for _ in range(20))


def test_limits_are_met_by_what_evolves_alone(make_space: MakeSpace) -> None:
    wide = Chromosome((Conv(32, 3), Conv(32, 3)), Head("gap", (32, 16)), RECIPE)
    tight = Limits(parameters=10_000, depth=8)
    by_head = make_space(held=Held(layers=wide.layers), limits=tight).repair(wide)
    assert by_head == (replace(wide, head=Head("gap")), {"narrowed": 2})
    by_layers = make_space(held=Held(head=wide.head), limits=tight).repair(wide)
    assert by_layers.genome.head == wide.head
    assert by_layers.genome.layers != wide.layers
    assert set(by_layers.changes) == {"narrowed"}


def test_held_segments_beyond_the_limits_are_refused(make_space: MakeSpace) -> None:
    message = r"limits must permit some network, but the smallest has 9962 parameters, .*; raise them"
    with pytest.raises(SpaceError, match=message):
        make_space(held=Held(layers=(Conv(32, 3), Conv(32, 3))), limits=Limits(parameters=5_000))


def test_held_layers_beyond_the_depth_limit_are_refused(make_space: MakeSpace) -> None:
    deep = Held(layers=(Conv(8, 3),) * 7)
    message = r"^held layers must be within the depth limit 6, but they were 7; raise the limit$"
    with pytest.raises(SpaceError, match=message):
        make_space(held=deep, limits=Limits(depth=6))
    assert make_space(held=deep, limits=Limits(depth=7)).held == deep
    inert = Held(layers=(*deep.layers[:6], Conv(8, 99, padding="valid")))
    assert (
        len(make_space(held=inert, limits=Limits(depth=6)).held.layers or ()) == 6
    )  # only active ones count


def test_a_held_gene_type_must_be_one_of_the_space(make_space: MakeSpace) -> None:
    conv = GeneAlleles(Conv, {"filters": Choice((8,)), "kernel": Choice((3,))})
    with pytest.raises(SpaceError, match=r"must be among \['conv'\], but one was 'pool' \(pool\); add its"):
        make_space(layers=(conv,), held=Held(layers=LAYERS))


def test_inert_genes_are_held_as_what_they_are_nothing(make_space: MakeSpace) -> None:
    space = make_space(Shape(1, 4, 4), held=Held(layers=(Pool(), Pool(), Pool(), Conv(8, 3), Dropout(0))))
    assert space.held.layers is not None
    assert space.held.layers[:2] == (Pool(), Pool())  # at 1x1 a third is none
    assert Conv(8, 3) in space.held.layers
    assert len(space.held.layers) < 5
    chromosome = space.repair(OTHER).genome
    assert space.repair(chromosome) == (chromosome, {})


def test_a_held_head_flattens_even_a_single_position(make_space: MakeSpace) -> None:
    space = make_space(Shape(1, 1, 1), held=Held(head=Head("flatten")))
    assert space.repair(OTHER).genome.head == Head("flatten")
    assert make_space(Shape(1, 1, 1)).repair(replace(OTHER, head=Head("flatten"))).genome.head == Head("gap")


def test_all_three_may_be_held(make_space: MakeSpace) -> None:
    space = make_space(held=Held(LAYERS, HEAD, RECIPE), limits=Limits(depth=8))
    rng = np.random.default_rng(0)
    assert {space.sample(rng).key for _ in range(5)} == {Chromosome(LAYERS, HEAD, RECIPE).key}


def test_genes_of_ones_own_can_be_held(make_space: MakeSpace) -> None:
    conv = GeneAlleles(Conv, {"filters": Choice((8, 16, 32)), "kernel": Choice((3,))})
    gate = GeneAlleles(Gate, {"reduction": Choice((2, 4))})
    held = Held(layers=(Conv(16, 3), Gate(8), Conv(32, 3), Gate()))  # 8 is no allele
    space = make_space(layers=(conv, gate), held=held, limits=Limits(depth=8))
    assert space.held == held
    assert space.repair(OTHER).genome.layers == held.layers
    chromosome = space.sample(np.random.default_rng(0))
    assert chromosome.text.startswith("conv16k3 · gate8 · conv32k3 · gate | ")
    assert space.parse(chromosome.text) == space.from_json(chromosome.to_json()) == chromosome
