"""Function-preserving changes: which children compute what their parent computes, and by which weights.

A child that is its parent with some genes wider, or with one gene more, can start from the parent's
weights and compute the same function (Chen et al. 2016, Net2Net; Wei et al. 2016, network
morphism). New channels keep fresh weights of their own and whatever reads them starts with zeros
there, so no two are alike and they learn without added noise. An inserted gene starts as the
identity. This holds in evaluation; batch statistics and dropout differ in training.
`evocnn.phenotype.inheritance` carries a plan out.

====================  ========================  ========================  =============================
Gene                  Wider                     Behind a wider gene       Inserted
====================  ========================  ========================  =============================
Conv                  yes (1)                   if no channel changes     as Dirac kernels (1, 2, 3, 4)
                                                its group
Residual, Bottleneck  unless it would lose its  likewise (1)              with a silent branch (2, 3)
                      projection (1)
DepthwiseSeparable    yes (1)                   yes (1)                   as Dirac kernels (1, 2, 3)
InvertedResidual      if it goes on adding its  likewise (1)              with a silent branch (2)
                      input, or not adding (1)
DenseConcat           yes                       yes (1)                   yes: its channels are new
Pool                  has no width              yes                       no: values are lost
Dropout               has no width              yes                       yes
Link, concatenating   has no width              yes                       yes: its channels are new
Link, adding          has no width              unless it would lose its  with a silent projection; not
                                                projection (1)            where it adds its source as it
                                                                          is: nothing can be silent
Head                  its dense units           yes                       no: before the first dense
                                                                          layer values may be negative,
                                                                          behind it only relu would do
A user's gene         no: its weights have no   no: likewise              no: likewise
                      known meaning
====================  ========================  ========================  =============================

1. Not where group normalization sees a new channel: its statistics mix channels. Nor can it be
   the identity, as a Dirac kernel or a shortcut that starts to project would need.
2. With as many filters as channels and stride 1, so that shapes agree.
3. Where the activation is the identity on what arrives: relu or leaky relu on nothing negative.
4. With same padding.

A shortcut that was the identity and projects now starts as the selection of the old channels; one
that projected cannot become the identity. With the early pool order, nothing is inserted between a
gene and the pool that it computes, since that would exchange pool and activation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import takewhile
from typing import Any

from evocnn.genotype.channel_maps import NEW, ChannelMap, written
from evocnn.genotype.chromosome import ActiveGene, Chromosome
from evocnn.genotype.gene import LayerGene, Shape
from evocnn.genotype.head import Head
from evocnn.genotype.layers import (
    LAYERS,
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
from evocnn.genotype.pool_order import pools_within
from evocnn.genotype.text_form import Value

PASSING = ("relu", "leaky_relu")  # the identity on values that are not negative


@dataclass(frozen=True, slots=True)
class Morphism:
    """How a child takes over its parent's function.

    Attributes:
        genes: The child's active genes.
        donors: For each of them the parent's active gene whose weights it takes, as its number;
            None for the gene that is inserted.
        channels: For each state, the images and what each active gene writes, and for each of its
            channels in the child, the channel in the parent's same state, or NEW.
    """

    genes: tuple[LayerGene, ...]
    donors: tuple[int | None, ...]
    channels: tuple[ChannelMap, ...]

    def reads(self, number: int) -> tuple[ChannelMap, ...]:
        """Return the maps of what the child's active gene with this number reads."""
        return _read(self.channels, number, self.genes[number].skip)


def morphism(
    parent: Chromosome, child: Chromosome, shape: Shape, *, pool_order: str = "early"
) -> Morphism | None:
    """Return how a child takes over its parent's function, or None where it cannot.

    Args:
        parent: The parent; the recipe does not matter.
        child: The parent with no, some or all genes wider, dense units of the head included, and
            with at most one gene more.
        shape: Channels, height and width of an image.
        pool_order: `early` or `textbook`.
    """
    old, new = list(parent.trace(shape)), list(child.trace(shape))
    if not 0 <= len(new) - len(old) <= 1 or not _is_wider_head(parent.head, child.head):
        return None
    channels = tuple(range(shape.channels))
    possible = (locus for locus in _loci(old, new) if pool_order != "early" or _keeps_pools(old, new, locus))
    plans = (_plan(old, new, locus, channels) for locus in possible)
    return next((plan for plan in plans if plan is not None), None)


def identity_alleles(
    gene: type[LayerGene], channels: int, *, is_positive: bool
) -> Mapping[str, tuple[Value, ...]] | None:
    """Return the values by field that a gene needs to be the identity; None where it cannot be.

    Args:
        gene: The gene's type.
        channels: Channels that arrive.
        is_positive: Whether nothing negative arrives.
    """
    linear: dict[str, tuple[Value, ...]] = {"filters": (channels,), "stride": (1,)}
    active = linear | {"activation": PASSING}
    dirac = active | {"normalization": ("batch", "none")}
    needed = {
        Conv: dirac | {"padding": ("same",)},
        DepthwiseSeparable: dirac,
        Residual: active,
        Bottleneck: active,
        InvertedResidual: linear,
        DenseConcat: {},
        Dropout: {},
        Link: {},
    }.get(gene)
    return None if needed and "activation" in needed and not is_positive else needed


def positive_states(active: Iterable[ActiveGene]) -> list[bool]:
    """Return for the images, and what each active gene writes, whether nothing in it can be negative."""
    states = [False]
    for number, (gene, inputs, _) in enumerate(active):
        is_positive = False
        if type(gene) in (Conv, Residual, Bottleneck, DepthwiseSeparable):
            is_positive = getattr(gene, "activation", "") == "relu"
        elif type(gene) in (Pool, Dropout):
            is_positive = states[-1]
        elif type(gene) is Link and not gene.projects(*inputs):
            is_positive = states[-1] and states[number - gene.skip]
        states.append(is_positive)
    return states


def _loci(old: Sequence[ActiveGene], new: Sequence[ActiveGene]) -> range:
    """Return the loci at which a gene may have been inserted; the end where none was, if all others fit."""
    n_ahead, n_behind = _fitting(old, new), _fitting(old[::-1], new[::-1])
    start = len(old) if len(old) == len(new) else len(old) - n_behind
    return range(start, n_ahead + 1)


def _fitting(old: Iterable[ActiveGene], new: Iterable[ActiveGene]) -> int:
    """Return how many genes in a row are the parent's, wider or not."""
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in takewhile(lambda pair: _is_wider(pair[0].gene, pair[1].gene), pairs))


def _plan(
    old: Sequence[ActiveGene], new: Sequence[ActiveGene], locus: int, channels: ChannelMap
) -> Morphism | None:
    """Return the plan in which the child's gene at a locus, if there is one, is inserted."""
    donors = [*range(locus), *(None,) * (len(new) - len(old)), *range(locus, len(old))]
    is_positive = positive_states(old)
    states, origins = [channels], [0]  # the parent's state that each of the child's is
    for number, (step, donor) in enumerate(zip(new, donors, strict=True)):
        reads = _read(states, number, step.gene.skip)
        if donor is None:
            writes = _inserted(step, reads, is_positive=is_positive[origins[-1]])
            origins.append(origins[-1])
        else:
            gene = old[donor].gene
            if gene.skip and origins[number - step.gene.skip] != donor - gene.skip:
                return None  # it reads something else
            writes = written(old[donor], step, reads)
            origins.append(donor + 1)
        if writes is None:
            return None
        states.append(writes)
    return Morphism(tuple(step.gene for step in new), tuple(donors), tuple(states))


def _read(states: Sequence[ChannelMap], number: int, skip: int) -> tuple[ChannelMap, ...]:
    return (states[number], states[number - skip]) if skip else (states[number],)


def _is_wider(old: LayerGene, new: LayerGene) -> bool:
    """Return whether a gene is another one, wider or not, and linked to wherever."""
    if type(old) is not type(new) or type(old) not in LAYERS:
        return old == new
    return all(
        getattr(new, f.name) >= getattr(old, f.name)
        if f.metadata.get("width")
        else getattr(new, f.name) == getattr(old, f.name) or f.name == "back"
        for f in fields(old)
    )


def _is_wider_head(old: Head, new: Head) -> bool:
    is_wider = len(new.units) == len(old.units) and all(map(int.__ge__, new.units, old.units))
    return is_wider and new.having(units=old.units) == old


def _keeps_pools(old: Sequence[ActiveGene], new: Sequence[ActiveGene], locus: int) -> bool:
    """Return whether every gene computes the pool that it computed before; the inserted one may any."""
    before, after = pools_within(old), pools_within(new)
    return {pool + (pool >= locus) * (len(new) - len(old)) for pool in before} == after - {locus + 1}


def _inserted(step: ActiveGene, reads: tuple[ChannelMap, ...], *, is_positive: bool) -> ChannelMap | None:
    """Return what an inserted gene writes, or None where it cannot be the identity on old channels."""
    gene: Any = step.gene
    needed = identity_alleles(type(gene), step.inputs[0].channels, is_positive=is_positive)
    if needed is None or any(getattr(gene, name) not in values for name, values in needed.items()):
        return None
    if isinstance(gene, Link) and gene.merge == "add" and not gene.projects(*step.inputs):
        return None
    return reads[0] + (NEW,) * (step.output.channels - len(reads[0]))
