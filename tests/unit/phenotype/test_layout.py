"""Features and their gradients are channels-last throughout: what is not takes several times as long."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

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
from evocnn.phenotype import build
from evocnn.phenotype.build import head_module

N_IMAGES = 17  # with fewer, torch may choose convolutions that know no layout
LEAST = 10  # values of a channel that matter; what is pooled to a point may come back in any layout
SHAPES = (Shape(1, 12, 12), Shape(3, 12, 12))
FIRST: tuple[tuple[LayerGene, ...], ...] = (
    (Conv(8, 1),),
    (Conv(8, 1, 2),),
    (Residual(8, 3),),
    (Residual(8, 3, 2),),
    (Bottleneck(8, stride=2),),
    (DepthwiseSeparable(8, 3),),
    (DepthwiseSeparable(8, 3, 2),),
    (InvertedResidual(8, expansion=1),),
    (InvertedResidual(8, 3, 2, 3, squeeze=2),),
    (DenseConcat(4), Link(1, "concat")),
    (Dropout(0.1), Conv(8, 1)),
    (Pool(), Residual(8, 3)),
)


def is_channels_last(x: Tensor) -> bool:
    """Return whether features have their channels next to each other, if it matters."""
    _, channels, height, width = x.shape
    return channels == 1 or height * width < LEAST or x.stride(1) == 1


def strays(chromosome: Chromosome, shape: Shape) -> list[str]:
    """Return which modules' features or gradients are not channels-last in a training step."""
    network = build(chromosome, shape, 5).to(memory_format=torch.channels_last)
    found: list[str] = []

    def after(module: nn.Module, _: Any, features: Tensor) -> None:
        if features.ndim == 4:
            name = type(module).__name__
            if not is_channels_last(features):
                found.append(f"features of {name}")
            if features.requires_grad:
                features.register_hook(
                    lambda gradient: (
                        None if is_channels_last(gradient) else found.append(f"gradient of {name}")
                    )
                )

    for module in network.blocks.modules():
        if not list(module.children()):
            if getattr(module, "inplace", False):
                module.inplace = False  # a hook would see the gradient behind
            module.register_forward_hook(after)
    images = torch.randn(N_IMAGES, *shape).contiguous(memory_format=torch.channels_last)
    network(images).square().sum().backward()
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=["grey", "colour"])
@pytest.mark.parametrize("first", FIRST, ids=lambda layers: layers[0].text)
def test_whatever_comes_first_features_and_gradients_are_channels_last(
    first: tuple[LayerGene, ...], shape: Shape
) -> None:
    layers = (*first, Residual(8, 3, 2), Pool(), InvertedResidual(8, squeeze=2), Conv(6, 3))
    assert strays(Chromosome(layers, Head("gap"), Recipe()), shape) == []


def test_so_are_those_of_random_networks(
    make_space: Callable[..., SearchSpace], random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    shape = Shape(1, 16, 15)
    n_seen = 0
    for drawn in random_chromosomes(make_space(shape), 25, seed=11):
        smallest = min((step.output.height * step.output.width for step in drawn.trace(shape)), default=0)
        if smallest > 1:  # what is pooled to a point by a link has its gradient in torch's usual order
            assert strays(replace(drawn, head=Head("gap")), shape) == [], drawn.text
            n_seen += 1
    assert n_seen >= 5


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
def test_the_gradient_behind_a_head_is_channels_last(pooling: str) -> None:
    head = head_module(Head(pooling, (6,)), Shape(4, 5, 3), 10)
    x = torch.randn(2, 4, 5, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    gradients: list[Tensor] = []
    features = x * 1
    scores = head(features)
    features.register_hook(gradients.append)  # behind the head's own
    scores.sum().backward()
    assert gradients[0].shape == features.shape
    assert is_channels_last(gradients[0])
