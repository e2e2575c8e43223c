"""The backbone gene: what it keeps, freezes and counts, where it stands, and the spaces that have one."""

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evocnn.config.operator_names import CROSSOVERS, MUTATIONS, default_crossovers, default_mutations
from evocnn.errors import GeneError, SpaceError
from evocnn.genotype import (
    LAYERS,
    Choice,
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    Held,
    LayerGene,
    Limits,
    Link,
    Pool,
    PretrainedLayers,
    Recipe,
    SearchSpace,
    Shape,
    backbone_type,
    parse_layers,
)
from evocnn.genotype.compose import answers
from evocnn.genotype.cuts import impossible_cuts
from evocnn.genotype.size import size_of
from evocnn.operators import AlterBackbone, Variation

SHAPE = Shape(1, 16, 16)
NETWORK = PretrainedLayers(
    parse_layers("conv4k3 norm=none · pool · conv8k3 · res8k3 · pool", LAYERS), channels=1
)
Backbone: Any = backbone_type(NETWORK)


def space_with(**changes: Any) -> SearchSpace:
    values: dict[str, Any] = {
        "input_shape": SHAPE,
        "n_classes": 3,
        "layers": (
            GeneAlleles[LayerGene](Conv, {"filters": Choice((4, 8)), "kernel": Choice((3,))}),
            GeneAlleles[LayerGene](Pool, {}),
            GeneAlleles[LayerGene](Link, {"back": Choice((1, 2))}),
        ),
        "head": GeneAlleles(Head, {"pooling": Choice(("gap", "flatten"))}),
        "recipe": GeneAlleles(Recipe, {"learning_rate": Choice((0.01, 0.1))}),
        "backbone": GeneAlleles(Backbone, {"cut": Choice((1, 2, 3, 4, 5)), "trained": Choice((0, 1, 2, 3))}),
    }
    return SearchSpace(**{**values, **changes})


def test_a_cut_gives_the_shape_and_all_counts_of_the_layers_that_are_kept() -> None:
    for cut in range(1, 6):
        alone = Chromosome(NETWORK.layers[:cut], Head(), Recipe())
        for trained in (0, 2):
            gene = Backbone(cut, trained)
            assert gene.output(SHAPE) == alone.features(SHAPE)
            assert gene.counts(SHAPE) + Head().counts(alone.features(SHAPE), 3) == alone.counts(SHAPE, 3)


@pytest.mark.parametrize(
    ("cut", "trained", "n_frozen"),
    [(5, 0, 5), (5, 1, 3), (5, 2, 2), (5, 3, 0), (2, 1, 0), (2, 0, 2), (4, 9, 0)],
)
def test_layers_ahead_of_the_last_with_weights_that_are_trained_are_frozen(
    cut: int, trained: int, n_frozen: int
) -> None:
    assert len(Backbone(cut, trained).frozen(SHAPE)) == n_frozen


def test_a_backbone_that_asks_for_more_than_there_is_is_simplified() -> None:
    assert Backbone(9, 9).canonical(SHAPE) == Backbone(5, 3)
    assert Backbone(2, 3).canonical(SHAPE) == Backbone(2, 1)
    assert Backbone(3, 2).canonical(SHAPE) == Backbone(3, 2)


def test_a_backbone_is_inert_where_channels_differ_or_images_are_too_small() -> None:
    assert Backbone(1).output(Shape(3, 16, 16)) is None
    assert Backbone(1).output(Shape(1, 1, 1)) is None


def test_a_backbone_stands_first_and_nothing_reads_the_image_past_it() -> None:
    def active(text: str) -> list[str]:
        genes = (Backbone, *LAYERS)
        return [step.gene.text for step in Chromosome.parse(text + " | gap | sgd lr=.1", genes).trace(SHAPE)]

    assert active("conv4k3 · backbone2") == ["conv4k3"]
    assert active("backbone2 · backbone1 · conv4k3") == ["backbone2", "conv4k3"]
    assert active("backbone2 · link1 · conv4k3 · link1 · link3") == ["backbone2", "conv4k3", "link1"]


def test_text_json_and_pickle_give_the_same_gene() -> None:
    gene = Backbone(3, 1)
    chromosome = Chromosome((gene,), Head(), Recipe())
    assert gene.text == "backbone3 trained=1"
    assert Chromosome.parse(chromosome.text, (Backbone, *LAYERS)) == chromosome
    assert Chromosome.from_json(json.loads(json.dumps(chromosome.to_json())), (Backbone,)) == chromosome
    assert pickle.loads(pickle.dumps(chromosome)) == chromosome
    assert type(pickle.loads(pickle.dumps(gene))) is Backbone


def test_a_network_has_one_type_and_another_network_another() -> None:
    assert backbone_type(replace(NETWORK)) is Backbone
    assert backbone_type(replace(NETWORK, pool_order="early")) is not Backbone


@pytest.mark.parametrize("layers", ["no layers", "conv4k3 · link1"])
def test_what_is_no_chain_is_refused(layers: str) -> None:
    with pytest.raises(GeneError, match="must be a chain of at least one, none of them a link"):
        PretrainedLayers(parse_layers(layers, LAYERS), 1)


def test_images_that_the_backbone_cannot_read_are_refused() -> None:
    with pytest.raises(SpaceError, match=r'1 channels .* but they were 3x16x16; set data.channels to "grey"'):
        space_with(input_shape=Shape(3, 16, 16))
    with pytest.raises(SpaceError, match="large enough for all layers of the backbone, but they were 1x2x2"):
        space_with(input_shape=Shape(1, 2, 2))


def test_every_founder_begins_with_a_backbone_and_all_of_them_occur() -> None:
    for prior in ("informed", "uniform"):
        space = space_with(founder_prior=prior)
        rng = np.random.default_rng(0)
        founders = [space.sample(rng) for _ in range(100)]
        assert all(founder.root == founder.layers[:1] for founder in founders)
        assert all(sum(gene.begins for gene in founder.layers) == 1 for founder in founders)
        assert {founder.layers[0].cut for founder in founders} == {1, 2, 3, 4, 5}  # type: ignore[attr-defined]
        assert any(len(founder.layers) > 2 for founder in founders)


def test_repair_puts_the_backbone_first_and_once() -> None:
    space = space_with()

    def repaired(text: str) -> tuple[str, bool]:
        genome, changes = space.repair(space.parse(text + " | gap | sgd lr=.1"))
        assert space.repair(genome).changes == {}
        return genome.text.partition(" |")[0], "rooted" in changes

    assert repaired("conv4k3 · backbone3 trained=1") == ("backbone3 trained=1 · conv4k3", True)
    assert repaired("backbone3 · conv4k3 · backbone2") == ("backbone3 · conv4k3", True)
    assert repaired("conv4k3") == ("backbone1 · conv4k3", True)
    assert repaired("backbone3 · conv4k3") == ("backbone3 · conv4k3", False)


def test_limits_draw_the_cut_back_and_never_take_the_backbone_out() -> None:
    space = space_with(limits=Limits(parameters=60))
    genome, changes = space.repair(space.parse("backbone5 trained=2 · conv8k3 | gap | sgd lr=.1"))
    assert genome.root == (Backbone(1),) or genome.root == (Backbone(2),)
    assert genome.counts(SHAPE, 3).parameters <= 60
    assert set(changes) & {"narrowed", "removed", "smallest"}


def test_held_at_no_layers_the_backbone_and_the_head_evolve() -> None:
    space = space_with(layers=(), held=Held(layers=()))
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert len(space.sample(rng).layers) == 1
    assert space.repair(space.parse("backbone4 | gap | sgd lr=.1")).changes == {}
    assert size_of(space).n_architectures == 20 * 2
    with pytest.raises(SpaceError, match="behind a backbone layers must evolve, or be held at no layers"):
        space_with(held=Held(layers=(Pool(),)))


def test_decisions_compose_every_chromosome_again() -> None:
    space, rng = space_with(), np.random.default_rng(1)
    for _ in range(50):
        genome = space.sample(rng)
        if 3 <= len(genome.layers) <= 12:  # as many behind the backbone as are decided at least
            assert space.repair(space.compose(answers(genome))).genome == genome


def test_descriptors_tell_cuts_apart() -> None:
    space = space_with()
    one, other = (space.describe(space.parse(f"backbone{cut} | gap | sgd lr=.1")) for cut in (2, 4))
    assert one.keys() == other.keys()
    assert (one["backbone.cut"], other["backbone.cut"]) == (1.0, 3.0)


def test_the_mutation_moves_cut_or_trained_layers_by_one_allele() -> None:
    space, rng = space_with(), np.random.default_rng(0)
    parent = space.parse("backbone3 trained=1 · conv4k3 | gap | sgd lr=.1")
    children = {AlterBackbone()(parent, space, rng).layers for _ in range(50)}
    expected = {Backbone(2, 1), Backbone(4, 1), Backbone(3, 0), Backbone(3, 2)}
    assert children == {(gene, *parent.layers[1:]) for gene in expected}
    assert AlterBackbone()(parent, space_with(backbone=None), rng) is parent


def test_chains_of_all_operators_keep_a_backbone_at_the_start() -> None:
    space, rng = space_with(limits=Limits(depth=6, parameters=3000)), np.random.default_rng(3)
    segments = ("layers", "backbone", "head", "recipe")
    assert {one.name for one in default_mutations(segments)} <= set(MUTATIONS)
    variation = Variation(default_crossovers(segments), default_mutations(segments))
    assert len(variation.crossovers) == len(CROSSOVERS)
    mother, father = space.sample(rng), space.sample(rng)
    cuts = set()
    for _ in range(300):
        child = variation.breed(mother, father, space, rng).genome
        assert [gene.begins for gene in child.layers] == [True] + [False] * (len(child.layers) - 1)
        mother, father = father, child
        cuts.add(child.layers[0])
    assert len(cuts) > 5


def test_a_child_that_lost_its_backbone_has_its_parents() -> None:
    space = space_with()
    parent = space.parse("backbone4 trained=1 · conv4k3 | gap | sgd lr=.1")
    lost = replace(parent, layers=parent.layers[1:])
    assert space.rooted(lost, parent) == parent
    assert space.rooted(lost).root == (Backbone(1),)
    assert space.rooted(parent) is parent


def test_cuts_that_no_network_within_the_limits_can_have_are_told_with_what_they_need() -> None:
    wide = space_with()
    counts = {
        cut: wide.smallest_behind([(Backbone(cut),)]).counts(SHAPE, 3).parameters for cut in range(1, 6)
    }
    assert list(impossible_cuts(wide)) == list(impossible_cuts(space_with(backbone=None))) == []
    space = space_with(limits=Limits(parameters=counts[4] - 1))
    (sentence,) = impossible_cuts(space)
    assert f"parameters should allow all cuts of the backbone, but it was {counts[4] - 1:,}" in sentence
    assert sentence.endswith(
        f"has): 4 ({counts[4]:,}), 5 ({counts[5]:,}); raise it, or leave them out of space.backbone.cut"
    )
    rng = np.random.default_rng(0)
    assert {space.sample(rng).layers[0].cut for _ in range(60)} == {1, 2, 3}  # type: ignore[attr-defined]
