"""A gene type of a user takes part in everything that the genes of the package do."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evocnn.errors import GeneError, SpaceError
from evocnn.genotype import (
    LAYERS,
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
    SearchSpace,
    Shape,
    number,
    word,
)
from evocnn.operators import AddGene, AlterGene, DuplicateGene, OnePoint, Uniform
from evocnn.phenotype import build


@dataclass(frozen=True, slots=True)
class SplitMix(LayerGene):
    """A grouped convolution; inert where the channels cannot be split."""

    filters: int = number("", low=2, width=True)
    groups: int = number("g", default=2, low=2)
    order: str = word("before", "after")

    def check(self) -> None:
        if self.filters % self.groups:
            message = f"filters must be a multiple of groups, but it was {self.filters}; take another"
            raise GeneError(message)

    def output(self, shape: Shape) -> Shape | None:
        return None if shape.channels % self.groups else Shape(self.filters, shape.height, shape.width)

    def counts(self, shape: Shape) -> Counts:
        weights = shape.channels // self.groups * self.filters
        n = shape.height * shape.width
        return Counts(weights + self.filters, 2 * weights * n, 2 * self.filters * n, 2)

    def module(self, shape: Shape) -> nn.Module:
        convolution = nn.Conv2d(shape.channels, self.filters, 1, groups=self.groups)
        return nn.Sequential(convolution, nn.ReLU())


SPLIT = GeneAlleles(
    SplitMix, {"filters": Choice((8, 16, 32)), "groups": Choice((2, 4)), "order": Choice(("before", "after"))}
)
CONV = GeneAlleles(Conv, {"filters": Choice((7, 8)), "kernel": Choice((3,))})
SHAPE = Shape(1, 8, 8)


@pytest.fixture
def own_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    layers = (SPLIT, CONV, GeneAlleles(Pool, {}))
    return make_space(SHAPE, layers=layers, limits=Limits(parameters=1000, depth=6))


def of(*layers: LayerGene) -> Chromosome:
    return Chromosome(layers, Head(), Recipe())


def test_its_text_and_json_read_back(own_space: SearchSpace) -> None:
    chromosome = of(Conv(8, 3), SplitMix(16), SplitMix(8, 4, "after"))
    assert chromosome.text == "conv8k3 · split_mix16 · split_mix8g4 after | gap | sgd lr=.05"
    assert own_space.parse(chromosome.text) == chromosome
    assert chromosome.to_json()["layers"][1] == {
        "gene": "split_mix",
        "filters": 16,
        "groups": 2,
        "order": "before",
    }
    assert own_space.from_json(chromosome.to_json()) == chromosome
    with pytest.raises(
        GeneError, match=r"a layer's gene must be one of .* but it was 'split_mix'; add the gene"
    ):
        Chromosome.from_json(chromosome.to_json(), LAYERS)


def test_its_own_check_is_heard() -> None:
    with pytest.raises(GeneError, match="filters must be a multiple of groups, but it was 9"):
        SplitMix(9)
    with pytest.raises(SpaceError, match=r"an allele is refused: filters must be a multiple"):
        GeneAlleles(SplitMix, {"filters": Choice((12, 10)), "groups": Choice((2, 4))})


def test_its_shape_rule_makes_it_inert() -> None:
    chromosome = of(SplitMix(8), Conv(7, 3), SplitMix(8), Conv(8, 3), SplitMix(16, 4))
    assert chromosome.canonical(SHAPE) == of(Conv(7, 3), Conv(8, 3), SplitMix(16, 4))


def test_repair_shrinks_it_like_any_other(own_space: SearchSpace) -> None:
    large = of(Conv(8, 3), SplitMix(32), SplitMix(32))
    assert large.counts(SHAPE, 10).parameters > 1000
    repaired = own_space.repair(large).genome
    assert repaired.layers == (Conv(8, 3), SplitMix(16), SplitMix(32))
    assert repaired.counts(SHAPE, 10).parameters <= 1000


def test_repair_leaves_it_out_where_a_narrower_neighbour_made_it_inert(
    make_space: Callable[..., SearchSpace],
) -> None:
    space = make_space(SHAPE, layers=(SPLIT, CONV), limits=Limits(parameters=200))
    large = of(Conv(8, 3), SplitMix(8))
    assert large.counts(SHAPE, 10).parameters > 200
    assert space.repair(large).genome == of(Conv(7, 3))  # seven channels cannot be split


def test_operators_add_alter_and_exchange_it(own_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    parent = of(SplitMix(16))
    altered = {AlterGene()(parent, own_space, rng).layers[0] for _ in range(80)}
    assert altered == {SplitMix(8), SplitMix(32), SplitMix(16, 4), SplitMix(16, 2, "after")}
    assert DuplicateGene()(parent, own_space, rng).layers == (SplitMix(16),) * 2
    added = [AddGene()(of(), own_space, rng).layers[0] for _ in range(40)]
    assert {type(gene) for gene in added} == {SplitMix, Conv, Pool}
    for crossover in (OnePoint(), Uniform()):
        daughter, son = crossover(of(Conv(8, 3), SplitMix(8)), of(SplitMix(16), Pool()), own_space, rng)
        assert {*daughter.layers, *son.layers} == {Conv(8, 3), SplitMix(8), SplitMix(16), Pool()}


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
def test_its_module_is_built_and_a_pool_behind_it_follows(pool_order: str) -> None:
    chromosome = of(Conv(8, 3), SplitMix(4), Pool(), SplitMix(6))
    network = build(chromosome, SHAPE, 10, pool_order=pool_order)
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape[1:])))
    assert network(torch.randn(2, *SHAPE)).shape == (2, 10)
    assert shapes == [(8, 8, 8), (4, 8, 8), (6, 4, 4)]
    assert sum(p.numel() for p in network.parameters()) == chromosome.counts(SHAPE, 10).parameters


def test_a_gene_derived_from_one_of_the_package_may_bring_its_own_module() -> None:
    @dataclass(frozen=True, slots=True)
    class Sigmoid(Conv):
        def module(self, shape: Shape) -> nn.Module:
            return nn.Sequential(
                nn.Conv2d(shape.channels, self.filters, self.kernel, padding=1), nn.Sigmoid()
            )

    @dataclass(frozen=True, slots=True)
    class Renamed(Conv):
        pass

    kinds = [type(module) for module in build(of(Sigmoid(4, 3)), SHAPE, 10).modules()]
    assert nn.Sigmoid in kinds
    assert nn.ReLU not in kinds
    assert repr(build(of(Renamed(4, 3)), SHAPE, 10)) == repr(build(of(Conv(4, 3)), SHAPE, 10))


@dataclass(frozen=True, slots=True)
class Gate(LayerGene):
    """Scales what arrives by what entered the gene two before; inert where shapes differ."""

    @property
    def skip(self) -> int:
        return 2

    def output(self, shape: Shape, source: Shape | None = None) -> Shape | None:
        return shape if shape == source else None

    def counts(self, shape: Shape, source: Shape | None = None) -> Counts:
        assert source == shape
        return Counts(activations=shape.size, operations=1)

    def module(self, shape: Shape, source: Shape) -> nn.Module:
        assert source == shape
        return Product()


class Product(nn.Module):
    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        return x * source


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
def test_a_gene_of_ones_own_may_read_a_second_input(pool_order: str) -> None:
    chromosome = of(Gate(), Conv(1, 3), Gate(), Pool(), Conv(1, 1), Conv(1, 1), Gate(), Conv(2, 3), Gate())
    # The first reaches before the start, the second too, and the last reads one channel beside two.
    canonical = of(Conv(1, 3), Pool(), Conv(1, 1), Conv(1, 1), Gate(), Conv(2, 3))
    assert chromosome.canonical(SHAPE) == canonical
    network = build(chromosome, SHAPE, 10, pool_order=pool_order).eval()
    assert canonical.counts(SHAPE, 10).parameters == sum(p.numel() for p in network.parameters())
    gates = []
    gate = next(module for module in network.modules() if isinstance(module, Product))
    gate.register_forward_hook(lambda _, inputs, output: gates.append((*inputs, output)))
    states = [x := torch.randn(2, *SHAPE)]
    for block in list(network.blocks)[: network.reads.index(2)]:
        states.append(block(states[-1]))
    network(x)
    torch.testing.assert_close(gates, [(states[-1], states[-3], states[-1] * states[-3])])


def test_a_space_samples_it(own_space: SearchSpace) -> None:
    rng = np.random.default_rng(1)
    uniform = replace(own_space, founder_prior="uniform")  # informed ones begin with 7 filters: none to split
    samples = [uniform.sample(rng) for _ in range(30)]
    assert any(isinstance(gene, SplitMix) for chromosome in samples for gene in chromosome.layers)
    for chromosome in samples:
        network = build(chromosome, SHAPE, 10)
        n_parameters = sum(p.numel() for p in network.parameters())
        assert n_parameters == chromosome.counts(SHAPE, 10).parameters <= 1000
