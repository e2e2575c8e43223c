"""Founders and offspring that have not been asked before."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evocnn.evaluation import EvaluationRequest, Individual
from evocnn.genotype import Fidelity, Genome, Space
from evocnn.operators import tournament
from evocnn.search.algorithm import Candidate, Variation

ATTEMPTS = 30  # draws for one ticket before a genome is asked a second time


class Breeding:
    """Makes candidates and remembers which genomes have been asked.

    Args:
        space: The search space.
        variation: How offspring are made.
        fidelity: The fidelity of every request.
    """

    def __init__(self, space: Space[Any], variation: Variation, fidelity: Fidelity) -> None:
        self._space = space
        self._variation = variation
        self._fidelity = fidelity
        self._asked: set[str] = set()

    def founder(self, rng: np.random.Generator) -> Candidate:
        """Return a sample of the space."""
        return self._first_unseen(lambda: (self._space.sample(rng), (), ()))

    def offspring(self, population: Sequence[Individual], rng: np.random.Generator) -> Candidate:
        """Return an offspring of the winners of two tournaments; a newcomer where all have been asked."""

        def breed() -> tuple[Genome, tuple[int, ...], tuple[str, ...]]:
            mother, father = tournament(population, rng), tournament(population, rng)
            child = self._variation.breed(mother.genome, father.genome, self._space, rng)
            parents = (mother.ticket, father.ticket)[: child.n_parents]
            return child.genome, tuple(dict.fromkeys(parents)), child.operators

        return self._first_unseen(breed, lambda: (self._space.sample(rng), (), ()))

    def _first_unseen(self, *draws: Callable[[], tuple[Any, tuple[int, ...], tuple[str, ...]]]) -> Candidate:
        """Return the first draw that has not been asked; after many attempts of each, whatever came last."""
        for draw in draws:
            for _ in range(ATTEMPTS):
                genome, parents, operators = draw()
                if genome.key not in self._asked:
                    self._asked.add(genome.key)
                    return Candidate(EvaluationRequest(genome, self._fidelity), parents, operators)
        return Candidate(EvaluationRequest(genome, self._fidelity), parents, operators)
