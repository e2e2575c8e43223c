"""Mutations whose child computes what its parent computes, given its weights.

Chen et al. 2016 (Net2Net), Wei et al. 2016 (network morphism). Each draws one of all the changes
that `evocnn.genotype.morphism` can carry out and the alleles permit, and leaves a parent as it is
where there is none. What repair changes afterwards may end the equality; `morphism` of parent and
repaired child tells.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evocnn.genotype import Choice, Chromosome, GeneAlleles, Head, LayerGene, Link, SearchSpace
from evocnn.genotype.morphism import identity_alleles, morphism, positive_states
from evocnn.genotype.splicing import spliced
from evocnn.genotype.text_form import Value

Insertion = tuple[int, GeneAlleles[LayerGene], Mapping[str, tuple[Value, ...]]]  # locus, type, fields


@dataclass(frozen=True, slots=True)
class NetWiden:
    """Gives a layer gene its next larger width, or the head more dense units (Net2WiderNet)."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        body = parent.canonical(space.input_shape)
        children = [replace(body, head=head) for head in _wider_heads(parent.head, space)]
        for locus, gene in enumerate(body.layers):
            alleles = space.alleles_of(gene)
            wider = alleles.grow(gene) if alleles else None
            if wider:
                children.append(spliced(body, space, locus, locus + 1, wider))
        return _first(rng.permutation(len(children)), children.__getitem__, parent, space)


@dataclass(frozen=True, slots=True)
class NetDeepen:
    """Inserts a layer gene that can be the identity (Net2DeeperNet)."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        active = list(parent.trace(space.input_shape))
        channels = [space.input_shape.channels, *(step.output.channels for step in active)]
        states = list(zip(channels, positive_states(active), strict=True))
        changes = [
            (locus, alleles, needed)
            for locus, (n_channels, is_positive) in enumerate(states)
            for alleles in space.layers
            if alleles.gene is not Link
            and (needed := identity_alleles(alleles.gene, n_channels, is_positive=is_positive)) is not None
        ]
        return _inserted(changes, parent, space, rng)


@dataclass(frozen=True, slots=True)
class AddSkip:
    """Inserts a link that starts without effect (network morphism)."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        n_loci = len(parent.canonical(space.input_shape).layers) + 1
        changes = [
            (locus, alleles, {"back": (back,), "merge": (merge,)})
            for alleles in space.layers
            if alleles.gene is Link
            for locus in range(n_loci)
            for back in range(1, locus + 1)
            for merge in ("add", "concat")
        ]
        return _inserted(changes, parent, space, rng)


def _inserted(
    changes: Sequence[Insertion], parent: Chromosome, space: SearchSpace, rng: np.random.Generator
) -> Chromosome:
    """Return the parent with one of some genes inserted; the parent where none can be."""
    body = parent.canonical(space.input_shape)
    if len(body.layers) >= space.limits.depth:
        return parent

    def child(number: int) -> Chromosome | None:
        locus, alleles, needed = changes[number]
        gene = _sampled(alleles, needed, rng)
        return spliced(body, space, locus, locus, gene) if gene else None

    return _first(rng.permutation(len(changes)), child, parent, space)


def _first(
    order: np.ndarray, child: Callable[[int], Chromosome | None], parent: Chromosome, space: SearchSpace
) -> Chromosome:
    """Return the first child, in a random order, that can compute what the parent computes."""
    for number in order:
        candidate = child(number)
        if candidate and morphism(parent, candidate, space.input_shape, pool_order=space.pool_order):
            return candidate
    return parent


def _sampled(
    alleles: GeneAlleles[LayerGene], needed: Mapping[str, tuple[Value, ...]], rng: np.random.Generator
) -> LayerGene | None:
    """Return a sampled gene whose fields hold the values that they need; None where no allele is such."""
    gene = alleles.sample(rng)
    for name, values in needed.items():
        own = alleles.fields.get(name)
        permitted = own.values if isinstance(own, Choice) else (getattr(gene, name),)
        both = [value for value in permitted if value in values]
        if not both:
            return None
        gene = gene.having(**{name: both[int(rng.integers(len(both)))]})
    return gene


def _wider_heads(head: Head, space: SearchSpace) -> list[Head]:
    """Return the head with each larger allele of as many dense layers."""
    alleles = space.head.fields.get("units")
    values = alleles.values if isinstance(alleles, Choice) else ()
    same = [units for units in values if isinstance(units, tuple) and len(units) == len(head.units)]
    return [head.having(units=units) for units in same if units != head.units]
