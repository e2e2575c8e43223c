"""What a plan of function-preserving change says; that it holds is tested with networks."""

import pickle
from dataclasses import replace

import pytest

from evocnn.genotype import LAYERS, Chromosome, Recipe, Shape
from evocnn.genotype.channel_maps import NEW, widened
from evocnn.genotype.morphism import Morphism, identity_alleles, morphism, positive_states

SHAPE = Shape(2, 8, 8)


def of(layers: str, head: str = "gap") -> Chromosome:
    return Chromosome.parse(f"{layers} | {head} | {Recipe().text}", LAYERS)


def plan(parent: str, child: str, pool_order: str = "early") -> Morphism:
    found = morphism(of(parent), of(child), SHAPE, pool_order=pool_order)
    assert found is not None
    return found


def test_new_channels_come_last_in_each_group() -> None:
    assert widened(2, 5) == (0, 1, NEW, NEW, NEW)
    assert widened(4, 8, groups=2) == (0, 1, NEW, NEW, 2, 3, NEW, NEW)
    assert widened(3, 3) == (0, 1, 2)


def test_a_plan_maps_every_state_from_the_images_on() -> None:
    found = plan("conv2k3 · pool2 · conv1k3", "conv3k3 · pool2 · conv1k3")
    assert found.genes == of("conv3k3 · pool2 · conv1k3").layers
    assert found.donors == (0, 1, 2)
    assert found.channels == ((0, 1), (0, 1, NEW), (0, 1, NEW), (0,))
    assert [found.reads(n) for n in range(3)] == [((0, 1),), ((0, 1, NEW),), ((0, 1, NEW),)]
    assert pickle.loads(pickle.dumps(found)) == found


def test_new_channels_stay_where_they_are_in_concatenations() -> None:
    found = plan(
        "conv2k3 · dense1k3 · dense1k3 · link1 concat", "conv2k3 · dense2k3 · dense1k3 · link1 concat"
    )
    assert found.channels[2:] == ((0, 1, 2, NEW), (0, 1, 2, NEW, 3), (0, 1, 2, NEW, 3, 4, 5, 6, NEW))
    assert found.reads(3) == (found.channels[3], found.channels[2])


def test_an_inserted_gene_has_no_donor() -> None:
    found = plan("conv2k3 · conv3k3", "conv2k3 · dense1k3 · conv3k3")
    assert found.donors == (0, None, 1)
    assert found.channels == ((0, 1), (0, 1), (0, 1, NEW), (0, 1, 2))


def test_of_twins_the_one_that_can_be_the_identity_is_inserted() -> None:
    assert plan("conv2k3", "conv2k3 · conv2k3").donors == (0, None)  # images can be negative
    assert plan("conv2k3 · pool2", "conv2k3 · conv2k3 · pool2", "textbook").donors == (0, None, 1)
    assert morphism(of("conv2k3 · pool2"), of("conv2k3 · conv2k3 · pool2"), SHAPE) is None


@pytest.mark.parametrize("back", [1, 2])
def test_a_link_may_read_ahead_of_an_inserted_gene_or_behind_it(back: int) -> None:
    found = plan("conv2k3 · conv2k3 · link1", f"conv2k3 · drop.5 · conv2k3 · link{back}")
    assert found.donors == (0, None, 1, 2)


@pytest.mark.parametrize(
    "child",
    [
        "conv2k3 · conv4k3 · link3 concat · conv5k3",  # the images
        "conv2k3 · conv4k3 · link1 concat · conv5k3",  # what arrives anyway
    ],
)
def test_a_link_that_reads_something_else_is_no_morphism(child: str) -> None:
    parent = "conv2k3 · conv4k3 · link2 concat · conv5k3"
    assert morphism(of(parent), of(child), SHAPE) is None
    assert morphism(of(parent), of(parent), SHAPE) is not None


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("conv4k3", "conv3k3"),
        ("conv4k3", "conv4k5"),
        ("conv4k3", "conv4k3 gelu"),
        ("conv4k3", "res4k3"),
        ("conv4k3 · conv5k3", "conv4k3"),
        ("conv4k3 · conv5k3", "conv5k3 · conv4k3"),
        ("conv4k3", "conv4k3 · drop.5 · drop.5"),
        ("no layers", "conv2k3"),
    ],
)
def test_another_network_is_no_morphism(parent: str, child: str) -> None:
    assert morphism(of(parent), of(child), SHAPE) is None


def test_the_recipe_and_inert_genes_do_not_matter() -> None:
    parent = of("link3 · conv2k3 · drop0", "flatten dense3")
    child = replace(of("conv2k3", "flatten dense3"), recipe=Recipe("adam"))
    assert morphism(parent, child, SHAPE) == Morphism(child.layers, (0,), ((0, 1), (0, 1)))


def test_positive_is_what_a_relu_wrote_or_what_passed_it_on() -> None:
    line = (
        "conv2k3 · pool2 · drop.5 · link3 concat · link1 concat · conv2k3 gelu · res2k3 · inv2k3e2 · dense1k3"
    )
    assert positive_states(list(of(line).trace(SHAPE))) == [
        False,  # the images
        True,
        True,
        True,
        False,  # has the images among it
        False,
        False,
        True,
        False,
        False,
    ]
    assert positive_states(list(of("conv2k3 · conv2k3 · link1 · link2").trace(SHAPE)))[1:] == [True] * 4
    assert positive_states(list(of("conv3k3 · conv2k3 · link1").trace(SHAPE)))[-1] is False  # it projects


@pytest.mark.parametrize("gene", LAYERS, ids=lambda gene: gene.name())
def test_alleles_of_the_identity_are_those_of_a_morphism(gene: type) -> None:
    """A gene that holds them is inserted; with any other value of such a field it is refused."""
    for ahead, is_positive in (("conv4k3", True), ("conv4k3 tanh", False)):
        needed = identity_alleles(gene, 4, is_positive=is_positive)
        parent = of(ahead)
        if needed is None:
            assert is_positive is (gene.name() == "pool") or not is_positive
            continue
        start = {"dense_concat": "dense3k3", "dropout": "drop.5", "link": "link1"}.get(gene.name())
        good = of(start).layers[0] if start else gene(4, 3)
        others = {
            "filters": 3,
            "stride": 2,
            "activation": "tanh",
            "normalization": "group",
            "padding": "valid",
        }
        assert morphism(parent, replace(parent, layers=(*parent.layers, good)), SHAPE)
        for name in needed:
            bad = replace(good, **{name: others[name]})
            assert morphism(parent, replace(parent, layers=(*parent.layers, bad)), SHAPE) is None, name
