"""A child made by a function-preserving change computes what its parent computes, for every gene.

The tables below are those of `evocnn.genotype.morphism` as cases. In a case, `{8>12}` is 8 in the
parent and 12 in the child, and what stands in brackets is the child's alone.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.genotype import (
    LAYERS,
    Chromosome,
    Conv,
    Counts,
    LayerGene,
    Recipe,
    SearchSpace,
    Shape,
    number,
)
from evocnn.genotype.morphism import morphism
from evocnn.genotype.pool_order import pools_within
from evocnn.operators.morphism import AddSkip, NetDeepen, NetWiden
from evocnn.phenotype import Network, build
from evocnn.phenotype.inheritance import inherit

SHAPE = Shape(3, 9, 8)
N_CLASSES = 5
TOLERANCE = 2e-6  # rounding; five times as much is what a function that is preserved may differ by
ORDERS = ("early", "textbook")


@dataclass(frozen=True, slots=True)
class Scale(LayerGene):
    """A gene of a user's: multiplies channels, and writes some more if it has a width."""

    filters: int = number("", low=0, width=True)

    def output(self, shape: Shape) -> Shape:
        return shape._replace(channels=self.filters or shape.channels)

    def counts(self, shape: Shape) -> Counts:
        return Counts()

    def module(self, shape: Shape) -> nn.Module:
        return nn.Conv2d(shape.channels, self.output(shape).channels, 1)


@dataclass(frozen=True, slots=True)
class Reversed(Conv):
    """A user's gene derived from one of the package's, with a module of its own."""

    def module(self, shape: Shape) -> nn.Module:
        return nn.Sequential(nn.ReLU(), nn.Conv2d(shape.channels, self.filters, 1))


GENES = (*LAYERS, Scale, Reversed)

YES = {
    "wider": """
        conv8k3 · conv{6>10}k3 · pool2 average · conv5k3
        conv8k3 · conv{6>10}k3 norm=none · conv5k3 norm=none
        conv8k3 · conv{6>10}k3s2 gelu · conv5k3 norm=group
        conv8k3 · conv{6>10}k3 valid dilation=2 · conv5k3
        conv8k3 · conv{8>12}k3 groups=4 · conv5k3
        conv8k3 · conv{8>12}k3 norm=none groups=2 · pool2 · conv5k3
        conv8k3 · res{6>10}k3 · pool2 average · conv5k3
        conv8k3 · res{8>12}k3 · pool2 average · conv5k3
        conv8k3 · res{8>12}k3 tanh norm=none · conv5k3
        conv8k3 · res{8>12}k3s2 · conv5k3
        conv8k3 · neck{6>10}k3 · pool2 average · conv5k3
        conv8k3 · neck{8>16}k3 · pool2 average · conv5k3
        conv8k3 · neck{8>12}k3 reduction=2 norm=none · conv5k3
        conv8k3 · dws{6>10}k3 · pool2 average · conv5k3
        conv8k3 · dws{6>10}k3s2 norm=none · conv5k3
        conv8k3 · inv{6>10}k3e2 · pool2 average · conv5k3
        conv8k3 · inv{6>10}k3e1 se=4 · conv5k3
        conv8k3 · inv{8>12}k3s2e3 se=2 norm=none · conv5k3
        conv8k3 · dense{4>6}k3 · pool2 average · conv5k3
        conv8k3 · dense{4>6}k3 tanh norm=none · conv5k3
        conv8k3 · dense{4>6}k3 norm=group · conv5k3
        conv{4>6}k3 · conv{6>8}k3 · dense{4>5}k3
        conv{6>10}k3 | flatten
        conv{6>10}k3 · pool2 | flatten dense{7>9},4
        conv6k3 | gap dense{7>9},{4>6} drop.5 gelu
    """,
    "behind": """
        conv{8>12}k3 · conv6k3
        conv{8>12}k3 norm=none · pool2 · conv6k3 norm=group
        conv{8>12}k3 · res8k3
        conv{8>12}k3 · res8k3 silu norm=none · pool2 average
        conv{8>12}k3 · res6k3 norm=group · pool2
        conv{8>12}k3 · neck8k3 · pool2 average
        conv{8>12}k3 · neck8k3 norm=none
        conv{8>12}k3 · neck6k3 norm=group
        conv{8>12}k3 · dws6k3 · pool2 average
        conv{8>12}k3 · dws6k3 norm=none
        conv{8>12}k3 · inv6k3e3 se=4 · pool2 average
        conv{8>12}k3 · inv6k3e1 se=2
        conv{8>12}k3 · inv8k3s2e2 norm=none
        conv{8>12}k3 · dense4k3 · dense4k3 · conv6k3
        conv{8>12}k3 · dense4k3 norm=none · conv6k3
        conv{8>12}k3 · pool2 average · conv6k3
        conv{8>12}k3 · drop.3 · conv6k3
        conv{8>12}k3 · conv8k3s2 · link1 · conv6k3
        conv{8>12}k3 · conv8k3 · link1 · conv6k3
        conv8k3 · conv{8>12}k3 · link1 norm=none · conv6k3
        conv5k3 · conv{8>12}k3 · link1 · conv6k3
        conv{8>12}k3 · conv8k3 norm=none · link1 norm=none
        conv{8>12}k3 · conv6k3 · link1 norm=group
        conv{8>12}k3 · conv{6>7}k3 · link1 concat · conv6k3 | flatten
        conv{8>12}k3 · pool2 · link1 concat · conv6k3
        conv{8>12}k3 · res{8>12}k3 · inv{8>12}k3e2 · neck{8>12}k3 · link1 | flatten
        conv8k3 · conv{8>12}k3 groups=4 · conv8k3 groups=4
        conv8k3 · conv{8>12}k3 groups=4 · conv8k3 groups=2
        conv8k3 · conv{8>12}k3 groups=4 · res8k3 | flatten
        conv8k3 · conv{8>12}k3 groups=4 · res{8>12}k3 | flatten
        conv8k3 · conv{8>12}k3 groups=4 · inv{8>12}k3e2 | flatten
        conv8k3 · scale0 · conv{8>12}k3 · conv6k3
        conv8k3 · reversed8k3 · pool2 average · conv{8>12}k3 · conv6k3
    """,
    "inserted": """
        conv8k3 · [conv8k3] · conv6k3
        conv8k3 · [conv8k1 leaky_relu] · conv6k3
        conv8k3 · [conv8k5 norm=none dilation=2] · conv6k3
        conv8k3 · [conv8k3 groups=4] · conv6k3
        conv8k3 · [res8k3] · conv6k3
        conv8k3 · [res8k3 leaky_relu norm=none] · conv6k3
        conv8k3 · [res8k3 norm=group] · conv6k3
        conv8k3 · [neck8k3] · conv6k3
        conv8k3 · [neck8k3 norm=none] · conv6k3
        conv8k3 · [dws8k3] · conv6k3
        conv8k3 · [dws8k5 leaky_relu norm=none] · conv6k3
        conv8k3 tanh · [inv8k3e2 gelu] · conv6k3
        conv8k3 tanh · [inv8k3e1 se=4 norm=none] · conv6k3
        conv8k3 tanh · [inv8k3e2 norm=group] · conv6k3
        conv8k3 tanh · pool2 average · [dense4k3] · conv6k3
        conv8k3 tanh · [dense4k3 norm=group] | flatten
        conv8k3 tanh · [drop.3] · conv6k3
        [dense4k3] · conv6k3
        conv8k3 tanh · [link1] · conv6k3
        conv8k3 · [link1 norm=none] · conv6k3
        conv8k3 · pool2 · [link2 norm=group] · conv6k3
        conv8k3 tanh · conv8k3 gelu · [link1 concat] · conv6k3 | flatten dense7
        conv8k3 · [conv8k3] | flatten
        conv8k3 · conv8k3 · [conv8k3] · conv6k3
        conv8k3 tanh · res8k3 · [conv8k3] · conv6k3
        conv8k3 tanh · neck8k3 · drop.2 · [conv8k3] · conv6k3
        conv8k3 tanh · dws8k3 · pool2 average · [conv8k3] · conv6k3
        conv8k3 · conv4k3 · link1 concat · [conv12k3] · conv6k3
        conv8k3 · conv8k3 · link1 · [dws8k3] · conv6k3
        conv8k3 · [conv8k3] · conv6k3 gelu · link{1>2} norm=none
        conv8k3 · [conv8k3] · conv6k3 gelu · link1 norm=none
        conv8k3 · [dense4k3] · conv8k3 · link1 · conv6k3
        conv8k3 tanh · drop.2 · [inv8k3e2] · pool2 average · conv6k3
        conv8k3 · drop.2 · [conv8k3] · pool2 average · conv6k3
        conv8k3 · drop.2 · [res8k3] · pool2 · conv6k3
        conv{8>12}k3 · [dense4k3] · res{8>10}k3 · conv6k3
        conv{8>12}k3 · [conv12k3] · conv6k3
        conv{8>12}k3 · [inv12k3e2] · conv6k3
        conv8k3 · reversed8k3 · pool2 average · [dense4k3] · conv6k3
    """,
}

NO = {
    "wider": """
        conv8k3 · conv{10>6}k3 · conv5k3
        conv8k3 · conv{6>10}k3 norm=group · conv5k3
        conv8k3 · conv{8>12}k3 groups=8 · conv5k3
        conv8k3 · conv{8>12}k{1>3} · conv5k3
        conv8k3 · res{6>8}k3 · conv5k3
        conv8k3 · res{8>12}k3 norm=group · conv5k3
        conv8k3 · neck{6>8}k3 · conv5k3
        conv8k3 · neck{6>10}k3 norm=group · conv5k3
        conv8k3 · dws{6>10}k3 norm=group · conv5k3
        conv8k3 · inv{8>12}k3e2 · conv5k3
        conv8k3 · inv{6>8}k3e2 · conv5k3
        conv8k3 · inv{6>10}k3e2 norm=group · conv5k3
        conv8k3 · inv6k3e{2>3} · conv5k3
        conv8k3 · neck8k3 reduction={3>2} · conv5k3
        conv8k3 · dense{4>6}k3 · dense4k3 norm=group · conv5k3
        conv8k3 · scale{6>10} · conv5k3
        conv8k3 · scale{6>10}
        conv8k3 · reversed{6>10}k3 · conv5k3
        conv8k3 | gap dense{7>6}
        conv8k3 | gap dense{7>8,4}
        conv8k3 | {gap>flatten}
        conv8k3 | gap dense7 {relu>tanh}
    """,
    "behind": """
        conv{8>12}k3 · conv6k3 groups=2
        conv{8>12}k3 · conv8k3 groups=8
        conv8k3 · conv{8>12}k3 groups=2 · conv8k3 groups=4
        conv{8>12}k3 · res8k3 norm=group
        conv{8>12}k3 · res12k3
        conv{8>12}k3 · res{8>12}k3 norm=group
        conv{8>12}k3 · neck{8>12}k3 norm=group
        conv8k3 · conv{8>12}k3 groups=4 · conv{8>12}k3 · link1
        conv{8>12}k3 · neck8k3 norm=group
        conv{8>12}k3 · neck12k3
        conv{8>12}k3 · dws6k3 norm=group
        conv{8>12}k3 · inv8k3e2
        conv{8>12}k3 · inv12k3e2
        conv{8>12}k3 · inv6k3e2 norm=group
        conv{8>12}k3 · dense4k3 norm=group
        conv{8>12}k3 · conv8k3 · link1 norm=group
        conv8k3 · conv{8>12}k3s2 · link1 norm=group
        conv{8>12}k3 · conv12k3 · link1
        conv{8>12}k3 · pool{2>3} · conv6k3
        conv{8>12}k3 · drop{.2>.3} · conv6k3
        conv{8>12}k3 · conv8k3 groups=4 · link1 concat · conv6k3 groups=2
        conv{8>12}k3 · scale0 · conv6k3
        conv{8>12}k3 · reversed6k3 · conv6k3
    """,
    "inserted": """
        conv8k3 · [conv6k3] · conv5k3
        conv8k3 · [conv8k3s2] · conv6k3
        conv8k3 · [conv8k3 valid] · conv6k3
        conv8k3 · [conv8k3 gelu] · conv6k3
        conv8k3 · [conv8k3 silu] · conv6k3
        conv8k3 · [conv8k3 tanh] · conv6k3
        conv8k3 · [conv8k3 norm=group] · conv6k3
        conv8k3 tanh · [conv8k3] · conv6k3
        conv8k3 leaky_relu · [conv8k3 leaky_relu] · conv6k3
        conv8k3 · inv8k3e2 · [conv8k3] · conv6k3
        conv8k3 · dense4k3 · [conv12k3] · conv6k3
        conv8k3 · conv3k3 · link2 · [conv3k3] · conv6k3
        conv8k3 tanh · conv4k3 · link1 concat · [conv12k3] · conv6k3
        conv8k3 · conv4k3 · link1 · [conv4k3] · conv6k3
        conv8k3 · scale0 · [conv8k3] · conv6k3
        conv8k3 · reversed8k3 · [conv8k3] · conv6k3
        [conv3k3] · conv6k3
        conv8k3 tanh · [res8k3] · conv6k3
        conv8k3 · [res8k3 tanh] · conv6k3
        conv8k3 · [res6k3] · conv6k3
        conv8k3 · [res8k3s2] · conv6k3
        conv8k3 tanh · [neck8k3] · conv6k3
        conv8k3 · [neck6k3] · conv6k3
        conv8k3 tanh · [dws8k3] · conv6k3
        conv8k3 · [dws8k3 norm=group] · conv6k3
        conv8k3 · [dws6k3] · conv6k3
        conv8k3 · [inv6k3e2] · conv6k3
        conv8k3 · [inv8k3s2e2] · conv6k3
        conv8k3 · [pool2] · conv6k3
        conv8k3 · [pool2 average] · conv6k3
        conv8k3 · [dense4k3] · conv6k3 groups=2
        conv8k3 · [dense4k3] · dense4k3 norm=group
        conv8k3 · conv8k3 · [link1] · conv6k3
        conv8k3 · [link1 concat] · scale0 · conv6k3
        conv8k3 · [scale0] · conv6k3
        conv8k3 · [reversed8k3] · conv6k3
        conv8k3 · [drop.2] · conv6k3 gelu · link{1>3} norm=none
        conv8k3 · [drop.2] · [drop.2] · conv6k3
    """,
}

# A pool right behind a gene is computed inside it in the early order: ahead of its activation.
ONLY_TEXTBOOK = {
    "inserted": """
        conv8k3 · [conv8k3] · pool2 average · conv6k3
        conv8k3 · [drop.2] · pool2 · conv6k3
        conv8k3 tanh · [dense4k3] · pool2 average · conv6k3
        conv8k3 · [inv8k3e2] · pool2 average · conv6k3
        conv8k3 · pool2 average · conv6k3 · [link2 concat] · conv6k3
    """,
}


def cases(table: dict[str, str]) -> list[str]:
    return [line.strip() for lines in table.values() for line in lines.strip().splitlines()]


def ordered(table: dict[str, str]) -> list[tuple[str, str]]:
    """Return cases with each order of pools, one order where there is no pool."""
    orders = {True: ORDERS, False: ORDERS[:1]}
    return [(case, order) for case in cases(table) for order in orders["pool" in case]]


def chromosome(text: str) -> Chromosome:
    layers, _, head = text.partition(" | ")
    line = " · ".join(word for word in layers.split(" · ") if word)
    return Chromosome.parse(f"{line} | {head or 'gap'} | {Recipe().text}", GENES)


def family(case: str) -> tuple[Chromosome, Chromosome]:
    """Return the parent and the child of a case."""
    old = re.sub(r"\{([^>]*)>([^}]*)\}", r"\1", re.sub(r"\[[^]]*\]", "", case))
    new = re.sub(r"\{([^>]*)>([^}]*)\}", r"\2", re.sub(r"[\[\]]", "", case))
    return chromosome(old), chromosome(new)


def trained(network: Network) -> Network:
    """Give a network weights and running statistics as training leaves them: none at its initial value."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            nn.init.uniform_(tensor, 0.3, 3, generator=generator)
        elif tensor.ndim == 1:
            nn.init.normal_(tensor, 0.3, 0.7, generator=generator)
    return network.eval()


def grown(
    parent: Chromosome, child: Chromosome, shape: Shape = SHAPE, pool_order: str = "early"
) -> tuple[Network, Network]:
    """Return the parent's network, trained, and the child's with what it inherits."""
    plan = morphism(parent, child, shape, pool_order=pool_order)
    assert plan is not None
    old, new = (build(each, shape, N_CLASSES, pool_order=pool_order).eval() for each in (parent, child))
    inherit(new, trained(old), plan)
    return old, new


@torch.no_grad()
def difference(one: nn.Module, other: nn.Module, shape: Shape = SHAPE) -> float:
    """Return the largest difference of scores, as a share of their scale where that is above 1."""
    images = torch.randn(4, *shape, generator=torch.Generator().manual_seed(1))
    scores, others = one(images), other(images)
    return float((scores - others).abs().max() / scores.abs().max().clamp(min=1))


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize(("case", "pool_order"), ordered(YES))
def test_the_child_computes_what_its_parent_computes(case: str, pool_order: str) -> None:
    parent, child = family(case)
    old, new = grown(parent, child, pool_order=pool_order)
    assert difference(old, new) <= TOLERANCE
    fresh = build(child, SHAPE, N_CLASSES, pool_order=pool_order).eval()
    assert difference(old, fresh) > 100 * TOLERANCE
    assert parent.counts(SHAPE, N_CLASSES) != child.counts(SHAPE, N_CLASSES)


@pytest.mark.parametrize(("case", "pool_order"), ordered(NO))
def test_a_child_that_cannot_is_refused(case: str, pool_order: str) -> None:
    assert morphism(*family(case), SHAPE, pool_order=pool_order) is None


@pytest.mark.parametrize("case", cases(ONLY_TEXTBOOK))
def test_nothing_comes_between_a_gene_and_the_pool_it_computes(case: str) -> None:
    parent, child = family(case)
    assert morphism(parent, child, SHAPE, pool_order="early") is None
    old, new = grown(parent, child, pool_order="textbook")
    assert difference(old, new) <= TOLERANCE


@pytest.mark.parametrize("gene", LAYERS, ids=lambda gene: gene.name())
def test_the_tables_hold_every_gene(gene: type[LayerGene]) -> None:
    code = gene.code_of()
    patterns = {"wider": rf"{code}\{{", "behind": rf"\}}.* · {code}[\d.]", "inserted": rf"\[{code}[\d.]"}
    if gene.name() in ("pool", "dropout", "link"):
        del patterns["wider"]
    for change, pattern in patterns.items():
        lines = YES[change] + NO[change]
        assert re.search(pattern, lines), (change, code)


@pytest.mark.parametrize("pool_order", ORDERS)
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_chromosomes_keep_their_function(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
    pool_order: str,
    start: int,
) -> None:
    space = make_space(Shape(2, 6, 5), pool_order=pool_order)
    operators = (NetWiden(), NetDeepen(), AddSkip())
    rng = np.random.default_rng(start)
    n_changed = 0
    for n, raw in enumerate(random_chromosomes(space, 200, seed=3)[start : start + 50]):
        parent = space.repair(raw).genome
        child = operators[n % 3](parent, space, rng)
        if child is not parent:
            old, new = grown(parent, child, space.input_shape, pool_order)
            assert difference(old, new, space.input_shape) <= TOLERANCE, (parent.text, child.text)
            n_changed += 1
    assert n_changed > 20


def test_the_genotype_knows_which_pools_are_computed_inside_a_block(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
) -> None:
    space = make_space(SHAPE)
    own = chromosome("conv4k3 · pool2 · reversed4k3 · pool2 · scale0 · pool2")
    for each in [own, *random_chromosomes(space, 100)]:
        with torch.device("meta"):
            ends = build(each, SHAPE, N_CLASSES, pool_order="early").ends
        pools = {end - 1 for start, end in zip([0, *ends], ends, strict=False) if end - start > 1}
        assert pools_within(list(each.trace(SHAPE))) == pools


def test_the_same_chromosome_inherits_everything() -> None:
    parent = chromosome("conv8k3 · pool2 · res6k3 · link2 norm=none · dense4k3 norm=group | flatten dense7")
    old, new = grown(parent, replace(parent, recipe=Recipe("adam")))
    for name, tensor in old.state_dict().items():
        torch.testing.assert_close(new.state_dict()[name], tensor, rtol=0, atol=0)


def test_new_channels_keep_the_childs_weights_and_are_read_with_zeros() -> None:
    parent, child = family("conv{4>6}k3 · conv5k3")
    plan = morphism(parent, child, SHAPE)
    assert plan is not None
    old, new = (build(each, SHAPE, N_CLASSES) for each in (parent, child))
    own = new.blocks[0].convolution.weight.detach().clone()
    inherit(new, old, plan)
    first, second = (new.blocks[n].convolution.weight for n in (0, 1))
    torch.testing.assert_close(first[:4], old.blocks[0].convolution.weight, rtol=0, atol=0)
    torch.testing.assert_close(first[4:], own[4:], rtol=0, atol=0)
    torch.testing.assert_close(second[:, :4], old.blocks[1].convolution.weight, rtol=0, atol=0)
    assert (second[:, 4:] == 0).all()


def gradients(network: Network, n_steps: int) -> dict[str, Tensor]:
    """Return the gradient of each weight after some steps of training."""
    optimizer = torch.optim.SGD(network.train().parameters(), lr=0.1)
    images = torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(2))
    for step in range(n_steps + 1):
        optimizer.zero_grad()
        functional.cross_entropy(network(images), torch.arange(16) % N_CLASSES).backward()
        if step < n_steps:
            optimizer.step()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    "case",
    [
        "conv{4>6}k3 · conv5k3",
        "conv4k3 · res{4>6}k3",
        "conv4k3 · inv{5>6}k3e2 se=2 · conv5k3",
        "conv4k3 · [conv4k3] · conv5k3",
        "conv4k3 · [res4k3] · conv5k3",
        "conv8k3 · [neck8k3 reduction=1 norm=none] · conv5k3",
        "conv4k3 · [inv4k3e2 norm=group] · conv5k3",
        "conv4k3 · [dense4k3] · conv5k3",
        "conv4k3 · [link1] · conv5k3",
        "conv4k3 · [link1 norm=none] · conv5k3",
    ],
)
def test_what_is_new_learns_from_the_second_step_on(case: str) -> None:
    _, new = grown(*family(case))
    for name, gradient in gradients(new, n_steps=1).items():
        if name.endswith("weight"):
            strength = gradient.abs() if gradient.ndim == 1 else gradient.abs().flatten(1).amax(1)
            assert (strength > 0).float().mean() > 0.5, name  # a relu may be dead
