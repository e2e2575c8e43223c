"""Mutations of the head and of the recipe."""

from dataclasses import dataclass, replace

import numpy as np

from evocnn.genotype import Chromosome, SearchSpace


@dataclass(frozen=True, slots=True)
class AlterHead:
    """Moves one field of the head to a neighbouring allele."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        return replace(parent, head=space.head.alter(parent.head, rng))


@dataclass(frozen=True, slots=True)
class AlterRecipe:
    """Moves one field of the recipe a step; on a logarithmic range the step is log-normal."""

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
