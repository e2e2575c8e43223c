"""Blocks, normalizations and dropped paths, each against the same written by hand."""

from collections.abc import Callable
from math import gcd, sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.genotype import (
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    InvertedResidual,
    LayerGene,
    Residual,
    Shape,
)
from evocnn.phenotype import layer_module
from evocnn.phenotype.parts import DropPath, GroupNormalization, normalization

SHAPE = Shape(4, 8, 8)
POOLS = pytest.mark.parametrize("pool", [None, nn.AvgPool2d(2)], ids=["alone", "pooled"])


def images(shape: Shape = SHAPE, n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def scramble(module: nn.Module) -> nn.Module:
    """Give every parameter a value of its own, so that no two orders of operations agree by chance."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return module


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.batch_norm(x, None, None, weight, bias, training=True)


def same(x: Tensor) -> Tensor:
    return x


@POOLS
@pytest.mark.parametrize(("filters", "stride"), [(4, 1), (8, 1), (4, 2), (8, 2)])
def test_a_bottleneck_by_hand(pool: nn.Module | None, filters: int, stride: int) -> None:
    gene = Bottleneck(filters, 5, stride, 2, "silu")
    block, x, pooled = scramble(layer_module(gene, SHAPE, early=pool)), images(), pool or same
    (w1, g1, b1), (w2, g2, b2), (w3, g3, b3), *shortcut = zip(*[iter(block.parameters())] * 3, strict=True)
    assert w1.shape == (filters // 2, 4, 1, 1)
    y = functional.silu(batch_norm(functional.conv2d(x, w1), g1, b1))
    y = functional.silu(batch_norm(functional.conv2d(y, w2, stride=stride, padding=2), g2, b2))
    y = batch_norm(pooled(functional.conv2d(y, w3)), g3, b3)
    assert len(shortcut) == (gene.output(SHAPE) != SHAPE)
    z = pooled(x)
    if shortcut:
        ((w4, g4, b4),) = shortcut
        z = batch_norm(pooled(functional.conv2d(x, w4, stride=stride)), g4, b4)
    torch.testing.assert_close(block(x), functional.silu(y + z))


@POOLS
@pytest.mark.parametrize("squeeze", [0, 3])
@pytest.mark.parametrize("expansion", [1, 3])
@pytest.mark.parametrize(("filters", "stride"), [(4, 1), (6, 1), (4, 2)])
def test_an_inverted_residual_by_hand(
    filters: int, stride: int, expansion: int, squeeze: int, pool: nn.Module | None
) -> None:
    gene = InvertedResidual(filters, 3, stride, expansion, squeeze, "gelu")
    block, x, pooled = scramble(layer_module(gene, SHAPE, early=pool)), images(), pool or same
    parameters = iter(block.parameters())
    hidden, y = 4 * expansion, x
    if expansion > 1:
        w, g, b = (next(parameters) for _ in range(3))
        y = functional.gelu(batch_norm(functional.conv2d(y, w), g, b))
    w, g, b = (next(parameters) for _ in range(3))
    y = functional.gelu(batch_norm(functional.conv2d(y, w, stride=stride, padding=1, groups=hidden), g, b))
    if squeeze:
        w1, b1, w2, b2 = (next(parameters) for _ in range(4))
        assert w1.shape == (max(1, hidden // 3), hidden, 1, 1)
        inner = torch.relu(y.mean(dim=(2, 3)) @ w1[:, :, 0, 0].T + b1)
        y = y * torch.sigmoid(inner @ w2[:, :, 0, 0].T + b2)[:, :, None, None]
    w, g, b = parameters
    y = batch_norm(pooled(functional.conv2d(y, w)), g, b)  # linear: no activation
    y = y + pooled(x) if (filters, stride) == (4, 1) else y
    torch.testing.assert_close(block(x), y)


@pytest.mark.parametrize("words", [("relu", "batch"), ("tanh", "group"), ("relu", "none")])
def test_a_dense_layer_by_hand(words: tuple[str, str]) -> None:
    gene = DenseConcat(5, 3, *words)
    module, x = scramble(layer_module(gene, SHAPE)), images()
    *scales, weight = module.parameters() if words[1] != "none" else list(module.parameters())[::-1]
    y = x
    if words[1] == "batch":
        y = batch_norm(y, *scales)
    elif words[1] == "group":
        y = functional.group_norm(y, 1, *scales)  # four channels make one group
    y = torch.tanh(y) if words[0] == "tanh" else torch.relu(y)
    bias = scales[0] if words[1] == "none" else None
    y = functional.conv2d(y, weight, bias, padding=1)
    torch.testing.assert_close(module(x), torch.cat([x, y], dim=1))


@pytest.mark.parametrize("name", ["batch", "group", "none"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "silu"])
@pytest.mark.parametrize(
    "gene",
    [
        Conv(4, 3),
        Residual(4, 3),
        Bottleneck(4),
        DepthwiseSeparable(4, 3),
        InvertedResidual(4),
        DenseConcat(4),
    ],
)
def test_a_layer_leaves_its_input_as_it_is(gene: LayerGene, activation: str, name: str) -> None:
    x = images()
    layer_module(gene.having(activation=activation, normalization=name), SHAPE)(x)
    assert torch.equal(x, images())


@pytest.mark.parametrize(("groups", "made"), [(2, 2), (4, 4), (8, 4), (3, 1)])
def test_a_convolution_in_groups_by_hand(groups: int, made: int) -> None:
    module, x = scramble(layer_module(Conv(8, 3, normalization="none", groups=groups), SHAPE)), images()
    weight, bias = module.parameters()
    parts = [
        functional.conv2d(part, w, padding=1)
        for part, w in zip(x.chunk(made, dim=1), weight.chunk(made), strict=True)
    ]
    torch.testing.assert_close(module(x), torch.relu(torch.cat(parts, dim=1) + bias[:, None, None]))


@pytest.mark.parametrize(("padding", "zeros"), [("same", 4), ("valid", 0)])
def test_a_dilated_convolution_by_hand(padding: str, zeros: int) -> None:
    gene = Conv(3, 3, padding=padding, normalization="none", dilation=4 if padding == "same" else 3)
    module, x = scramble(layer_module(gene, SHAPE)), images()
    weight, bias = module.parameters()
    spread = torch.zeros(3, 4, gene.span, gene.span)
    spread[:, :, :: gene.dilation, :: gene.dilation] = weight
    torch.testing.assert_close(module(x), torch.relu(functional.conv2d(x, spread, bias, padding=zeros)))


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(1, 1), (2, 1), (4, 1), (7, 1), (8, 2), (12, 2), (16, 4), (24, 4), (32, 8), (64, 8)],
)
def test_a_group_holds_four_channels_or_more(channels: int, groups: int) -> None:
    module = normalization("group", channels)
    assert isinstance(module, GroupNormalization)
    assert module.num_groups == groups
    assert gcd(groups, channels) == groups
    x = images(Shape(channels, 3, 2))
    parts = x.reshape(3, groups, -1)
    expected = (parts - parts.mean(2, keepdim=True)) / (
        parts.var(2, correction=0, keepdim=True) + 1e-5
    ).sqrt()
    torch.testing.assert_close(module(x), expected.reshape(x.shape))


@pytest.mark.parametrize("gene", [Conv(1, 3), Residual(1, 3), InvertedResidual(1), DenseConcat(1)])
def test_group_normalization_takes_one_image_of_one_value(gene: LayerGene) -> None:
    point = Shape(1, 1, 1)
    module = scramble(layer_module(gene.having(normalization="group"), point)).train()
    result = module(images(point, n=1))
    result.sum().backward()
    assert result.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_a_path_is_dropped_by_image_and_kept_in_the_mean() -> None:
    # Binomial, 5 standard deviations: a false alarm in fewer than 1 of 1.7 million seeds.
    rate, n = 0.25, 8000
    torch.manual_seed(4)
    dropped = DropPath(rate).train()(torch.ones(n, 2, 3, 3))
    by_image = dropped[:, 0, 0, 0]
    assert torch.equal(dropped, by_image[:, None, None, None].expand_as(dropped))
    torch.testing.assert_close(by_image.unique(), torch.tensor([0, 1 / (1 - rate)]))
    assert abs(float(by_image.mean()) - 1) < 5 * sqrt(rate / (1 - rate) / n)


def test_no_path_is_dropped_in_evaluation() -> None:
    x = images()
    assert DropPath(0.9).eval()(x) is x


BLOCKS: list[tuple[LayerGene, Callable[[Tensor], Tensor]]] = [
    (Residual(4, 3, drop_path=0.5, normalization="none"), torch.relu),
    (Residual(6, 3, drop_path=0.5, normalization="none"), torch.relu),
    (Bottleneck(4, drop_path=0.5, normalization="none"), torch.relu),
    (InvertedResidual(4, drop_path=0.5, normalization="none"), same),
]


@pytest.mark.parametrize(("gene", "after"), BLOCKS)
def test_a_block_drops_its_branch_and_keeps_its_shortcut(
    gene: LayerGene, after: Callable[[Tensor], Tensor]
) -> None:
    module, x = scramble(layer_module(gene, SHAPE)), images(n=16)
    branch, shortcut = module.branch(x), module.shortcut(x)
    torch.testing.assert_close(module.eval()(x), after(branch + shortcut))
    torch.manual_seed(5)
    trained = module.train()(x)
    kept = torch.tensor([not torch.allclose(t, after(s)) for t, s in zip(trained, shortcut, strict=True)])
    assert 0 < kept.sum() < 16
    expected = after(shortcut + 2 * branch * kept[:, None, None, None])
    torch.testing.assert_close(trained, expected)


@pytest.mark.parametrize(
    "gene", [InvertedResidual(6, drop_path=0.5), InvertedResidual(4, stride=2, drop_path=0.5)]
)
def test_a_block_without_a_shortcut_drops_nothing(gene: InvertedResidual) -> None:
    module = layer_module(gene, SHAPE).train()
    assert not any(isinstance(part, DropPath) for part in module.modules())
    assert torch.equal(module(images()), module(images()))
