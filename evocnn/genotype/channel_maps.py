"""Channel maps: which channels of a child are whose of the parent, gene by gene.

A gene writes what its parent's twin writes, on the channels that both have, if it takes its weights
and reads new channels with zeros. Where that cannot be, there is no map; `evocnn.genotype.morphism`
lists the cases.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from evocnn.genotype.chromosome import ActiveGene
from evocnn.genotype.gene import LayerGene, Shape
from evocnn.genotype.layers import (
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    InvertedResidual,
    Link,
    Pool,
    Residual,
)

ChannelMap = tuple[int, ...]  # for each channel of the child, the parent's, or NEW
NEW = -1


def widened(old: int, new: int, groups: int = 1) -> ChannelMap:
    """Return the map of channels that grow from a number to another, new ones last in each group."""
    size, added = old // groups, (new - old) // groups
    return tuple(
        channel for start in range(0, old, size) for channel in (*range(start, start + size), *(NEW,) * added)
    )


def written(parent: ActiveGene, child: ActiveGene, reads: tuple[ChannelMap, ...]) -> ChannelMap | None:
    """Return the map of what a child's gene writes, or None where it cannot keep its function.

    Args:
        parent: The parent's gene.
        child: The same gene, wider or not.
        reads: The maps of what it reads.
    """
    rule = _RULES.get(type(child.gene))
    if rule:
        return rule(_Pair(parent.gene, child.gene, parent.inputs, child.inputs, reads))
    unchanged = tuple(range(child.output.channels))  # a user's gene: its weights are unknown
    return None if any(NEW in read for read in reads) else unchanged


class _Pair(NamedTuple):
    """A gene of the parent's, the child's that takes its weights, and what they read."""

    old: Any
    new: Any
    before: tuple[Shape, ...]
    after: tuple[Shape, ...]
    reads: tuple[ChannelMap, ...]

    def mixes(self, *normalized: ChannelMap) -> bool:
        """Return whether a normalization would mix old channels with new ones."""
        return self.new.normalization == "group" and any(NEW in channels for channels in normalized)

    def adds(self, read: ChannelMap, writes: ChannelMap) -> bool:
        """Return whether the shortcut can go on adding what it added."""
        did, does = self.old.projects(*self.before), self.new.projects(*self.after)
        if does:  # a projection that is new selects the old channels
            return (did or self.new.normalization != "group") and not self.mixes(writes)
        return not did and read == writes

    @property
    def filters(self) -> ChannelMap:
        """The map of the gene's filters."""
        return widened(self.old.filters, self.new.filters)


def _convolution(pair: _Pair) -> ChannelMap | None:
    groups = pair.new.groups_on(*pair.after)
    if groups != pair.old.groups_on(*pair.before):
        return None
    size, old_size = pair.after[0].channels // groups, pair.before[0].channels // groups
    for channel, source in enumerate(pair.reads[0]):
        if source != NEW and source // old_size != channel // size:
            return None  # it would come into another group
    writes = widened(pair.old.filters, pair.new.filters, groups)
    return None if pair.mixes(writes) else writes


def _residual(pair: _Pair) -> ChannelMap | None:
    writes = pair.filters if pair.new.projects(*pair.after) else pair.reads[0]
    return writes if pair.adds(pair.reads[0], writes) and not pair.mixes(writes) else None


def _depthwise_separable(pair: _Pair) -> ChannelMap | None:
    return None if pair.mixes(pair.reads[0], pair.filters) else pair.filters


def _inverted_residual(pair: _Pair) -> ChannelMap | None:
    adds = pair.new.adds_input(*pair.after)
    writes = pair.reads[0] if adds else pair.filters
    is_same = adds == pair.old.adds_input(*pair.before)
    return writes if is_same and not pair.mixes(pair.reads[0], writes) else None


def _dense_concatenation(pair: _Pair) -> ChannelMap | None:
    return None if pair.mixes(pair.reads[0]) else _joined(pair, pair.filters)


def _link(pair: _Pair) -> ChannelMap | None:
    arriving, source = pair.reads
    if pair.new.merge == "concat":
        return _joined(pair, source)
    return arriving if pair.adds(source, arriving) else None


def _joined(pair: _Pair, behind: ChannelMap) -> ChannelMap:
    """Return the map of what arrives with other channels behind."""
    start = pair.before[0].channels
    return pair.reads[0] + tuple(NEW if source == NEW else start + source for source in behind)


def _passed(pair: _Pair) -> ChannelMap:
    return pair.reads[0]


_RULES: dict[type[LayerGene], Callable[[_Pair], ChannelMap | None]] = {
    Conv: _convolution,
    Residual: _residual,
    Bottleneck: _residual,
    DepthwiseSeparable: _depthwise_separable,
    InvertedResidual: _inverted_residual,
    DenseConcat: _dense_concatenation,
    Pool: _passed,
    Dropout: _passed,
    Link: _link,
}
