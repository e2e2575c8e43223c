"""Weight inheritance: a child that starts from its parent's weights and computes the same function.

Chen et al. 2016 (Net2Net) and Wei et al. 2016 (network morphism). `evocnn.genotype.morphism` says
which children can, and which channels are whose.
"""

from collections.abc import Mapping
from functools import singledispatch
from itertools import pairwise
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from evocnn.genotype import (
    LAYERS,
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    InvertedResidual,
    LayerGene,
    Link,
    Residual,
)
from evocnn.genotype.channel_maps import NEW, ChannelMap, widened
from evocnn.genotype.morphism import Morphism
from evocnn.phenotype.build import Network
from evocnn.phenotype.parts import Sum

Reads = tuple[ChannelMap, ...]


@torch.no_grad()
def inherit(child: Network, parent: Network, plan: Morphism) -> None:
    """Change a child's weights, in place, so that in evaluation it computes what its parent computes.

    Channels that the parent does not have keep the weights that the child has, and are read with
    weights of zero.

    Args:
        child: The child's network, freshly initialized.
        parent: The parent's network, built with the same pool order.
        plan: What `morphism` returned for the two chromosomes.
    """
    blocks = dict(zip([0, *parent.ends], parent.blocks, strict=False))
    for number, block in zip([0, *child.ends], child.blocks, strict=False):
        gene, donor = plan.genes[number], plan.donors[number]
        if donor is None:
            _start_as_identity(gene, block)
        elif donor in blocks:  # or it is a pool that the parent computes inside the block ahead
            take = _take if type(gene) in LAYERS else _copy
            take(gene, block, blocks[donor], plan.reads(number), plan.channels[number + 1])
    _take_head(child.head, parent.head, plan.channels[-1])


def _copy(gene: LayerGene, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    """Give a block its parent's weights as they are: that of a user's gene, and one without weights."""
    del gene, reads, writes
    own.load_state_dict(theirs.state_dict())


_take = singledispatch(_copy)


@_take.register
def _(gene: Conv, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    del gene
    _grow(own, theirs.state_dict(), writes, reads[0], own.convolution.groups)


@_take.register
def _(gene: Residual, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    del gene
    _grow(own.branch[0], theirs.branch[0].state_dict(), writes, reads[0])
    _grow(own.branch[1], theirs.branch[1].state_dict(), writes, writes)
    _take_projection(own.shortcut, theirs.shortcut, reads[0], writes)


@_take.register
def _(gene: Bottleneck, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    del gene
    inner = _widened(own.branch[0].convolution, theirs.branch[0].convolution)
    maps = (reads[0], inner, inner, writes)
    for unit, their_unit, (read, write) in zip(own.branch, theirs.branch, pairwise(maps), strict=True):
        _grow(unit, their_unit.state_dict(), write, read)
    _take_projection(own.shortcut, theirs.shortcut, reads[0], writes)


@_take.register
def _(gene: DepthwiseSeparable, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    del gene
    _grow(own[0], theirs[0].state_dict(), reads[0])
    _grow(own[1], theirs[1].state_dict(), writes, reads[0])


@_take.register
def _(gene: InvertedResidual, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    own, theirs = _branch(own), _branch(theirs)
    hidden = reads[0]
    if gene.expansion > 1:
        hidden = _widened(own.expand.convolution, theirs.expand.convolution)
        _grow(own.expand, theirs.expand.state_dict(), hidden, reads[0])
    _grow(own.depthwise, theirs.depthwise.state_dict(), hidden)
    if gene.squeeze:
        excitation, their_excitation = own.squeeze_excitation, theirs.squeeze_excitation
        squeezed = _widened(excitation.squeeze, their_excitation.squeeze)
        _grow(excitation.squeeze, their_excitation.squeeze.state_dict(), squeezed, hidden)
        _grow(excitation.excite, their_excitation.excite.state_dict(), hidden, squeezed)
    _grow(own.project, theirs.project.state_dict(), writes, hidden)


@_take.register
def _(gene: DenseConcat, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    del gene, writes
    own, theirs = own.layer, theirs.layer
    _grow(own.normalization, theirs.normalization.state_dict(), reads[0])
    added = _widened(own.convolution, theirs.convolution)
    _grow(own.convolution, theirs.convolution.state_dict(), added, reads[0])


@_take.register
def _(gene: Link, own: Any, theirs: Any, reads: Reads, writes: ChannelMap) -> None:
    del gene
    _take_projection(own.projection, theirs.projection, reads[1], writes)


def _take_projection(own: nn.Module, theirs: nn.Module, read: ChannelMap, writes: ChannelMap) -> None:
    """Give a shortcut its parent's projection; the selection of the old channels where that has none."""
    if isinstance(own, nn.Sequential):
        is_projection = isinstance(theirs, nn.Sequential)
        _grow(own, theirs.state_dict() if is_projection else _identity(own, max(read) + 1), writes, read)


def _take_head(own: Any, theirs: Any, features: ChannelMap) -> None:
    """Give a head its parent's weights; flattened features come channel by channel."""
    layers = [layer for layer in own if isinstance(layer, nn.Linear)]
    their_layers = [layer for layer in theirs if isinstance(layer, nn.Linear)]
    size = layers[0].in_features // len(features)  # positions of a channel
    reads = tuple(NEW if c == NEW else c * size + p for c in features for p in range(size))
    for layer, their_layer in zip(layers, their_layers, strict=True):
        writes = widened(their_layer.out_features, layer.out_features)
        _grow(layer, their_layer.state_dict(), writes, reads)
        reads = writes


def _start_as_identity(gene: LayerGene, block: Any) -> None:
    """Let an inserted block compute the identity on what it reads."""
    match gene:
        case Conv():
            _start_as_dirac(block)
        case DepthwiseSeparable():
            _start_as_dirac(block[0])
            _start_as_dirac(block[1])
        case Residual() | Bottleneck() | InvertedResidual():
            _silence(_branch(block)[-1])
        case Link(merge="add"):
            _silence(block.projection)


def _start_as_dirac(unit: Any) -> None:
    convolution = unit.convolution
    state = _identity(unit, convolution.out_channels, convolution.kernel_size[0], convolution.groups)
    _grow(unit, state, tuple(range(convolution.out_channels)))


def _silence(unit: Any) -> None:
    """Let a convolution, or the normalization behind it, write zeros; gradients still reach it."""
    last = getattr(unit, "normalization", unit.convolution)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def _identity(unit: nn.Module, channels: int, kernel: int = 1, groups: int = 1) -> dict[str, Tensor]:
    """Return weights with which convolution and normalization are the identity on so many channels."""
    zeros, ones = torch.zeros(channels), torch.ones(channels)
    kernels = torch.zeros(channels, channels // groups, kernel, kernel)
    eps = getattr(getattr(unit, "normalization", None), "eps", 0.0)
    return {
        "convolution.weight": nn.init.dirac_(kernels, groups),
        "convolution.bias": zeros,
        "normalization.weight": ones * sqrt(1 + eps),
        "normalization.bias": zeros,
        "normalization.running_mean": zeros,
        "normalization.running_var": ones,
        "normalization.num_batches_tracked": torch.tensor(0),
    }


def _branch(block: Any) -> Any:
    return block.branch if isinstance(block, Sum) else block


def _widened(own: nn.Conv2d, theirs: nn.Conv2d) -> ChannelMap:
    return widened(theirs.out_channels, own.out_channels)


def _grow(
    own: nn.Module,
    theirs: Mapping[str, Tensor],
    writes: ChannelMap,
    reads: ChannelMap | None = None,
    groups: int = 1,
) -> None:
    """Copy the weights of channels that the parent has too, and let these read zeros from new ones.

    Args:
        own: A convolution, a normalization, a linear layer, or convolution and normalization.
        theirs: The parent's weights under the same names.
        writes: The map of the channels written.
        reads: The map of the channels read; None where weights have no such dimension that grows.
        groups: Groups of the convolution.
    """
    for name, tensor in own.state_dict().items():
        source = theirs[name].to(tensor)
        if tensor.ndim == 0:  # steps seen by a batch normalization
            tensor.copy_(source)
        elif tensor.ndim == 1 or reads is None:
            rows, their_rows = _places(writes)
            tensor[rows] = source[their_rows]
        else:
            parts = zip(tensor.chunk(groups), _split(writes, groups), _split(reads, groups), strict=True)
            for part, write, read in parts:  # a group sees its own inputs only
                rows, their_rows = _places(write)
                columns, their_columns = _places(read)
                within = [column % source.shape[1] for column in their_columns]
                taken = torch.zeros_like(part[rows])
                taken[:, columns] = source[their_rows][:, within]
                part[rows] = taken


def _places(channels: ChannelMap) -> tuple[list[int], list[int]]:
    """Return where the channels that the parent has too lie in the child, and where in the parent."""
    places = [number for number, source in enumerate(channels) if source != NEW]
    return places, [channels[number] for number in places]


def _split(channels: ChannelMap, n_parts: int) -> list[ChannelMap]:
    size = len(channels) // n_parts
    return [channels[start : start + size] for start in range(0, len(channels), size)]
