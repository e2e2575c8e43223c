"""Mutations of one layer gene's fields, each to a neighbouring allele."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evocnn.errors import GeneError
from evocnn.genotype import Chromosome, GeneAlleles, LayerGene, SearchSpace


@dataclass(frozen=True, slots=True)
class AlterGene:
    """Moves one field of a layer gene to a neighbouring allele; any field, those of own genes included."""

    fields: ClassVar[tuple[str, ...] | None] = None  # all

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""

        def alter(alleles: GeneAlleles[LayerGene], gene: LayerGene) -> LayerGene | None:
            try:
                return alleles.alter(gene, rng, self.fields)
            except GeneError:  # a given founder's value, no allele itself, need not go with every allele
                return None

        def can(alleles: GeneAlleles[LayerGene], gene: LayerGene) -> bool:
            del gene
            return any(self.fields is None or name in self.fields for name in alleles.free)

        return _altered(parent, space, rng, can, alter)


@dataclass(frozen=True, slots=True)
class AlterKernel(AlterGene):
    """Moves a kernel's size, dilation or groups to a neighbouring allele."""

    fields: ClassVar[tuple[str, ...] | None] = ("kernel", "dilation", "groups")


@dataclass(frozen=True, slots=True)
class AlterStride(AlterGene):
    """Changes how resolution falls: stride, padding, a pool's size or kind."""

    fields: ClassVar[tuple[str, ...] | None] = ("stride", "padding", "size", "kind")


@dataclass(frozen=True, slots=True)
class AlterActivation(AlterGene):
    """Changes an activation function or a normalization."""

    fields: ClassVar[tuple[str, ...] | None] = ("activation", "normalization")


@dataclass(frozen=True, slots=True)
class AlterBackbone:
    """Moves the backbone's cut, or the number of its trained layers, to a neighbouring allele."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring; the parent where it has no backbone."""
        if space.backbone is None or not parent.root:
            return parent
        backbone = space.backbone.alter(parent.layers[0], rng)  # type: ignore[arg-type]
        return replace(parent, layers=(backbone, *parent.layers[1:]))


@dataclass(frozen=True, slots=True)
class Widen:
    """Gives a layer gene its next larger width."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        return _altered(parent, space, rng, lambda a, g: a.grow(g) is not None, lambda a, g: a.grow(g))


@dataclass(frozen=True, slots=True)
class Narrow:
    """Gives a layer gene its next smaller width."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        return _altered(parent, space, rng, lambda a, g: a.shrink(g) is not None, lambda a, g: a.shrink(g))


def _altered(
    parent: Chromosome,
    space: SearchSpace,
    rng: np.random.Generator,
    can: Callable[[GeneAlleles[LayerGene], LayerGene], bool],
    alter: Callable[[GeneAlleles[LayerGene], LayerGene], LayerGene | None],
) -> Chromosome:
    """Return the parent with one of the genes altered that can be; the parent where none can."""
    owners = [(locus, a, gene) for locus, gene in enumerate(parent.layers) if (a := space.alleles_of(gene))]
    candidates = [owner for owner in owners if can(*owner[1:])]
    if not candidates:
        return parent
    locus, alleles, gene = candidates[int(rng.integers(len(candidates)))]
    new = alter(alleles, gene) or gene
    return replace(parent, layers=(*parent.layers[:locus], new, *parent.layers[locus + 1 :]))
