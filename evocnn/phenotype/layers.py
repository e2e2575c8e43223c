"""The torch module of each layer gene.

A gene of convolutions may compute the pool that follows it: early, right after its last convolution,
or late, right ahead of its last activation. `evocnn.phenotype.build` says which and why.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple

from torch import nn

from evocnn.errors import GeneError
from evocnn.genotype import (
    ActiveGene,
    Backbone,
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
    Stage,
)
from evocnn.genotype.pool_order import pools_within
from evocnn.phenotype.backbone import FeatureExtractor
from evocnn.phenotype.parts import (
    DenseConcatenation,
    Join,
    SqueezeExcitation,
    Sum,
    activation,
    convolution,
    convolution_unit,
    late_pooled,
    normalization,
)
from evocnn.phenotype.stages import stage_module


def layer_module(
    gene: LayerGene, *inputs: Shape, early: nn.Module | None = None, late: nn.Module | None = None
) -> nn.Module:
    """Return the module of a layer gene.

    A gene type outside the package brings a method `module(*inputs) -> nn.Module`. Which genes can
    compute the pool that follows, see `evocnn.genotype.pool_order`.

    Args:
        gene: The gene.
        inputs: Channels, height and width of its input; of a gene that skips, of both inputs.
        early: The pool that follows, to be computed right after the last convolution.
        late: The pool that follows, to be computed right ahead of the last activation.

    Raises:
        GeneError: The gene has no module.
    """
    if hasattr(gene, "module"):  # ahead of the genes below, for one derived from them
        module: nn.Module = gene.module(*inputs)
        return module
    pools = {"early": early, "late": late}
    return _module(gene, *inputs, **{place: pool for place, pool in pools.items() if pool is not None})


class Blocks(NamedTuple):
    """The modules of genes in order.

    Attributes:
        modules: One for each gene, or for a gene and the pool that it computes.
        ends: For each of them the number of genes computed once it is through.
        reads: For each that skips, the number of genes whose output it reads second; None for the others.
    """

    modules: list[nn.Module]
    ends: list[int]
    reads: list[int | None]


def blocks_of(active: Sequence[ActiveGene], pool_order: str) -> Blocks:
    """Return the modules of active genes.

    Args:
        active: The genes, with the shapes around them.
        pool_order: `early` or `textbook`.
    """
    pooled = pools_within(active, pool_order)
    place = "early" if pool_order == "early" else "late"
    blocks = Blocks([], [], [])
    for number, (gene, inputs, _) in enumerate(active):
        if number in pooled:
            continue  # computed by the block ahead
        within: dict[str, nn.Module] = {}
        if number + 1 in pooled:
            pool, pool_inputs, _ = active[number + 1]
            within = {place: layer_module(pool, *pool_inputs)}
        blocks.modules.append(layer_module(gene, *inputs, **within))
        blocks.reads.append(number - gene.skip if gene.skip else None)
        blocks.ends.append(number + 1 + len(within))
    return blocks


@singledispatch
def _module(gene: Any, *_: Any, **__: Any) -> nn.Module:
    message = (
        f"gene '{gene.name()}' must have a method module(shape) -> nn.Module, but has none; add it "
        "to the class"
    )
    raise GeneError(message)


@_module.register
def _(gene: Conv, shape: Shape, early: nn.Module | None = None, late: nn.Module | None = None) -> nn.Module:
    return convolution_unit(
        gene,
        shape.channels,
        gene.filters,
        gene.kernel,
        gene.stride,
        padding=None if gene.padding == "same" else 0,
        dilation=gene.dilation,
        groups=gene.groups_on(shape),
        early=early,
        late=late,
    )


@_module.register
def _(
    gene: Residual, shape: Shape, early: nn.Module | None = None, late: nn.Module | None = None
) -> nn.Module:
    filters = gene.filters
    branch = nn.Sequential(
        convolution_unit(gene, shape.channels, filters, gene.kernel, gene.stride),
        convolution_unit(gene, filters, filters, gene.kernel, early=early, is_active=False),
    )
    return Sum(branch, _shortcut(gene, shape, early), gene.drop_path, late_pooled(late, gene.activation))


@_module.register
def _(
    gene: Bottleneck, shape: Shape, early: nn.Module | None = None, late: nn.Module | None = None
) -> nn.Module:
    inner = gene.inner
    branch = nn.Sequential(
        convolution_unit(gene, shape.channels, inner),
        convolution_unit(gene, inner, inner, gene.kernel, gene.stride),
        convolution_unit(gene, inner, gene.filters, early=early, is_active=False),
    )
    return Sum(branch, _shortcut(gene, shape, early), gene.drop_path, late_pooled(late, gene.activation))


def _shortcut(gene: Residual | Bottleneck, shape: Shape, early: nn.Module | None) -> nn.Module | None:
    if not gene.projects(shape):
        return early
    return convolution_unit(
        gene, shape.channels, gene.filters, 1, gene.stride, padding=0, early=early, is_active=False
    )


@_module.register
def _(
    gene: DepthwiseSeparable, shape: Shape, early: nn.Module | None = None, late: nn.Module | None = None
) -> nn.Module:
    channels = shape.channels
    return nn.Sequential(
        convolution_unit(gene, channels, channels, gene.kernel, gene.stride, groups=channels),
        convolution_unit(gene, channels, gene.filters, early=early, late=late),
    )


@_module.register
def _(gene: InvertedResidual, shape: Shape, early: nn.Module | None = None) -> nn.Module:
    hidden, squeezed = gene.hidden(shape), gene.squeezed(shape)
    parts: dict[str, nn.Module] = {}
    if gene.expansion > 1:
        parts["expand"] = convolution_unit(gene, shape.channels, hidden)
    parts["depthwise"] = convolution_unit(gene, hidden, hidden, gene.kernel, gene.stride, groups=hidden)
    if squeezed:
        parts["squeeze_excitation"] = SqueezeExcitation(hidden, squeezed)
    parts["project"] = convolution_unit(gene, hidden, gene.filters, early=early, is_active=False)
    branch = nn.Sequential(OrderedDict(parts))
    return Sum(branch, early, gene.drop_path) if gene.adds_input(shape) else branch


@_module.register
def _(gene: DenseConcat, shape: Shape) -> nn.Module:
    parts: dict[str, nn.Module] = {
        "normalization": normalization(gene.normalization, shape.channels),
        "activation": activation(gene.activation, inplace=gene.normalization != "none"),
        "convolution": convolution(
            shape.channels,
            gene.filters,
            gene.kernel,
            padding=gene.kernel // 2,
            bias=gene.normalization == "none",
        ),
    }
    return DenseConcatenation(nn.Sequential(OrderedDict(parts)))


@_module.register
def _(gene: Backbone, shape: Shape) -> nn.Module:
    blocks = blocks_of(gene.active(shape), gene.network.pool_order)
    n_frozen = sum(end <= len(gene.frozen(shape)) for end in blocks.ends)
    return FeatureExtractor(blocks.modules, n_frozen)


@_module.register
def _(gene: Stage, shape: Shape) -> nn.Module:
    del shape
    return stage_module(gene)


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
        bias = gene.normalization == "none"
        parts: dict[str, nn.Module] = {
            "convolution": convolution(source.channels, shape.channels, 1, bias=bias)
        }
        if gene.normalization != "none":
            parts["normalization"] = normalization(gene.normalization, shape.channels)
        projection = nn.Sequential(OrderedDict(parts))
    return Join((shape.height, shape.width), gene.merge, projection, gene.drop_path)
