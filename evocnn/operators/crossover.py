"""Crossover of two chromosomes, segment by segment: layers, head, recipe."""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from evocnn.genotype import Chromosome, SearchSpace
from evocnn.genotype.gene import Gene

GeneType = TypeVar("GeneType", bound=Gene)


@dataclass(frozen=True, slots=True)
class OnePoint:
    """Cuts both layer segments at the same relative place and exchanges what follows (Holland 1975).

    The place is drawn once, as a share of the length, so offspring are about as deep as their
    parents. Head and recipe are each exchanged whole, or not, with equal odds.
    """

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        del space
        place = rng.random()
        cuts = [round(place * len(parent.layers)) for parent in (mother, father)]
        daughter = mother.layers[: cuts[0]] + father.layers[cuts[1] :]
        son = father.layers[: cuts[1]] + mother.layers[cuts[0] :]
        head, recipe = rng.random(2) < 0.5
        return (
            Chromosome(daughter, (father if head else mother).head, (father if recipe else mother).recipe),
            Chromosome(son, (mother if head else father).head, (mother if recipe else father).recipe),
        )


@dataclass(frozen=True, slots=True)
class Uniform:
    """Exchanges genes at the same locus, and fields of head and recipe, each at a rate (Syswerda 1989).

    Genes beyond the shorter parent's length stay where they are.

    Attributes:
        rate: Probability that a gene or field is exchanged.
    """

    rate: float = 0.5

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        del space
        daughter, son = list(mother.layers), list(father.layers)
        for locus in range(min(len(daughter), len(son))):
            if rng.random() < self.rate:
                daughter[locus], son[locus] = son[locus], daughter[locus]
        heads = self._exchange(mother.head, father.head, rng)
        recipes = self._exchange(mother.recipe, father.recipe, rng)
        return Chromosome(tuple(daughter), heads[0], recipes[0]), Chromosome(tuple(son), heads[1], recipes[1])

    def _exchange(
        self, one: GeneType, other: GeneType, rng: np.random.Generator
    ) -> tuple[GeneType, GeneType]:
        names = [f.name for f in fields(one) if rng.random() < self.rate]
        return (
            replace(one, **{name: getattr(other, name) for name in names}),
            replace(other, **{name: getattr(one, name) for name in names}),
        )
