"""The most memory that a network's feature maps take at once in inference; nothing here needs torch.

The network is gone through operation by operation, as its module computes it. Alive is what was
written before and is still to be read, and what is being written: a branch keeps its input for
the shortcut, a link keeps its source. Normalization, activation, dropout and sums work in place,
as where normalization is folded into the convolution. What an operation needs within itself is
not counted.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple

from evocnn.genotype.backbone import Backbone
from evocnn.genotype.chromosome import ActiveGene, Chromosome
from evocnn.genotype.gene import Shape
from evocnn.genotype.head import Head
from evocnn.genotype.layers import (
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    InvertedResidual,
    Link,
    Residual,
)
from evocnn.genotype.layers.counting import strided
from evocnn.genotype.pool_order import pools_within

BYTES = 4  # of a value, as float32


class Map(NamedTuple):
    """A feature map that an operation wrote.

    Attributes:
        number: Its place in the order of writing.
        shape: Its shape.
    """

    number: int
    shape: Shape


class Tape:
    """The operations of a network in order: what each one writes and reads."""

    def __init__(self) -> None:
        self._written: list[tuple[int, set[int], bool]] = []  # values, numbers of what is read, whether a sum

    def write(self, shape: Shape, *reads: Map, is_sum: bool = False) -> Map:
        """Return the map that an operation writes.

        Args:
            shape: Its shape.
            reads: The maps that the operation reads.
            is_sum: Whether it can take the place of a map of its size that nothing reads later.
        """
        self._written.append((shape.size, {read.number for read in reads}, is_sum))
        return Map(len(self._written) - 1, shape)

    def most_alive(self) -> int:
        """Return the most values that are alive at once."""
        sizes = [size for size, _, _ in self._written]
        last_read = {number: now for now, (_, reads, _) in enumerate(self._written) for number in reads}
        most = 0
        for now, (size, reads, is_sum) in enumerate(self._written):
            alive = sum(sizes[number] for number in range(now) if last_read[number] >= now)
            is_in_place = is_sum and any(last_read[n] == now and sizes[n] == size for n in reads)
            most = max(most, alive if is_in_place else alive + size)
        return most


def activation_memory(
    chromosome: Chromosome, shape: Shape, n_classes: int, *, pool_order: str = "early"
) -> int:
    """Return the most bytes of feature maps that are alive at once for one image, itself included.

    Of a gene of your own, the inputs and the output count.

    Args:
        chromosome: The chromosome; inert genes are passed over.
        shape: The shape of an image.
        n_classes: Number of classes.
        pool_order: `early` or `textbook`, as in `evocnn.phenotype.build`.
    """
    tape = Tape()
    features = _compute_all(list(chromosome.trace(shape)), tape, tape.write(shape), pool_order)
    _compute_head(chromosome.head, tape, features, n_classes)
    return BYTES * tape.most_alive()


def _compute_all(active: Sequence[ActiveGene], tape: Tape, image: Map, pool_order: str) -> Map:
    """Put the operations of genes in order on the tape and return what the last one writes."""
    pooled = pools_within(active) if pool_order == "early" else set()
    maps = [image]  # what each gene reads
    for number, (gene, _, output) in enumerate(active):
        sources = (maps[-1], maps[-1 - gene.skip]) if gene.skip else (maps[-1],)
        if number in pooled:
            maps.append(maps[-1])  # computed by the gene ahead
        elif hasattr(gene, "module"):  # whatever gene of the package it derives from
            maps.append(tape.write(output, *sources))
        else:
            pool = active[number + 1].output if number + 1 in pooled else None
            maps.append(_compute(gene, tape, *sources, **({"pool": pool} if pool else {})))
    return maps[-1]


@singledispatch
def _compute(gene: Any, tape: Tape, *inputs: Map) -> Map:
    """Put the operations of a layer on the tape and return its output.

    Args:
        gene: The gene.
        tape: The tape.
        inputs: What it reads.
        pool: The shape behind the pool that the layer computes after its last convolution, where it does.
    """
    return tape.write(gene.output(*(i.shape for i in inputs)), *inputs)


def _pooled(tape: Tape, x: Map, pool: Shape | None) -> Map:
    return x if pool is None else tape.write(pool, x)


@_compute.register
def _(gene: Backbone, tape: Tape, x: Map) -> Map:
    return _compute_all(gene.active(x.shape), tape, x, gene.network.pool_order)


@_compute.register
def _(gene: Dropout, tape: Tape, x: Map) -> Map:
    del gene, tape
    return x


@_compute.register
def _(gene: Conv, tape: Tape, x: Map, pool: Shape | None = None) -> Map:
    output = gene.output(x.shape) or x.shape
    return _pooled(tape, tape.write(output, x), pool)


@_compute.register
def _(gene: DepthwiseSeparable, tape: Tape, x: Map, pool: Shape | None = None) -> Map:
    between = tape.write(strided(x.shape, x.shape.channels, gene.stride), x)
    return _pooled(tape, tape.write(gene.output(x.shape), between), pool)


@_compute.register
def _(gene: Residual, tape: Tape, x: Map, pool: Shape | None = None) -> Map:
    output = gene.output(x.shape)
    branch = tape.write(output, tape.write(output, x))
    return _with_shortcut(gene, tape, x, branch, pool)


@_compute.register
def _(gene: Bottleneck, tape: Tape, x: Map, pool: Shape | None = None) -> Map:
    narrow = tape.write(strided(x.shape, gene.inner, 1), x)
    between = tape.write(strided(x.shape, gene.inner, gene.stride), narrow)
    branch = tape.write(gene.output(x.shape), between)
    return _with_shortcut(gene, tape, x, branch, pool)


def _with_shortcut(gene: Residual | Bottleneck, tape: Tape, x: Map, branch: Map, pool: Shape | None) -> Map:
    """Add the shortcut to a branch that the pool is still ahead of."""
    branch = _pooled(tape, branch, pool)
    shortcut = tape.write(gene.output(x.shape), x) if gene.projects(x.shape) else x
    shortcut = _pooled(tape, shortcut, pool)
    return tape.write(branch.shape, branch, shortcut, is_sum=True)


@_compute.register
def _(gene: InvertedResidual, tape: Tape, x: Map, pool: Shape | None = None) -> Map:
    hidden, squeezed = gene.hidden(x.shape), gene.squeezed(x.shape)
    wide = tape.write(strided(x.shape, hidden, 1), x) if gene.expansion > 1 else x
    wide = tape.write(strided(x.shape, hidden, gene.stride), wide)
    if squeezed:
        scale = wide
        for channels in (hidden, squeezed, hidden):
            scale = tape.write(Shape(channels, 1, 1), scale)
        wide = tape.write(wide.shape, wide, scale, is_sum=True)
    branch = _pooled(tape, tape.write(gene.output(x.shape), wide), pool)
    if not gene.adds_input(x.shape):
        return branch
    return tape.write(branch.shape, branch, _pooled(tape, x, pool), is_sum=True)


@_compute.register
def _(gene: DenseConcat, tape: Tape, x: Map) -> Map:
    normalized = tape.write(x.shape, x)
    new = tape.write(x.shape._replace(channels=gene.filters), normalized)
    return tape.write(gene.output(x.shape), x, new)


@_compute.register
def _(gene: Link, tape: Tape, x: Map, source: Map) -> Map:
    output = gene.output(x.shape, source.shape) or x.shape
    skip = source
    if gene.resizes(x.shape, source.shape):
        skip = tape.write(x.shape._replace(channels=source.shape.channels), skip)
    if gene.projects(x.shape, source.shape):
        skip = tape.write(x.shape, skip)
    return tape.write(output, x, skip, is_sum=gene.merge == "add")


def _compute_head(head: Head, tape: Tape, x: Map, n_classes: int) -> None:
    if head.pooling == "gap":
        x = tape.write(Shape(x.shape.channels, 1, 1), x)
    for width in (*head.units, n_classes):
        x = tape.write(Shape(width, 1, 1), x)
