"""Founders and offspring that have not been asked before."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evocnn.evaluation import EvaluationRequest, Individual
from evocnn.genotype import Fidelity, Space
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
        self._founders = list(space.founders)  # not yet asked

    def founder(self, rng: np.random.Generator) -> Candidate:
        """Return the next of the space's given founders; a draw where all have been asked."""
        return self._first_unseen(lambda: self._next_founder(rng))

    def offspring(self, population: Sequence[Individual], rng: np.random.Generator) -> Candidate:
        """Return an offspring of the winners of two tournaments; a newcomer where all have been asked."""

        def breed() -> Candidate:
            mother, father = tournament(population, rng), tournament(population, rng)
            child = self._variation.breed(mother.genome, father.genome, self._space, rng)
            parents = tuple(dict.fromkeys((mother.ticket, father.ticket)[: child.n_parents]))
            return self._candidate(child.genome, child.repairs, parents, child.operators)

        return self._first_unseen(breed, lambda: self._newcomer(rng))

    def learn(self, candidate: Candidate, *, succeeded: bool) -> None:
        """Take whether a candidate survived selection."""
        self._variation.learn(candidate.operators, succeeded=succeeded)

    def _next_founder(self, rng: np.random.Generator) -> Candidate:
        if self._founders:
            return self._candidate(*self._space.repair(self._founders.pop(0)))
        return self._newcomer(rng)

    def _newcomer(self, rng: np.random.Generator) -> Candidate:
        return self._candidate(*self._space.repair(self._space.draw(rng)))

    def _candidate(
        self, genome: Any, repairs: Any, parents: tuple[int, ...] = (), operators: tuple[str, ...] = ()
    ) -> Candidate:
        return Candidate(EvaluationRequest(genome, self._fidelity), parents, operators, repairs)

    def _first_unseen(self, *draws: Callable[[], Candidate]) -> Candidate:
        """Return the first draw that has not been asked; after many attempts of each, whatever came last."""
        for draw in draws:
            for _ in range(ATTEMPTS):
                candidate = draw()
                if candidate.request.genome.key not in self._asked:
                    self._asked.add(candidate.request.genome.key)
                    return candidate
        return candidate
