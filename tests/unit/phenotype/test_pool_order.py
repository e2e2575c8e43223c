"""The textbook order against the textbook's network, every gene computed after the one ahead of it."""

import pytest
import torch
from torch import Tensor, nn

from evocnn.genotype import (
    Bottleneck,
    Chromosome,
    Conv,
    DepthwiseSeparable,
    Head,
    InvertedResidual,
    LayerGene,
    Pool,
    Recipe,
    Residual,
    Shape,
)
from evocnn.genotype.layers import ACTIVATIONS
from evocnn.genotype.pool_order import NON_DECREASING
from evocnn.phenotype import Network, build, layer_module
from evocnn.phenotype.build import head_module

SHAPE = Shape(3, 8, 8)
GENES = (
    Conv(4, 3),
    Residual(3, 3),
    Residual(4, 3),
    Bottleneck(4),
    DepthwiseSeparable(4, 3),
    InvertedResidual(4),
)


def images(*, with_equal_values: bool) -> Tensor:
    """Return random images, of which a part may have one colour."""
    x = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))
    if with_equal_values:
        x[:, :, 3:, :6] = 0.5
    return x.contiguous(memory_format=torch.channels_last)


def of(gene: LayerGene, kind: str = "max") -> Chromosome:
    return Chromosome((gene, Pool(2, kind), Conv(3, 3)), Head("flatten"), Recipe())


def pair(chromosome: Chromosome, scale: float = 1.0) -> tuple[Network, nn.Sequential]:
    """Return the network in textbook order and the textbook's network, with the same weights."""
    network = build(chromosome, SHAPE, 5, pool_order="textbook")
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():  # scales of normalizations may be negative
        nn.init.normal_(parameter, std=scale, generator=generator)
    steps = list(chromosome.trace(SHAPE))
    layers = [layer_module(step.gene, *step.inputs) for step in steps]
    textbook = nn.Sequential(*layers, head_module(chromosome.head, steps[-1].output, 5))
    for one, other in zip(network.parameters(), textbook.parameters(), strict=True):
        other.data = one.data.clone()
    return network.to(memory_format=torch.channels_last), textbook.to(memory_format=torch.channels_last)


def results(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Return scores, the gradients of all parameters and of the images, and the scores in evaluation."""
    x = x.clone().requires_grad_()
    scores = network(x)
    scores.square().sum().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    return [scores, *gradients, x.grad, network.eval()(x)]


@pytest.mark.parametrize("normalization", ["batch", "none"])
@pytest.mark.parametrize(
    ("activation", "kind"), [*((name, "max") for name in ACTIVATIONS), ("relu", "average")]
)
@pytest.mark.parametrize("gene", GENES, ids=lambda gene: gene.text)
def test_scores_and_gradients_are_the_textbooks(
    gene: LayerGene, activation: str, normalization: str, kind: str
) -> None:
    gene = gene.having(activation=activation, normalization=normalization)
    # Where rounding makes two values one, the textbook's gradient goes to the first of them, and this
    # one's to the larger: that happens only where an activation is not linear, and in plain areas.
    is_exact = activation not in ("leaky_relu", "tanh")
    x = images(with_equal_values=is_exact)
    found, expected = (results(network, x) for network in pair(of(gene, kind)))
    rtol, atol = (0.0, 0.0) if is_exact else (1e-4, 1e-5)
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("activation", NON_DECREASING)
def test_gradients_are_the_textbooks_where_activations_saturate(activation: str) -> None:
    x = images(with_equal_values=False)
    networks = pair(of(Conv(4, 3, activation=activation)), scale=30)
    assert networks[0].ends == [2, 3]
    found, expected = (results(network, x) for network in networks)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


def gradients_of(windows: list[list[float]], activation: str) -> tuple[Tensor, Tensor]:
    """Return the gradients of windows of four values each, in both orders."""
    gradients = []
    gene = Conv(1, 1, activation=activation, normalization="none")
    for late in (True, False):
        x = torch.tensor(windows).view(-1, 1, 2, 2).requires_grad_()
        pool = nn.MaxPool2d(2)
        unit = layer_module(gene, Shape(1, 2, 2), late=pool if late else None)
        nn.init.ones_(unit.convolution.weight)
        nn.init.zeros_(unit.convolution.bias)
        y = unit(x)
        (y if late else pool(y)).sum().backward()
        gradients.append(x.grad.flatten(1))
    return gradients[0], gradients[1]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("relu", [[1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]),
        ("leaky_relu", [[1.0, 0, 0, 0], [0.01, 0, 0, 0], [0, 0, 0.01, 0], [0, 1, 0, 0]]),
    ],
)
def test_of_equal_values_the_first_takes_the_gradient(activation: str, expected: list[list[float]]) -> None:
    windows = [
        [2.0, 2.0, 2.0, 2.0],
        [-1.0, -1.0, -1.0, -1.0],
        [-3.0, -2.0, -1.0, -2.0],
        [0.0, 2.0, -1.0, 2.0],
    ]
    for found in gradients_of(windows, activation):
        torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-6, atol=0)


def test_tanh_passes_nothing_where_it_is_1_whichever_value_is_larger() -> None:
    for found in gradients_of([[20.0, 30.0, 25.0, 20.0]], "tanh"):
        assert not found.any()
