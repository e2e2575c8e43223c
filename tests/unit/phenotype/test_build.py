"""Networks and layers against the same written by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.errors import GeneError
from evocnn.genotype import (
    Chromosome,
    Conv,
    Counts,
    DepthwiseSeparable,
    Dropout,
    Head,
    LayerGene,
    Pool,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
)
from evocnn.genotype.layers import ACTIVATIONS
from evocnn.phenotype import build, layer_module
from evocnn.phenotype.build import head_module

SHAPE = Shape(3, 8, 8)
RECIPE = Recipe()


def images(shape: Shape = SHAPE, n: int = 4) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def scramble(network: nn.Module) -> nn.Module:
    """Give every parameter a value of its own, so that no two orders of operations agree by chance."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    return network


def share(reference: nn.Module, network: nn.Module) -> nn.Module:
    """Let a network written by hand take another's parameters, in order."""
    for own, other in zip(reference.parameters(), network.parameters(), strict=True):
        own.data = other.data
    return reference


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.batch_norm(x, None, None, weight, bias, training=True)


def of(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), RECIPE)


def hand_built(pool_order: str) -> nn.Sequential:
    convolution = nn.Conv2d(3, 5, 3, padding=1, bias=False)
    rest = {
        "early": [nn.AvgPool2d(2), nn.BatchNorm2d(5), nn.Tanh()],
        "textbook": [nn.BatchNorm2d(5), nn.Tanh()],
    }
    pools = {"early": [], "textbook": [nn.AvgPool2d(2)]}
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 10)]
    return nn.Sequential(convolution, *rest[pool_order], *pools[pool_order], *head)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
def test_a_pool_is_computed_in_its_order(pool_order: str) -> None:
    network = scramble(
        build(of(Conv(5, 3, activation="tanh"), Pool(2, "average")), SHAPE, 10, pool_order=pool_order)
    )
    x = images()
    torch.testing.assert_close(network(x), share(hand_built(pool_order), network)(x))
    other = hand_built("textbook" if pool_order == "early" else "early")
    assert not torch.allclose(network(x), share(other, network)(x), atol=1e-3)


def test_the_early_order_is_the_default() -> None:
    network = scramble(build(of(Conv(5, 3, activation="tanh"), Pool(2, "average")), SHAPE, 10))
    torch.testing.assert_close(network(images()), share(hand_built("early"), network)(images()))


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize(
    ("layers", "pools"),
    [
        ((Pool(2, "average"), Pool(2, "max")), [nn.AvgPool2d(2), nn.MaxPool2d(2)]),
        ((Pool(3, "max"), Dropout(0.5), Pool(2, "average")), [nn.MaxPool2d(3), nn.AvgPool2d(2)]),
        ((Dropout(0.5), Pool(), Pool(), Pool()), [nn.MaxPool2d(2)] * 3),
    ],
)
def test_pools_in_a_row_are_all_computed_once(
    layers: tuple[LayerGene, ...], pools: list[nn.Module], pool_order: str
) -> None:
    network = build(of(*layers, head=Head("flatten")), SHAPE, 10, pool_order=pool_order).eval()
    features = nn.Sequential(*pools, nn.Flatten())(images())
    linear = list(network.modules())[-1]
    torch.testing.assert_close(network(images()), linear(features))


def test_a_strip_is_pooled_along_its_length() -> None:
    network = build(of(Pool(2, "average"), head=Head("flatten")), Shape(1, 1, 17), 10)
    linear = list(network.modules())[-1]
    x = images(Shape(1, 1, 17))
    expected = torch.stack([(x[..., i] + x[..., i + 1]) / 2 for i in range(0, 16, 2)], dim=-1)
    torch.testing.assert_close(network(x), linear(expected.flatten(1)))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "tanh": torch.tanh,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_convolution_by_hand(activation: str, normalization: str, padding: str) -> None:
    gene = Conv(5, 3, 2, padding, activation, normalization)
    module = scramble(layer_module(gene, SHAPE))
    weight, *rest = module.parameters()
    x = images()
    bias = rest[0] if normalization == "none" else None
    y = functional.conv2d(x, weight, bias, stride=2, padding=1 if padding == "same" else 0)
    y = batch_norm(y, *rest) if normalization == "batch" else y
    torch.testing.assert_close(module(x), FUNCTIONS[activation](y))


@pytest.mark.parametrize("pool", [nn.Identity(), nn.AvgPool2d(2)], ids=["alone", "pooled"])
def test_a_residual_block_whose_shortcut_is_the_input_by_hand(pool: nn.Module) -> None:
    block = scramble(layer_module(Residual(3, 3, activation="silu"), SHAPE, early=pool))
    w1, g1, b1, w2, g2, b2 = block.parameters()
    x = images()
    y = functional.silu(batch_norm(functional.conv2d(x, w1, padding=1), g1, b1))
    y = batch_norm(pool(functional.conv2d(y, w2, padding=1)), g2, b2)
    torch.testing.assert_close(block(x), functional.silu(y + pool(x)))


@pytest.mark.parametrize("pool", [nn.Identity(), nn.AvgPool2d(2)], ids=["alone", "pooled"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_residual_block_whose_shortcut_is_projected_by_hand(pool: nn.Module, stride: int) -> None:
    block = scramble(layer_module(Residual(6, 5, stride, "tanh"), SHAPE, early=pool))
    w1, g1, b1, w2, g2, b2, w3, g3, b3 = block.parameters()
    x = images()
    y = torch.tanh(batch_norm(functional.conv2d(x, w1, stride=stride, padding=2), g1, b1))
    y = batch_norm(pool(functional.conv2d(y, w2, padding=2)), g2, b2)
    shortcut = batch_norm(pool(functional.conv2d(x, w3, stride=stride)), g3, b3)
    torch.testing.assert_close(block(x), torch.tanh(y + shortcut))


def test_a_residual_block_leaves_its_input_as_it_is() -> None:
    x = images()
    layer_module(Residual(3, 3, normalization="none"), SHAPE)(x)
    torch.testing.assert_close(x, images())


@pytest.mark.parametrize("pool", [nn.Identity(), nn.AvgPool2d(2)], ids=["alone", "pooled"])
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_a_depthwise_separable_convolution_by_hand(pool: nn.Module, normalization: str) -> None:
    gene = DepthwiseSeparable(6, 3, 2, "gelu", normalization)
    module = scramble(layer_module(gene, SHAPE, early=pool))
    x = images()
    if normalization == "batch":
        w1, g1, b1, w2, g2, b2 = module.parameters()
        y = batch_norm(functional.conv2d(x, w1, stride=2, padding=1, groups=3), g1, b1)
        y = batch_norm(pool(functional.conv2d(functional.gelu(y), w2)), g2, b2)
    else:
        w1, b1, w2, b2 = module.parameters()
        y = functional.conv2d(x, w1, b1, stride=2, padding=1, groups=3)
        y = pool(functional.conv2d(functional.gelu(y), w2, b2))
    torch.testing.assert_close(module(x), functional.gelu(y))


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
def test_a_head_by_hand(pooling: str) -> None:
    module = scramble(head_module(Head(pooling, (7, 5), 0.5), SHAPE, 10))
    w1, b1, w2, b2, w3, b3 = module.parameters()
    x = images()
    y = x.mean(dim=(2, 3)) if pooling == "gap" else x.flatten(1)
    y = torch.relu(torch.relu(y @ w1.T + b1) @ w2.T + b2)
    torch.testing.assert_close(module.eval()(x), y @ w3.T + b3)
    torch.manual_seed(2)
    dropped = functional.dropout(y, 0.5)
    torch.manual_seed(2)
    torch.testing.assert_close(module.train()(x), dropped @ w3.T + b3)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
def test_inert_genes_are_passed_over(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], pool_order: str
) -> None:
    shape = space.input_shape
    with torch.device("meta"):
        for chromosome in random_chromosomes(space, 30, seed=3):
            canonical = chromosome.canonical(shape)
            if canonical != chromosome:
                networks = [build(c, shape, 10, pool_order=pool_order) for c in (chromosome, canonical)]
                assert repr(networks[0]) == repr(networks[1])


def test_an_inert_gene_between_a_layer_and_its_pool_does_not_part_them() -> None:
    parted = build(of(Conv(5, 3), Dropout(0), Conv(5, 9, padding="valid"), Pool()), SHAPE, 10)
    assert repr(parted) == repr(build(of(Conv(5, 3), Pool()), SHAPE, 10))
    assert parted.ends == [2]  # the convolution with its pool


def test_a_network_without_layers_is_its_head() -> None:
    network = scramble(build(of(), SHAPE, 10))
    weight, bias = network.parameters()
    torch.testing.assert_close(network(images()), images().mean(dim=(2, 3)) @ weight.T + bias)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
def test_a_network_gives_class_scores_and_takes_a_training_step(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], pool_order: str
) -> None:
    n = 4 if space.input_shape.height < 100 else 2
    x, labels = images(space.input_shape, n), torch.arange(n)
    for drawn in random_chromosomes(space, 5, seed=4):
        network = build(space.repair(drawn).genome, space.input_shape, 7, pool_order=pool_order)
        before = [parameter.clone() for parameter in network.parameters()]
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        scores = network(x)
        assert scores.shape == (n, 7)
        functional.cross_entropy(scores, labels).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters()), drawn.text
        optimizer.step()
        assert any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
        assert network.eval()(x).isfinite().all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("pool", [Pool(), Pool(2, "average")])
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_what_is_computed_in_place_spoils_no_gradient(
    activation: str, pool: Pool, normalization: str
) -> None:
    words = {"activation": activation, "normalization": normalization}
    layers = (
        Conv(4, 3, **words),
        pool,
        Residual(4, 3, **words),
        Residual(6, 3, **words),
        pool,
        DepthwiseSeparable(4, 3, **words),
        Dropout(0.1),
        pool,
    )
    for pool_order in ("early", "textbook"):
        network = build(of(*layers, head=Head(units=(8,))), SHAPE, 10, pool_order=pool_order)
        network(images()).square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_gene_without_a_module_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Nothing(LayerGene):
        def output(self, shape: Shape) -> Shape:
            return shape

        def counts(self, shape: Shape) -> Counts:
            return Counts(activations=shape.size)

    with pytest.raises(GeneError, match=r"gene 'nothing' must have a method module\(shape\) -> nn\.Module"):
        build(of(Nothing()), SHAPE, 10)


def test_chromosomes_that_differ_only_in_their_recipe_build_one_network() -> None:
    one = of(Conv(5, 3), Pool())
    other = replace(one, recipe=Recipe("adam", 0.1))
    assert repr(build(one, SHAPE, 10)) == repr(build(other, SHAPE, 10))
