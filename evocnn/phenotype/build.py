"""The network of a chromosome."""

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn

from evocnn.genotype import Chromosome, Head, Shape
from evocnn.genotype.pool_order import pools_within
from evocnn.phenotype.layers import layer_module
from evocnn.phenotype.parts import activation


class Network(nn.Module):
    """Blocks one after the other, some of which read an earlier block's output too, and a head.

    Attributes:
        blocks: A module for each active gene, or for a gene and the pool that it computes.
        head: From features to class scores.
        ends: For each block the number of active genes computed once it is through.
        reads: For each block that skips, the number of active genes whose output it reads second;
            0 means the images, None that it does not skip.
    """

    def __init__(
        self, blocks: Iterable[nn.Module], head: nn.Module, ends: list[int], reads: list[int | None]
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.head = head
        self.ends = ends
        self.reads = reads
        self._kept = frozenset(number for number in reads if number is not None)

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores, `(n, n_classes)`, of images `(n, channels, height, width)`."""
        x = images
        kept = {0: x} if 0 in self._kept else {}
        for block, end, read in zip(self.blocks, self.ends, self.reads, strict=True):
            x = block(x) if read is None else block(x, kept[read])
            if end in self._kept:
                kept[end] = x
        scores: Tensor = self.head(x)
        return scores


def build(chromosome: Chromosome, shape: Shape, n_classes: int, *, pool_order: str = "early") -> Network:
    """Return the network that a chromosome describes.

    With the early order, a pool gene directly behind a gene of convolutions is computed inside
    that gene's block, right after its last convolution, ahead of normalization and activation,
    unless a link reads what lies between. With the textbook order every gene is a block of its own.

    Args:
        chromosome: The chromosome; inert genes are passed over.
        shape: Channels, height and width of an image.
        n_classes: Number of classes.
        pool_order: `early` or `textbook`.

    Returns:
        A network from `(n, channels, height, width)` to class scores `(n, n_classes)`.
    """
    active = list(chromosome.trace(shape))
    pooled = pools_within(active) if pool_order == "early" else set()
    blocks: list[nn.Module] = []
    ends: list[int] = []
    reads: list[int | None] = []
    for number, (gene, inputs, _) in enumerate(active):
        if number in pooled:
            continue  # computed by the block ahead
        end = number + 2 if number + 1 in pooled else number + 1
        pool = layer_module(active[end - 1].gene, *active[end - 1].inputs) if end - number > 1 else None
        blocks.append(layer_module(gene, *inputs, pool=pool))
        reads.append(number - gene.skip if gene.skip else None)
        ends.append(end)
    features = active[-1].output if active else shape
    return Network(blocks, head_module(chromosome.head, features, n_classes), ends, reads)


def head_module(head: Head, shape: Shape, n_classes: int) -> nn.Sequential:
    """Return the head's module: features `(n, c, h, w)` to class scores `(n, n_classes)`."""
    pooling: list[nn.Module] = [nn.AdaptiveAvgPool2d(1)] if head.pooling == "gap" else []
    widths = (head.features(shape), *head.units)
    dense: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        dense += [nn.Linear(fan_in, fan_out), activation(head.activation)]
    dropout = [nn.Dropout(head.dropout)] if head.dropout > 0 else []
    return nn.Sequential(*pooling, nn.Flatten(), *dense, *dropout, nn.Linear(widths[-1], n_classes))
