"""Mutations that preserve the function: what they propose, where, and when they leave a parent as it is."""

import pickle
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from evocnn.genotype import (
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
    Limits,
    Link,
    Pool,
    Range,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.genotype.morphism import morphism
from evocnn.operators import Mutation
from evocnn.operators.morphism import AddSkip, NetDeepen, NetWiden

OPERATORS: list[Mutation] = [NetWiden(), NetDeepen(), AddSkip()]
WORDS = {"activation": Choice(("relu", "tanh")), "normalization": Choice(("batch", "group"))}
SHAPE = Shape(3, 8, 8)


def of(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), Recipe())


def children(mutation: Mutation, parent: Chromosome, space: SearchSpace, n: int = 200) -> list[Chromosome]:
    return [mutation(parent, space, np.random.default_rng(seed)) for seed in range(n)]


def texts(mutation: Mutation, parent: Chromosome, space: SearchSpace) -> set[str]:
    return {
        child.text.rpartition(" | ")[0].removesuffix(" | gap") for child in children(mutation, parent, space)
    }


@pytest.fixture
def alleles() -> dict[str, GeneAlleles[LayerGene]]:
    own = [
        GeneAlleles(Conv, {"filters": Choice((4, 8, 16)), "kernel": Choice((3,)), **WORDS}),
        GeneAlleles(DepthwiseSeparable, {"filters": Choice((8,)), "kernel": Choice((3,))}),
        GeneAlleles(InvertedResidual, {"filters": Choice((8,)), "stride": Choice((1, 2))}),
        GeneAlleles(DenseConcat, {"filters": Choice((4,))}),
        GeneAlleles(Dropout, {"rate": Range(0.1, 0.5)}),
        GeneAlleles(Pool, {}),
        GeneAlleles(Link, {"back": Choice((1, 2)), "merge": Choice(("add", "concat"))}),
    ]
    return {each.gene.name(): each for each in own}


@pytest.fixture
def make(
    make_space: Callable[..., SearchSpace], alleles: dict[str, GeneAlleles[LayerGene]]
) -> Callable[..., SearchSpace]:
    """Return a function that makes a space of some of the genes above."""

    def made(*names: str, **changes: object) -> SearchSpace:
        head = GeneAlleles(Head, {"units": Choice(((), (8,), (16,), (8, 8)))})
        chosen = {"layers": tuple(alleles[name] for name in names), "head": head, "limits": Limits(depth=6)}
        return make_space(SHAPE, **{**chosen, **changes})

    return made


def test_net_widen_widens_any_gene_a_step_or_the_head(make: Callable[..., SearchSpace]) -> None:
    parent = of(Conv(4, 3), Conv(8, 3), Conv(16, 3), head=Head(units=(8,)))
    assert texts(NetWiden(), parent, make("conv")) == {
        "conv8k3 · conv8k3 · conv16k3 | gap dense8",
        "conv4k3 · conv16k3 · conv16k3 | gap dense8",
        "conv4k3 · conv8k3 · conv16k3 | gap dense16",
    }


def test_net_widen_leaves_out_what_would_not_preserve_the_function(make: Callable[..., SearchSpace]) -> None:
    grouped = Conv(8, 3, normalization="group")
    assert texts(NetWiden(), of(Conv(4, 3), grouped), make("conv")) == {"conv8k3 · conv8k3 norm=group"}


def test_net_deepen_inserts_what_can_be_the_identity_at_any_locus(make: Callable[..., SearchSpace]) -> None:
    names = ("conv", "depthwise_separable", "inverted_residual", "pool", "link")
    parent = of(Conv(8, 3), Conv(4, 3, activation="tanh"))
    assert texts(NetDeepen(), parent, make(*names)) == {
        "conv8k3 · conv8k3 · conv4k3 tanh",
        "conv8k3 · dws8k3 · conv4k3 tanh",
        "conv8k3 · inv8k3e6 · conv4k3 tanh",
    }


@pytest.mark.parametrize(("pool_order", "loci"), [("early", {0, 2}), ("textbook", {0, 1, 2})])
def test_net_deepen_follows_the_pool_order(
    make: Callable[..., SearchSpace], pool_order: str, loci: set[int]
) -> None:
    found = children(NetDeepen(), of(Conv(8, 3), Pool()), make("dense_concat", pool_order=pool_order))
    assert {[type(gene) for gene in child.layers].index(DenseConcat) for child in found} == loci


def test_net_deepen_draws_the_fields_that_do_not_matter(make: Callable[..., SearchSpace]) -> None:
    layers = [
        gene for child in children(NetDeepen(), of(Conv(8, 3)), make("dropout")) for gene in child.layers
    ]
    rates = {gene.rate for gene in layers if isinstance(gene, Dropout)}
    assert len(rates) > 20


def test_net_deepen_chooses_each_locus_as_often(make: Callable[..., SearchSpace]) -> None:
    space = make("dense_concat")
    counts = Counter(
        next(n for n, gene in enumerate(child.layers) if isinstance(gene, DenseConcat))
        for child in children(NetDeepen(), of(Conv(8, 3), Conv(16, 3), Conv(4, 3)), space, 400)
    )
    assert set(counts) == {0, 1, 2, 3}
    assert all(60 < count < 140 for count in counts.values())  # 100 expected, 4.6 standard deviations


def test_add_skip_inserts_links_without_effect(make: Callable[..., SearchSpace]) -> None:
    assert texts(AddSkip(), of(Conv(8, 3), Conv(8, 3)), make("link")) == {
        "conv8k3 · link1 · conv8k3",  # from 3 channels to 8: it projects
        "conv8k3 · link1 concat · conv8k3",
        "conv8k3 · conv8k3 · link1 concat",  # not added: 8 channels to 8
        "conv8k3 · conv8k3 · link2",
        "conv8k3 · conv8k3 · link2 concat",
    }


def test_links_across_an_inserted_gene_follow_as_far_as_alleles_permit(
    make: Callable[..., SearchSpace],
) -> None:
    space = make("dropout", "link")
    parent = of(Conv(8, 3), Conv(4, 3), Link(1), Conv(4, 3), Link(2))
    inserted = {
        tuple(type(gene).__name__ if isinstance(gene, Dropout) else gene.text for gene in child.layers)
        for child in children(NetDeepen(), parent, space)
    }
    assert inserted == {  # none for which the last link would have to skip three
        ("Dropout", "conv8k3", "conv4k3", "link1", "conv4k3", "link2"),
        ("conv8k3", "Dropout", "conv4k3", "link2", "conv4k3", "link2"),
        ("conv8k3", "conv4k3", "Dropout", "link2", "conv4k3", "link2"),  # which reads the inserted gene
        ("conv8k3", "conv4k3", "link1", "conv4k3", "link2", "Dropout"),
    }


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_a_parent_without_a_candidate_is_returned(
    operator: Mutation, make: Callable[..., SearchSpace]
) -> None:
    parent = of(Conv(16, 3, activation="tanh"), Pool())
    assert operator(parent, make("conv"), np.random.default_rng(0)) is parent
    full = of(*[Conv(16, 3)] * 6)  # no deeper and no wider
    assert operator(full, make("conv", "link", "dense_concat"), np.random.default_rng(0)) is full


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_inert_genes_are_no_candidates(operator: Mutation, make: Callable[..., SearchSpace]) -> None:
    space = make("conv", "link")
    parent = of(Link(2), Conv(8, 3), Conv(4, 9, padding="valid"))
    expected = set(children(operator, parent.canonical(SHAPE), space))
    assert set(children(operator, parent, space)) == expected
    assert all(morphism(parent, child, SHAPE) and child != parent for child in expected)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_children_are_larger_morphisms_within_the_alleles(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
    operator: Mutation,
    pool_order: str,
) -> None:
    space = make_space(SHAPE, pool_order=pool_order)
    for seed, raw in enumerate(random_chromosomes(space, 60, seed=4)):
        parent = space.repair(raw).genome
        child = operator(parent, space, np.random.default_rng(seed))
        assert operator(parent, space, np.random.default_rng(seed)) == child
        assert child is parent or morphism(parent, child, SHAPE, pool_order=pool_order)
        assert child is parent or child.key != parent.key
        assert all((own := space.alleles_of(gene)) and own.permits(gene) for gene in child.layers)
        assert len(child.layers) <= space.limits.depth


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_an_operator_is_a_value_that_crosses_a_process(operator: Mutation) -> None:
    assert pickle.loads(pickle.dumps(operator)) == operator
