"""Mutations of a chromosome: each changes one thing."""

from dataclasses import dataclass, replace

import numpy as np

from evocnn.genotype import Chromosome, LayerGene, SearchSpace


@dataclass(frozen=True, slots=True)
class AddGene:
    """Inserts a sampled layer gene at a random locus."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        locus = int(rng.integers(len(parent.layers) + 1))
        return _spliced(parent, locus, locus, space.sample_layer(rng))


@dataclass(frozen=True, slots=True)
class RemoveGene:
    """Removes a layer gene; a chromosome with a single one keeps it."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        del space
        if len(parent.layers) < 2:
            return parent
        locus = int(rng.integers(len(parent.layers)))
        return _spliced(parent, locus, locus + 1)


@dataclass(frozen=True, slots=True)
class DuplicateGene:
    """Inserts a copy of a layer gene behind it."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        del space
        if not parent.layers:
            return parent
        locus = int(rng.integers(len(parent.layers)))
        return _spliced(parent, locus, locus, parent.layers[locus])


@dataclass(frozen=True, slots=True)
class SwapGenes:
    """Exchanges two layer genes."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        del space
        if len(parent.layers) < 2:
            return parent
        one, other = (int(locus) for locus in rng.choice(len(parent.layers), size=2, replace=False))
        layers = list(parent.layers)
        layers[one], layers[other] = layers[other], layers[one]
        return replace(parent, layers=tuple(layers))


@dataclass(frozen=True, slots=True)
class AlterGene:
    """Moves one field of a layer gene to a neighbouring allele."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        loci = [n for n, gene in enumerate(parent.layers) if (a := space.alleles_of(gene)) and a.free]
        if not loci:
            return parent
        locus = loci[int(rng.integers(len(loci)))]
        gene = parent.layers[locus]
        alleles = space.alleles_of(gene)
        return _spliced(parent, locus, locus + 1, alleles.alter(gene, rng) if alleles else gene)


@dataclass(frozen=True, slots=True)
class ReplaceGene:
    """Puts a sampled layer gene in the place of another, so that a layer can change its kind."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        if not parent.layers:
            return parent
        locus = int(rng.integers(len(parent.layers)))
        return _spliced(parent, locus, locus + 1, space.sample_layer(rng))


@dataclass(frozen=True, slots=True)
class AlterHead:
    """Moves one field of the head to a neighbouring allele."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        return replace(parent, head=space.head.alter(parent.head, rng))


@dataclass(frozen=True, slots=True)
class AlterRecipe:
    """Moves one field of the recipe a step."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        return replace(parent, recipe=space.recipe.alter(parent.recipe, rng))


@dataclass(frozen=True, slots=True)
class ResampleRecipe:
    """Draws each field of the recipe anew at a rate.

    Attributes:
        rate: Probability that a field is drawn anew.
    """

    rate: float = 0.5

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        names = [name for name in space.recipe.free if rng.random() < self.rate]
        drawn = {name: space.recipe.fields[name].sample(rng) for name in names}
        return replace(parent, recipe=replace(parent.recipe, **drawn))  # type: ignore[arg-type]


def _spliced(parent: Chromosome, start: int, stop: int, *genes: LayerGene) -> Chromosome:
    """Return the parent with `genes` in place of its loci from `start` up to `stop`."""
    return replace(parent, layers=parent.layers[:start] + genes + parent.layers[stop:])
