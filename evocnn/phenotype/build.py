"""The network of a chromosome."""

from collections.abc import Iterable
from itertools import pairwise

from torch import Tensor, nn

from evocnn.genotype import Chromosome, Head, Shape
from evocnn.phenotype.layers import blocks_of
from evocnn.phenotype.parts import ChannelMeans, Flatten, activation


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

    The default is the early order (Jordan 2024, airbench): a pool directly behind a gene of
    convolutions is computed right after the gene's last convolution, ahead of normalization and
    activation, which then work on a quarter of the values. It is another function than the textbook's
    convolution, normalization, activation, pool, and a faster one. With the textbook order, a max pool
    behind an activation that never decreases is computed right ahead of it, which gives the same: the
    largest value stays the largest, and the gradient goes to where it lies. Where a link reads what lies
    between, a pool is computed where it stands.

    Args:
        chromosome: The chromosome; inert genes are passed over.
        shape: Channels, height and width of an image.
        n_classes: Number of classes.
        pool_order: `early` or `textbook`.

    Returns:
        A network from `(n, channels, height, width)` to class scores `(n, n_classes)`.
    """
    active = list(chromosome.trace(shape))
    blocks, ends, reads = blocks_of(active, pool_order)
    features = active[-1].output if active else shape
    return Network(blocks, head_module(chromosome.head, features, n_classes), ends, reads)


def head_module(head: Head, shape: Shape, n_classes: int) -> nn.Sequential:
    """Return the head's module: features `(n, c, h, w)` to class scores `(n, n_classes)`."""
    features = [ChannelMeans(), nn.Flatten()] if head.pooling == "gap" else [Flatten()]
    widths = (head.features(shape), *head.units)
    dense: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        dense += [nn.Linear(fan_in, fan_out), activation(head.activation)]
    dropout = [nn.Dropout(head.dropout)] if head.dropout > 0 else []
    return nn.Sequential(*features, *dense, *dropout, nn.Linear(widths[-1], n_classes))
