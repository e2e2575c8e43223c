"""NSGA-II (Deb et al. 2002), generational and steady-state."""

import numpy as np

from evocnn.evaluation import Evaluation, Individual, Objectives, Status
from evocnn.operators import select_nsga2
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding

MIN_PARENTS = 2


class GenerationalNSGA2:
    """Breeds a whole generation, waits for all of it, and keeps the best of parents and offspring.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Survivors of a generation, and offspring in it.
    """

    def __init__(self, breeding: Breeding, objectives: Objectives, population: int) -> None:
        self._breeding = breeding
        self._objectives = objectives
        self._size = population
        self._survivors: list[Individual] = []
        self._candidates: dict[int, Candidate] = {}  # of this generation, by ticket
        self._told: dict[int, Evaluation] = {}

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | None:
        """Return a founder or an offspring of the last survivors; None once the generation is asked."""
        if len(self._candidates) == self._size:
            return None
        is_founding = len(self._survivors) < MIN_PARENTS
        candidate = (
            self._breeding.founder(rng) if is_founding else self._breeding.offspring(self._survivors, rng)
        )
        self._candidates[ticket] = candidate
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; the last of a generation selects the survivors."""
        self._told[ticket] = evaluation
        if len(self._told) < self._size:
            return
        distinct = {individual.genome.key: individual for individual in self._survivors}
        for number, result in sorted(self._told.items()):
            genome = self._candidates[number].request.genome
            if result.status is Status.OK and genome.key not in distinct:
                distinct[genome.key] = Individual(number, genome, self._objectives.fitness(result))
        self._survivors = select_nsga2(list(distinct.values()), self._size)
        survivors = {individual.ticket for individual in self._survivors}
        for number, candidate in sorted(self._candidates.items()):
            self._breeding.learn(candidate, succeeded=number in survivors)
        self._candidates, self._told = {}, {}


class SteadyStateNSGA2:
    """Breeds from whatever is known and drops the worst whenever one too many is known; never waits.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Number of founders, and of individuals that are kept.
    """

    def __init__(self, breeding: Breeding, objectives: Objectives, population: int) -> None:
        self._breeding = breeding
        self._objectives = objectives
        self._size = population
        self._population: list[Individual] = []
        self._candidates: dict[int, Candidate] = {}  # asked, not yet told

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return a founder for the first tickets, then offspring of the population."""
        is_founding = ticket < self._size or len(self._population) < MIN_PARENTS
        candidate = (
            self._breeding.founder(rng) if is_founding else self._breeding.offspring(self._population, rng)
        )
        self._candidates[ticket] = candidate
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation into the population; the worst leaves a full one."""
        candidate = self._candidates.pop(ticket)
        genome = candidate.request.genome
        is_known = any(individual.genome.key == genome.key for individual in self._population)
        if evaluation.status is Status.OK and not is_known:
            self._population.append(Individual(ticket, genome, self._objectives.fitness(evaluation)))
            self._population = select_nsga2(self._population, self._size)
        survives = any(individual.ticket == ticket for individual in self._population)
        self._breeding.learn(candidate, succeeded=survives)
