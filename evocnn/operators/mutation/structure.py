"""Mutations of the layer segment's structure: genes come, go, move, change their kind and their links."""

from dataclasses import dataclass, fields, replace

import numpy as np

from evocnn.genotype import Choice, Chromosome, LayerGene, SearchSpace
from evocnn.genotype.alleles import Alleles
from evocnn.genotype.gene_alleles import drawn
from evocnn.genotype.splicing import spliced
from evocnn.genotype.text_form import Value


@dataclass(frozen=True, slots=True)
class AddGene:
    """Inserts a sampled layer gene at a random locus."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        locus = int(rng.integers(len(parent.layers) + 1))
        return spliced(parent, space, locus, locus, space.sample_layer(rng))


@dataclass(frozen=True, slots=True)
class RemoveGene:
    """Removes a layer gene; a chromosome with a single one keeps it."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        if len(parent.layers) < 2:
            return parent
        locus = int(rng.integers(len(parent.layers)))
        return spliced(parent, space, locus, locus + 1)


@dataclass(frozen=True, slots=True)
class DuplicateGene:
    """Inserts a copy of a layer gene behind it."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        if not parent.layers:
            return parent
        locus = int(rng.integers(len(parent.layers)))
        return spliced(parent, space, locus + 1, locus + 1, parent.layers[locus])


@dataclass(frozen=True, slots=True)
class MoveGene:
    """Moves a layer gene to another locus."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        if len(parent.layers) < 2:
            return parent
        locus, target = (int(n) for n in rng.choice(len(parent.layers), size=2, replace=False))
        rest = spliced(parent, space, locus, locus + 1)
        return spliced(rest, space, target, target, parent.layers[locus])


@dataclass(frozen=True, slots=True)
class SwapKind:
    """Gives a layer gene another type; fields that both types have keep values that the new one permits."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        if not parent.layers or len(space.layers) < 2:
            return parent
        locus = int(rng.integers(len(parent.layers)))
        old = parent.layers[locus]
        others = [alleles for alleles in space.layers if alleles.gene is not type(old)]
        alleles = drawn(others, rng)
        shared = sorted({f.name for f in fields(old)} & set(alleles.fields))
        kept = {name: _allele(alleles.fields[name], getattr(old, name)) for name in shared}
        new = alleles.sample(rng).having(**{name: value for name, value in kept.items() if value is not None})
        return spliced(parent, space, locus, locus + 1, new)


@dataclass(frozen=True, slots=True)
class RewireLink:
    """Lets a link, or another gene that skips, skip another number of genes, or merge in another way."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        loci = [locus for locus, gene in enumerate(parent.layers) if gene.skip]
        if not loci:
            return parent
        locus = loci[int(rng.integers(len(loci)))]
        others = _rewired(parent.layers[locus], locus, space)
        if not others:
            return parent
        new = others[int(rng.integers(len(others)))]
        return replace(parent, layers=(*parent.layers[:locus], new, *parent.layers[locus + 1 :]))


def _allele(alleles: Alleles, value: Value) -> Value | None:
    """Return the allele that equals a value, which may come from a field of another kind; None without."""
    if isinstance(alleles, Choice):
        return next((own for own in alleles.values if own == value), None)
    return value if value in alleles else None


def _rewired(link: LayerGene, n_ahead: int, space: SearchSpace) -> list[LayerGene]:
    """Return the links that differ in what they read, or how, and reach no further than the start."""
    alleles = space.alleles_of(link)
    choices = [] if alleles is None else [(name, alleles.fields.get(name)) for name in ("back", "merge")]
    rewired = [
        link.having(**{name: value})
        for name, choice in choices
        if isinstance(choice, Choice)
        for value in choice.values
    ]
    return [other for other in rewired if other != link and other.skip <= n_ahead]
