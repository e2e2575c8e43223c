"""The network of a chromosome."""

from itertools import pairwise

from torch import nn

from evocnn.genotype import Chromosome, Head, Pool, Shape
from evocnn.phenotype.layers import layer_module


def build(
    chromosome: Chromosome, shape: Shape, n_classes: int, *, pool_order: str = "early"
) -> nn.Sequential:
    """Return the network that a chromosome describes.

    With the early order, a pool gene directly behind another layer gene is computed inside that
    layer's block, right after its last convolution, ahead of normalization and activation. With
    the textbook order every gene is a block of its own.

    Args:
        chromosome: The chromosome; inert genes are passed over.
        shape: Channels, height and width of an image.
        n_classes: Number of classes.
        pool_order: `early` or `textbook`.

    Returns:
        A network from `(n, channels, height, width)` to class scores `(n, n_classes)`.
    """
    blocks: list[nn.Module] = []
    active = list(chromosome.trace(shape))
    fused = False
    for (gene, before, after), following in pairwise([*active, None]):  # type: ignore[misc]
        if fused:
            fused = False
            continue
        next_gene = following[0] if following else None
        fused = pool_order == "early" and isinstance(next_gene, Pool) and not isinstance(gene, Pool)
        pool = layer_module(next_gene, after, nn.Identity()) if fused else nn.Identity()
        blocks.append(layer_module(gene, before, pool))
    return nn.Sequential(*blocks, head_module(chromosome.head, chromosome.features(shape), n_classes))


def head_module(head: Head, shape: Shape, n_classes: int) -> nn.Sequential:
    """Return the head's module: features `(n, c, h, w)` to class scores `(n, n_classes)`."""
    pooling: list[nn.Module] = [nn.AdaptiveAvgPool2d(1)] if head.pooling == "gap" else []
    widths = (head.features(shape), *head.units)
    dense: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        dense += [nn.Linear(fan_in, fan_out), nn.ReLU(inplace=True)]
    dropout = [nn.Dropout(head.dropout)] if head.dropout > 0 else []
    return nn.Sequential(*pooling, nn.Flatten(), *dense, *dropout, nn.Linear(widths[-1], n_classes))
