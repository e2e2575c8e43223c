"""Crossover of two chromosomes, segment by segment: layers, head, recipe."""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from evocnn.genotype import Chromosome, LayerGene, Range, Recipe, SearchSpace
from evocnn.genotype.gene import Gene

GeneType = TypeVar("GeneType", bound=Gene)
Layers = tuple[LayerGene, ...]


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
        return _with_segments(mother, father, daughter, son, rng)


@dataclass(frozen=True, slots=True)
class TwoPoint:
    """Exchanges what lies between two relative places of the layer segments (Cavicchio 1970).

    Head and recipe are each exchanged whole, or not, with equal odds.
    """

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        del space
        places = np.sort(rng.random(2))
        (a, b), (c, d) = ([round(p * len(parent.layers)) for p in places] for parent in (mother, father))
        daughter = mother.layers[:a] + father.layers[c:d] + mother.layers[b:]
        son = father.layers[:c] + mother.layers[a:b] + father.layers[d:]
        return _with_segments(mother, father, daughter, son, rng)


@dataclass(frozen=True, slots=True)
class Homologous:
    """Cuts both parents where their features have the same height and width, and exchanges what follows.

    What a gene was selected for, working at its resolution, so survives the exchange. Every pair of
    such places is equally likely; the input counts as one, the ends of both parents do not. Head and
    recipe are each exchanged whole, or not, with equal odds.
    """

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        mother, father = (parent.canonical(space.input_shape) for parent in (mother, father))
        sides = [
            [space.input_shape[1:], *(step.output[1:] for step in parent.trace(space.input_shape))]
            for parent in (mother, father)
        ]
        ends = (len(sides[0]) - 1, len(sides[1]) - 1)
        places = [
            (a, b)
            for a, one in enumerate(sides[0])
            for b, other in enumerate(sides[1])
            if one == other and (a, b) not in ((0, 0), ends)
        ]
        a, b = places[int(rng.integers(len(places)))] if places else ends
        daughter, son = mother.layers[:a] + father.layers[b:], father.layers[:b] + mother.layers[a:]
        return _with_segments(mother, father, daughter, son, rng)


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
        heads = _exchanged(mother.head, father.head, self.rate, rng)
        recipes = _exchanged(mother.recipe, father.recipe, self.rate, rng)
        return Chromosome(tuple(daughter), heads[0], recipes[0]), Chromosome(tuple(son), heads[1], recipes[1])


@dataclass(frozen=True, slots=True)
class BlendRecipe:
    """Draws continuous recipe values from around the parents', BLX-alpha (Eshelman and Schaffer 1993).

    The interval between the parents' values, on the range's scale, is widened by `alpha` of its
    length on each side. Other recipe fields are exchanged with equal odds; layers and head stay.

    Attributes:
        alpha: Share of the interval by which it is widened.
    """

    alpha: float = 0.5

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        one, other = _exchanged(mother.recipe, father.recipe, 0.5, rng)
        return (
            replace(mother, recipe=self._blended(one, other, space, rng)),
            replace(father, recipe=self._blended(other, one, space, rng)),
        )

    def _blended(self, one: Recipe, other: Recipe, space: SearchSpace, rng: np.random.Generator) -> Recipe:
        values = {}
        for name, alleles in space.recipe.fields.items():
            if isinstance(alleles, Range):
                start, end = (alleles.position(getattr(recipe, name)) for recipe in (one, other))
                share = -self.alpha + (1 + 2 * self.alpha) * float(rng.random())
                values[name] = alleles.at(min(max(start + share * (end - start), 0.0), 1.0))
        return one.having(**values)


def _with_segments(
    mother: Chromosome, father: Chromosome, daughter: Layers, son: Layers, rng: np.random.Generator
) -> tuple[Chromosome, Chromosome]:
    """Return two offspring with these layers, and heads and recipes exchanged whole, or not."""
    head, recipe = rng.random(2) < 0.5
    return (
        Chromosome(daughter, (father if head else mother).head, (father if recipe else mother).recipe),
        Chromosome(son, (mother if head else father).head, (mother if recipe else father).recipe),
    )


def _exchanged(
    one: GeneType, other: GeneType, rate: float, rng: np.random.Generator
) -> tuple[GeneType, GeneType]:
    """Return both genes with each field exchanged at a rate."""
    names = [f.name for f in fields(one) if rng.random() < rate]
    return (
        replace(one, **{name: getattr(other, name) for name in names}),
        replace(other, **{name: getattr(one, name) for name in names}),
    )
