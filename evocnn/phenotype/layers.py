"""The torch module of each layer gene.

A pool behind a block of convolutions is computed inside it, right after the last convolution and
ahead of normalization and activation. That is the early order (Jordan 2024, airbench):
normalization and activation then work on a quarter of the values.
"""

from collections import OrderedDict
from functools import singledispatch
from typing import Any

from torch import nn

from evocnn.errors import GeneError
from evocnn.genotype import (
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Residual,
    Shape,
)
from evocnn.phenotype.parts import (
    DenseConcatenation,
    Join,
    SqueezeExcitation,
    Sum,
    activation,
    convolution_unit,
    normalization,
)


def layer_module(gene: LayerGene, *inputs: Shape, pool: nn.Module | None = None) -> nn.Module:
    """Return the module of a layer gene.

    A gene type outside the package brings a method `module(*inputs) -> nn.Module`.

    Args:
        gene: The gene.
        inputs: Channels, height and width of its input; of a gene that skips, of both inputs.
        pool: The pool that follows, to be computed right after the last convolution; for genes
            of convolutions only, see `evocnn.genotype.pool_order`.

    Raises:
        GeneError: The gene has no module.
    """
    if hasattr(gene, "module"):  # ahead of the genes below, for one derived from them
        module: nn.Module = gene.module(*inputs)
        return module
    return _module(gene, *inputs) if pool is None else _module(gene, *inputs, pool)


@singledispatch
def _module(gene: Any, *_: Any) -> nn.Module:
    message = (
        f"gene '{gene.name()}' must have a method module(shape) -> nn.Module, but has none; add it "
        "to the class"
    )
    raise GeneError(message)


@_module.register
def _(gene: Conv, shape: Shape, pool: nn.Module | None = None) -> nn.Module:
    return convolution_unit(
        gene,
        shape.channels,
        gene.filters,
        gene.kernel,
        gene.stride,
        padding=None if gene.padding == "same" else 0,
        dilation=gene.dilation,
        groups=gene.groups_on(shape),
        pool=pool,
    )


@_module.register
def _(gene: Residual, shape: Shape, pool: nn.Module | None = None) -> nn.Module:
    filters = gene.filters
    branch = nn.Sequential(
        convolution_unit(gene, shape.channels, filters, gene.kernel, gene.stride),
        convolution_unit(gene, filters, filters, gene.kernel, pool=pool, is_active=False),
    )
    return Sum(branch, _shortcut(gene, shape, pool), gene.drop_path, activation(gene.activation))


@_module.register
def _(gene: Bottleneck, shape: Shape, pool: nn.Module | None = None) -> nn.Module:
    inner = gene.inner
    branch = nn.Sequential(
        convolution_unit(gene, shape.channels, inner),
        convolution_unit(gene, inner, inner, gene.kernel, gene.stride),
        convolution_unit(gene, inner, gene.filters, pool=pool, is_active=False),
    )
    return Sum(branch, _shortcut(gene, shape, pool), gene.drop_path, activation(gene.activation))


def _shortcut(gene: Residual | Bottleneck, shape: Shape, pool: nn.Module | None) -> nn.Module | None:
    if not gene.projects(shape):
        return pool
    return convolution_unit(
        gene, shape.channels, gene.filters, 1, gene.stride, padding=0, pool=pool, is_active=False
    )


@_module.register
def _(gene: DepthwiseSeparable, shape: Shape, pool: nn.Module | None = None) -> nn.Module:
    channels = shape.channels
    return nn.Sequential(
        convolution_unit(gene, channels, channels, gene.kernel, gene.stride, groups=channels),
        convolution_unit(gene, channels, gene.filters, pool=pool),
    )


@_module.register
def _(gene: InvertedResidual, shape: Shape, pool: nn.Module | None = None) -> nn.Module:
    hidden, squeezed = gene.hidden(shape), gene.squeezed(shape)
    parts: dict[str, nn.Module] = {}
    if gene.expansion > 1:
        parts["expand"] = convolution_unit(gene, shape.channels, hidden)
    parts["depthwise"] = convolution_unit(gene, hidden, hidden, gene.kernel, gene.stride, groups=hidden)
    if squeezed:
        parts["squeeze_excitation"] = SqueezeExcitation(hidden, squeezed)
    parts["project"] = convolution_unit(gene, hidden, gene.filters, pool=pool, is_active=False)
    branch = nn.Sequential(OrderedDict(parts))
    return Sum(branch, pool, gene.drop_path) if gene.adds_input(shape) else branch


@_module.register
def _(gene: DenseConcat, shape: Shape) -> nn.Module:
    parts: dict[str, nn.Module] = {
        "normalization": normalization(gene.normalization, shape.channels),
        "activation": activation(gene.activation, inplace=gene.normalization != "none"),
        "convolution": nn.Conv2d(
            shape.channels,
            gene.filters,
            gene.kernel,
            padding=gene.kernel // 2,
            bias=gene.normalization == "none",
        ),
    }
    return DenseConcatenation(nn.Sequential(OrderedDict(parts)))


@_module.register
def _(gene: Pool, shape: Shape) -> nn.Module:
    window = gene.window(shape)
    return nn.MaxPool2d(window) if gene.kind == "max" else nn.AvgPool2d(window)


@_module.register
def _(gene: Dropout, shape: Shape) -> nn.Module:
    del shape
    return nn.Dropout(gene.rate)


@_module.register
def _(gene: Link, shape: Shape, source: Shape) -> nn.Module:
    projection = None
    if gene.projects(shape, source):
        convolution = nn.Conv2d(source.channels, shape.channels, 1, bias=gene.normalization == "none")
        parts = {"convolution": convolution}
        if gene.normalization != "none":
            parts["normalization"] = normalization(gene.normalization, shape.channels)
        projection = nn.Sequential(OrderedDict(parts))
    return Join((shape.height, shape.width), gene.merge, projection, gene.drop_path)
