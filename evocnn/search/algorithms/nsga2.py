"""NSGA-II (Deb et al. 2002), generational and steady-state, with rungs."""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import replace

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Individual, Objectives, Status
from evocnn.operators import RankedPopulation, dominating, select_nsga2, tournament
from evocnn.search.algorithm import Candidate
from evocnn.search.algorithms.generational import MIN_PARENTS, Generational
from evocnn.search.breeding import Breeding
from evocnn.search.rungs import AsynchronousHalving, Rungs, individual_of
from evocnn.search.surrogate import Surrogate


class GenerationalNSGA2(Generational):
    """Keeps the best by front and crowding distance of parents and offspring, a generation at a time.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Survivors of a generation, and candidates that are looked at in it.
        rungs: Where training is halted to be judged.
    """

    def __init__(
        self, breeding: Breeding, objectives: Objectives, population: int, rungs: Rungs | None = None
    ) -> None:
        super().__init__(breeding, objectives, population, rungs, select_nsga2, compete=dominating)


class SteadyStateNSGA2:
    """Breeds from whatever is known and drops the worst whenever one too many is known; never waits.

    Once the founders are asked, the best of each rung are continued, a third of those told there, before
    anything is bred; only those that were trained in full enter the population.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Number of founders, of individuals that are kept, and of those that a rung remembers.
        rungs: Where training is halted to be judged.
        local_search: Probability that an offspring is a neighbour of a member of the front, any of them:
            one mutation, no crossover.
        proposals: Offspring and newcomers among which a surrogate chooses each that is asked; see
            `Surrogate`. 1 for no surrogate: every offspring is asked, and there are no newcomers.
        restart_after: Number of candidates trained in full, one after the other, none of which enters the
            front, after which the population keeps its front, at most its less crowded half, and fills up
            with newcomers. Not given, never.

    Raises:
        ExperimentError: An option is out of its range.
    """

    def __init__(
        self,
        breeding: Breeding,
        objectives: Objectives,
        population: int,
        rungs: Rungs | None = None,
        *,
        local_search: float = 0.5,
        proposals: int = 32,
        restart_after: int | None = None,
    ) -> None:
        if not 0 <= local_search <= 1:
            message = f"local_search must lie within 0 and 1, but it was {local_search}; correct it"
            raise ExperimentError(message)
        if proposals < 1:
            message = f"proposals must be at least 1, but they were {proposals}; raise them"
            raise ExperimentError(message)
        if restart_after is not None and restart_after < 1:
            message = (
                f"restart_after must be at least 1, but it was {restart_after}; raise it or leave it out"
            )
            raise ExperimentError(message)
        self._breeding = breeding
        self._objectives = objectives
        self._size = population
        self._rungs = rungs or Rungs()
        self._halving = AsynchronousHalving(self._rungs, population)
        self._local_search = local_search
        self._n_proposals = proposals
        self._surrogate = Surrogate(breeding.space.describe, objectives) if proposals > 1 else None
        self._restart_after = restart_after
        self._n_stale = 0  # trained in full, in a row, without a new member of the front
        self._n_founders = 0  # asked since the start, or the members that a restart has kept and since then
        self._population = RankedPopulation(population, len(objectives.items))
        self._candidates: dict[int, Candidate] = {}  # asked, not yet told

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return founders first; then whatever is to be continued, else an offspring of the population."""
        candidate = self._halving.next() if self._n_founders >= self._size else None
        candidate = candidate or self._rungs.first(self._bred(rng))
        self._candidates[ticket] = candidate
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation to its rung, or into the population, whose worst leaves it if it is full."""
        candidate = self._candidates.pop(ticket)
        if evaluation.status is not Status.OK:
            self._breeding.learn(candidate, succeeded=False)
            if self._surrogate is not None:
                self._surrogate.forget(candidate.request.genome)
            return
        individual = individual_of(ticket, candidate, evaluation, self._objectives)
        if self._surrogate is not None:
            self._surrogate.tell(individual, candidate.request.fidelity.share)
        if not candidate.request.fidelity.is_full:
            for forgotten in self._halving.tell(individual, candidate):
                self._breeding.learn(forgotten, succeeded=False)
            return
        survives = self._population.add(individual)
        self._breeding.learn(candidate, succeeded=survives)
        self._n_stale = 0 if survives and individual.fitness.rank == 0 else self._n_stale + 1
        if self._n_stale == self._restart_after:
            self._restart()

    def needed_states(self) -> Collection[int]:
        """Return the tickets that may still be continued, or whose weights may be inherited."""
        return [*self._halving.waiting, *self._breeding.donors(self._population.individuals)]

    def front(self) -> list[Individual]:
        """Return the members of the population that none dominates."""
        return self._population.front

    def welcome(self, migrant: Individual) -> None:
        """Take a copy of an individual of another population, unless its genome is known here."""
        self._population.add(replace(migrant, fitness=deepcopy(migrant.fitness)))

    def _restart(self) -> None:
        self._population.keep_front(most=self._size // 2)
        self._n_founders = len(self._population.individuals)
        self._n_stale = 0

    def _bred(self, rng: np.random.Generator) -> Candidate:
        if self._n_founders < self._size or len(self._population.individuals) < MIN_PARENTS:
            self._n_founders += 1
            return self._breeding.founder(rng)
        if self._surrogate is not None and rng.random() < self._surrogate.share:
            choose = self._surrogate.choose
            return self._breeding.proposed(lambda: self._parents(rng), self._n_proposals, choose, rng)
        offspring = self._breeding.offspring_of(lambda: self._parents(rng), rng)
        if self._surrogate is not None:
            self._surrogate.pass_by(offspring.request.genome)
        return offspring

    def _parents(self, rng: np.random.Generator) -> list[Individual]:
        """Return a member of the front that is to be mutated, or the winners of two tournaments."""
        if rng.random() < self._local_search:
            front = self.front()
            return [front[int(rng.integers(len(front)))]]
        known = self._population.individuals
        return [tournament(known, rng), tournament(known, rng)]
