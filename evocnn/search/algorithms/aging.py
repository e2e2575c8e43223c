"""Regularized (aging) evolution: the oldest dies, however good it is."""

from collections import deque
from collections.abc import Collection

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Individual, Objectives, Status
from evocnn.operators import assign_ranks
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding


class AgingEvolution:
    """Mutates the best of a sample of the population, out of which the oldest drops for each that enters.

    All candidates are trained in full. Of several objectives, the best of a sample is any member of its
    front; there is no crossover.

    Args:
        breeding: Makes founders and mutants.
        objectives: What is optimized.
        population: Number of founders, and of individuals that are alive.
        sample: Individuals that compete to be the parent.

    Raises:
        ExperimentError: The sample is empty.

    Real et al. (2019), "Regularized Evolution for Image Classifier Architecture Search", algorithm 1.
    """

    def __init__(
        self, breeding: Breeding, objectives: Objectives, population: int, *, sample: int = 10
    ) -> None:
        if sample < 1:
            message = f"sample must be at least 1, but it was {sample}; raise it"
            raise ExperimentError(message)
        self._breeding = breeding
        self._objectives = objectives
        self._size = population
        self._sample = sample
        self._n_founders = 0
        self._alive: deque[Individual] = deque(maxlen=population)  # the oldest first
        self._candidates: dict[int, Candidate] = {}  # asked, not yet told

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return a founder, then mutants."""
        if self._n_founders < self._size or not self._alive:
            self._n_founders += 1
            candidate = self._breeding.founder(rng)
        else:
            candidate = self._breeding.offspring_of(lambda: [self._parent(rng)], rng)
        self._candidates[ticket] = candidate
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; unless it failed, it enters as the youngest."""
        candidate = self._candidates.pop(ticket)
        is_alive = evaluation.status is Status.OK
        if is_alive:
            fitness = self._objectives.fitness(evaluation)
            self._alive.append(Individual(ticket, candidate.request.genome, fitness))
        self._breeding.learn(candidate, succeeded=is_alive)

    def needed_states(self) -> Collection[int]:
        """Return the tickets of those alive, where their weights may be inherited."""
        return self._breeding.donors(self._alive)

    def _parent(self, rng: np.random.Generator) -> Individual:
        """Return one of the front of a sample, drawn with replacement."""
        sample = [self._alive[int(index)] for index in rng.integers(len(self._alive), size=self._sample)]
        assign_ranks(sample)
        front = [individual for individual in sample if individual.fitness.rank == 0]
        return front[int(rng.integers(len(front)))]
