"""Links: what they read, how they merge it, and which pools they leave where they are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.genotype import (
    Bottleneck,
    Chromosome,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    Head,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
)
from evocnn.phenotype import Network, build, layer_module

SHAPE = Shape(3, 8, 8)


def images(shape: Shape = SHAPE, n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def scramble(module: nn.Module) -> nn.Module:
    """Give every parameter a value of its own, so that no two sources agree by chance."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return module


def of(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), Recipe())


def networks(chromosome: Chromosome, shape: Shape = SHAPE) -> tuple[Network, Network]:
    """Return the network in early and in textbook order, with the same weights."""
    early, textbook = (build(chromosome, shape, 5, pool_order=order) for order in ("early", "textbook"))
    scramble(early)
    for one, other in zip(early.parameters(), textbook.parameters(), strict=True):
        other.data = one.data
    return early, textbook


def followed(network: Network, chromosome: Chromosome, x: Tensor) -> Tensor:
    """Return a network's scores, block after block along the trace; no block can spoil what another reads."""
    steps = list(chromosome.trace(Shape(*x.shape[1:])))
    states = {0: x}
    for block, start, end in zip(network.blocks, [0, *network.ends], network.ends, strict=False):
        skip = steps[start].gene.skip
        inputs = (states[start], states[start - skip]) if skip else (states[start],)
        assert tuple(tuple(state.shape[1:]) for state in inputs) == steps[start].inputs
        states[end] = block(*(state.clone() for state in inputs))
        assert tuple(states[end].shape[1:]) == steps[end - 1].output
    scores: Tensor = network.head(states[len(steps)])
    return scores


def test_a_skip_is_added() -> None:
    module = layer_module(Link(1), SHAPE, SHAPE)
    assert not list(module.parameters())
    x, source = images(), images() * 2
    torch.testing.assert_close(module(x, source), x * 3)


@pytest.mark.parametrize("name", ["batch", "group", "none"])
@pytest.mark.parametrize("side", [8, 16])
def test_a_skip_of_another_shape_is_averaged_and_projected(name: str, side: int) -> None:
    source_shape = Shape(5, side, side)
    module = scramble(layer_module(Link(1, normalization=name), SHAPE, source_shape))
    x, source = images(), images(source_shape)
    weight, *rest = module.parameters()
    assert weight.shape == (3, 5, 1, 1)
    y = functional.avg_pool2d(source, 2) if side == 16 else source
    y = functional.conv2d(y, weight, rest[0] if name == "none" else None)
    if name == "batch":
        y = functional.batch_norm(y, None, None, *rest, training=True)
    elif name == "group":
        y = functional.group_norm(y, 1, *rest)
    torch.testing.assert_close(module(x, source), x + y)


def test_a_skip_is_put_behind_what_arrives() -> None:
    source_shape = Shape(2, 16, 8)
    module = layer_module(Link(1, "concat", "none"), SHAPE, source_shape)
    assert not list(module.parameters())
    x, source = images(), images(source_shape)
    averaged = (source[:, :, ::2] + source[:, :, 1::2]) / 2
    torch.testing.assert_close(module(x, source), torch.cat([x, averaged], dim=1))


def test_a_size_that_does_not_divide_is_averaged_in_overlapping_windows() -> None:
    source = images(Shape(1, 1, 7))
    module = layer_module(Link(1, "concat"), Shape(1, 1, 3), Shape(1, 1, 7))
    windows = [source[..., a:b].mean(dim=-1) for a, b in ((0, 3), (2, 5), (4, 7))]
    torch.testing.assert_close(module(images(Shape(1, 1, 3)), source)[:, 1:], torch.stack(windows, dim=-1))


def test_a_sum_drops_what_arrives_and_keeps_the_skip() -> None:
    module = layer_module(Link(1, drop_path=0.5), SHAPE, SHAPE)
    x, source = images(n=16), images(n=16).flip(0)
    torch.testing.assert_close(module.eval()(x, source), x + source)
    torch.manual_seed(2)
    trained = module.train()(x, source)
    kept = torch.tensor([not torch.equal(t, s) for t, s in zip(trained, source, strict=True)])
    assert 0 < kept.sum() < 16
    torch.testing.assert_close(trained, source + 2 * x * kept[:, None, None, None])


def test_a_concatenation_drops_nothing() -> None:
    module = layer_module(Link(1, "concat", drop_path=0.9), SHAPE, SHAPE).train()
    assert torch.equal(module(images(), images()), torch.cat([images()] * 2, dim=1))


@pytest.mark.parametrize("merge", ["add", "concat"])
@pytest.mark.parametrize("back", [1, 2, 3, 4])
def test_a_network_hands_a_link_what_entered_the_genes_it_skips(back: int, merge: str) -> None:
    layers = (Conv(4, 3), Pool(2, "average"), Conv(5, 3, 2), Residual(4, 3), Link(back, merge, "none"))
    chromosome = of(*layers)
    network = scramble(build(chromosome, SHAPE, 5, pool_order="textbook"))
    states = [images()]
    for block in list(network.blocks)[:4]:
        states.append(block(states[-1]))
    x, source = states[-1], states[-1 - back]
    source = functional.avg_pool2d(source, source.shape[-1] // 2)
    link = network.blocks[4]
    y = torch.cat([x, source], 1) if merge == "concat" else x + link.projection(source)
    torch.testing.assert_close(network(images()), network.head(y))


@pytest.mark.parametrize(
    "layers",
    [
        (Conv(4, 3), Link(1), Link(1), Link(2, "concat"), Link(1, "concat")),  # links of links
        (Conv(4, 3), Link(1, "concat"), Conv(4, 3), Link(3), Pool(), Link(5), Link(6, "concat")),
        (Link(1), Conv(4, 3), Dropout(0), Link(2), Link(1)),  # the first and the third are inert
        (DenseConcat(4, normalization="none"), Link(1), DenseConcat(2, normalization="none"), Link(2)),
    ],
)
def test_links_are_followed_along_the_trace(layers: tuple[LayerGene, ...]) -> None:
    chromosome = of(*layers)
    network = scramble(build(chromosome, SHAPE, 5, pool_order="textbook"))
    torch.testing.assert_close(network(images()), followed(network, chromosome, images()))


@pytest.mark.parametrize("shape", [Shape(3, 9, 8), Shape(1, 1, 17)], ids=["9x8", "strip"])
def test_random_networks_are_their_blocks_along_the_trace(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
    shape: Shape,
) -> None:
    n_links = 0
    for chromosome in random_chromosomes(make_space(shape), 60, seed=9):
        network = build(chromosome, shape, 5, pool_order="textbook")
        torch.manual_seed(6)
        found = network(images(shape))  # in training: what is computed in place is so here
        torch.manual_seed(6)
        expected = followed(network, chromosome, images(shape))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, msg=chromosome.text)
        n_links += sum(step.gene.skip > 0 for step in chromosome.trace(shape))
    assert n_links > 20


@pytest.mark.parametrize(
    ("layers", "ends", "reads"),
    [
        ((Conv(4, 3), Pool(), Conv(4, 3)), [2, 3], [None, None]),
        ((Conv(4, 3), Pool(), Link(1)), [1, 2, 3], [None, None, 1]),  # reads what lies between
        ((Conv(4, 3), Pool(), Link(2)), [2, 3], [None, 0]),  # reads the images
        ((Conv(4, 3), Pool(), Conv(4, 3), Link(1)), [2, 3, 4], [None, None, 2]),  # reads the pool's
        ((Conv(4, 3), Pool(), Conv(4, 3), Pool(), Link(3)), [1, 2, 4, 5], [None, None, None, 1]),
        ((Conv(4, 3), Link(1), Pool()), [1, 2, 3], [None, 0, None]),
        ((Conv(4, 3), Dropout(0), Link(7), Pool(), Dropout(0), Link(1)), [1, 2, 3], [None, None, 1]),
        ((DenseConcat(4), Pool()), [1, 2], [None, None]),  # its last convolution is not its end
        ((Pool(), Pool()), [1, 2], [None, None]),
        ((DepthwiseSeparable(4, 3), Pool(), InvertedResidual(4), Pool()), [2, 4], [None, None]),
    ],
)
def test_a_pool_is_computed_within_the_gene_ahead_unless_a_link_reads_between(
    layers: tuple[LayerGene, ...], ends: list[int], reads: list[int | None]
) -> None:
    network = build(of(*layers), SHAPE, 5)
    assert (network.ends, network.reads) == (ends, reads)


@pytest.mark.parametrize(
    ("layers", "ends"),
    [
        ((Conv(4, 3), Pool(), Conv(4, 3, activation="tanh"), Pool()), [2, 4]),
        ((Residual(4, 3), Pool(), Bottleneck(4, activation="leaky_relu"), Pool()), [2, 4]),
        ((DepthwiseSeparable(4, 3), Pool(), Pool()), [2, 3]),
        ((Conv(4, 3), Pool(2, "average")), [1, 2]),
        ((Conv(4, 3, activation="gelu"), Pool(), Residual(4, 3, activation="silu"), Pool()), [1, 2, 3, 4]),
        ((InvertedResidual(4), Pool(), DenseConcat(4), Pool()), [1, 2, 3, 4]),  # no activation at the end
        ((Conv(4, 3), Pool(), Link(1)), [1, 2, 3]),  # reads what lies between
    ],
)
def test_the_textbook_order_changes_only_what_stays_the_same(
    layers: tuple[LayerGene, ...], ends: list[int]
) -> None:
    assert build(of(*layers), SHAPE, 5, pool_order="textbook").ends == ends


@pytest.mark.parametrize("training", [True, False])
def test_a_pool_behind_which_a_link_reads_is_in_textbook_order(training: bool) -> None:
    chromosome = of(Conv(4, 3, activation="tanh"), Pool(2, "average"), Link(1, "concat"))
    early, textbook = (network.train(training) for network in networks(chromosome))
    assert torch.equal(early(images()), textbook(images()))
    fused = of(Conv(4, 3, activation="tanh"), Pool(2, "average"), Link(2, "concat"))
    early, textbook = (network.train(training) for network in networks(fused))
    assert not torch.allclose(early(images()), textbook(images()), atol=1e-3)


MONOTONE = ("relu", "leaky_relu", "tanh")


@pytest.mark.parametrize("activation", MONOTONE)
@pytest.mark.parametrize(
    "gene", [Conv(4, 3, normalization="none"), DepthwiseSeparable(4, 3, normalization="none")]
)
def test_the_largest_of_a_rising_function_is_the_same_in_either_order(
    gene: LayerGene, activation: str
) -> None:
    layers = (gene.having(activation=activation), Pool(), Conv(5, 3), Link(3), Link(2, "concat"))
    early, textbook = networks(of(*layers))
    assert early.ends == [2, 3, 4, 5]
    torch.testing.assert_close(early(images()), textbook(images()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gene", [InvertedResidual(3, 3), InvertedResidual(5, 3)])
def test_the_mean_of_a_linear_function_is_the_same_in_either_order(gene: LayerGene) -> None:
    early, textbook = (network.eval() for network in networks(of(gene, Pool(2, "average"), Conv(4, 3))))
    assert early.ends == [2, 3]
    torch.testing.assert_close(early(images()), textbook(images()), rtol=1e-5, atol=1e-6)
    maximum = networks(of(gene, Pool(2, "max"), Conv(4, 3)))
    assert not torch.allclose(maximum[0].eval()(images()), maximum[1].eval()(images()), atol=1e-3)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("normalization", ["batch", "group", "none"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "silu"])
def test_what_links_read_is_spoilt_by_no_later_block(
    activation: str, normalization: str, pool_order: str
) -> None:
    words = {"activation": activation, "normalization": normalization}
    layers: list[LayerGene] = []
    for gene in (Conv(4, 3), Residual(4, 3), InvertedResidual(4), DenseConcat(4), DepthwiseSeparable(4, 3)):
        layers += [gene.having(**words), Link(1, normalization=normalization)]
    network = scramble(build(of(*layers), SHAPE, 5, pool_order=pool_order))
    followed(network, of(*layers), images()).square().sum().backward()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    network(images()).square().sum().backward()  # torch refuses where a kept value was overwritten
    found = [parameter.grad for parameter in network.parameters()]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
