"""Weight inheritance by a child that computes another function: what matches comes over, the rest is new.

Weights whose shapes match are inherited in Real et al. (2017), "Large-Scale Evolution of Image
Classifiers"; here what overlaps is, too. Where a child can compute what its parent computes, see
`evocnn.phenotype.inheritance`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from evocnn.genotype import LAYERS, Chromosome, LayerGene, Shape
from evocnn.phenotype.build import Network


class _Block(NamedTuple):
    """A network's block: its gene, and its weights and statistics by name."""

    gene: LayerGene
    tensors: Mapping[str, Tensor]


@torch.no_grad()
def inherit_matching(
    child: Network, donor: Network, own: Chromosome, theirs: Chromosome, shape: Shape
) -> None:
    """Change a child's weights, in place, to those of a donor as far as they match.

    Genes of one type are matched, in order, so that as many weights as possible come over; with as
    many, equal genes. Of two matched genes whatever has the same name comes over: all of it where
    shapes agree; else, but for a user's gene, what overlaps: the leading channels and the middle of
    kernels. Heads match that pool alike and have equally many dense layers; flattened features must
    be as high and wide.

    Args:
        child: The child's network, freshly initialized.
        donor: The donor's network, built with the same pool order.
        own: The child.
        theirs: The donor.
        shape: Channels, height and width of an image.
    """
    for block, donor_block in _matched(_blocks(child, own, shape), _blocks(donor, theirs, shape)):
        for tensor, source in _common(block, donor_block):
            tensor.copy_(source)
    layers, donor_layers = _linear(child), _linear(donor)
    sizes = {chromosome.features(shape)[1:] for chromosome in (own, theirs)}
    pools_alike = own.head.pooling == theirs.head.pooling and (own.head.pooling == "gap" or len(sizes) == 1)
    if pools_alike and len(layers) == len(donor_layers):
        for layer, donor_layer in zip(layers, donor_layers, strict=True):
            for name, tensor in layer.named_parameters():
                mine, source = _overlap(tensor, donor_layer.get_parameter(name))
                mine.copy_(source)


def _blocks(network: Network, chromosome: Chromosome, shape: Shape) -> list[_Block]:
    genes = [step.gene for step in chromosome.trace(shape)]
    blocks = zip([0, *network.ends], network.blocks, strict=False)  # each with where it starts
    return [
        _Block(genes[start], {**dict(block.named_parameters()), **dict(block.named_buffers())})
        for start, block in blocks
    ]


def _linear(network: Network) -> list[nn.Linear]:
    return [layer for layer in network.head if isinstance(layer, nn.Linear)]


def _matched(own: Sequence[_Block], theirs: Sequence[_Block]) -> Iterator[tuple[_Block, _Block]]:
    """Yield matched blocks: a common subsequence of types, the one of the most weights, found from behind."""
    gains = [[_gain(one, other) for other in theirs] for one in own]
    most = [[0.0] * (len(theirs) + 1) for _ in range(len(own) + 1)]  # gain of all from here on
    for i in reversed(range(len(own))):
        for j in reversed(range(len(theirs))):
            most[i][j] = max(gains[i][j] + most[i + 1][j + 1], most[i + 1][j], most[i][j + 1])
    i = j = 0
    while most[i][j]:
        if most[i][j] == gains[i][j] + most[i + 1][j + 1]:
            yield own[i], theirs[j]
            i, j = i + 1, j + 1
        elif most[i][j] == most[i + 1][j]:
            i += 1
        else:
            j += 1


def _gain(one: _Block, other: _Block) -> float:
    """Return how many weights come over, and a little more for equal genes."""
    n_weights: int = sum(tensor.numel() for tensor, _ in _common(one, other))
    return n_weights + (one.gene == other.gene) / 2**10


def _common(one: _Block, other: _Block) -> list[tuple[Tensor, Tensor]]:
    """Return what two blocks have in common, as pairs of equal shape; nothing for genes of two types."""
    if type(one.gene) is not type(other.gene):
        return []
    pairs = [(tensor, other.tensors[name]) for name, tensor in one.tensors.items() if name in other.tensors]
    return [
        _overlap(tensor, source)
        for tensor, source in pairs
        if tensor.shape == source.shape or (tensor.ndim == source.ndim and type(one.gene) in LAYERS)
    ]


def _overlap(tensor: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Return views of what overlaps: leading channels, in the first two dimensions, the middle in others."""
    for dimension, size in enumerate(map(min, tensor.shape, source.shape)):
        parts = (tensor, source)
        starts = [(part.shape[dimension] - size) // 2 if dimension > 1 else 0 for part in parts]
        tensor, source = (part.narrow(dimension, s, size) for part, s in zip(parts, starts, strict=True))
    return tensor, source
