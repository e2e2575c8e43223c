"""What a crossover and a mutation are: pure functions of parents, space and random stream."""

from typing import Protocol

import numpy as np

from evocnn.genotype import Chromosome, SearchSpace


class Crossover(Protocol):
    """A function or frozen callable that recombines two parents.

    It changes neither parent, and draws from `rng` alone. What it returns is repaired afterwards,
    so any splice of layers is legal.
    """

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        ...


class Mutation(Protocol):
    """A function or frozen callable that changes one parent, under the same rules."""

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        ...
