"""A population that stays ranked while individuals join it one by one."""

import numpy as np

from evocnn.evaluation import Individual, crowding_distances, ranks_with_last


class RankedPopulation:
    """Keeps what `select_nsga2` keeps of a population and one more individual, again and again.

    Individuals, their order, ranks and crowding distances are the same to the bit, but ranks are carried on
    from one to the next: nothing is sorted into fronts anew.

    Args:
        size: Number of individuals that are kept.
        n_objectives: Number of objectives.

    Attributes:
        individuals: Those that are kept, best first.
    """

    def __init__(self, size: int, n_objectives: int) -> None:
        self.individuals: list[Individual] = []
        self._size = size
        self._keys: set[str] = set()
        # Losses, values and violation of each individual; in rows, so that comparing one with all is fast.
        self._rows = np.zeros((2 * n_objectives + 1, 0))
        self._ranks = np.zeros(0, dtype=int)
        self._distances = np.zeros(0)

    @property
    def front(self) -> list[Individual]:
        """The individuals of rank 0, best first."""
        return self.individuals[: int(np.searchsorted(self._ranks, 0, side="right"))]

    def add(self, individual: Individual) -> bool:
        """Take an individual, unless its genome is known; the worst leaves a population that was full.

        Sets `fitness.rank` and `fitness.crowding_dist` of all.

        Returns:
            Whether the individual is kept.
        """
        if individual.genome.key in self._keys:
            return False
        fitness, place = individual.fitness, len(self.individuals)
        wvalues = np.array(fitness.wvalues)
        column = [*-wvalues, *wvalues / fitness.weights, fitness.violation]  # divided as DEAP does
        self.individuals.append(individual)
        self._keys.add(individual.genome.key)
        self._rows = np.concatenate([self._rows, np.array(column)[:, None]], axis=1)
        self._rank()
        order = np.lexsort((-self._distances, self._ranks))
        self._keep(order, self._size)
        return place in order[: self._size].tolist()

    def keep_front(self, most: int) -> None:
        """Drop all but the front, and of a larger one all but so many, the least crowded."""
        self._keep(np.arange(len(self.individuals)), min(most, len(self.front)))

    def _rank(self) -> None:
        """Rank all, of whom the last is new; tell those whose rank or crowding distance changes."""
        n_objectives = len(self._rows) // 2
        losses, values = self._rows[:n_objectives].T, self._rows[n_objectives:-1].T
        ranks = ranks_with_last(losses, self._rows[-1], self._ranks)
        distances = crowding_distances(values, ranks)
        is_changed = (ranks[:-1] != self._ranks) | (distances[:-1] != self._distances)
        for place in [*is_changed.nonzero()[0].tolist(), -1]:
            fitness = self.individuals[place].fitness
            fitness.rank, fitness.crowding_dist = int(ranks[place]), float(distances[place])
        self._ranks, self._distances = ranks, distances

    def _keep(self, order: np.ndarray, n: int) -> None:
        """Keep the first n of an order."""
        for place in order[n:].tolist():
            self._keys.remove(self.individuals[place].genome.key)
        kept = order[:n]
        self.individuals = [self.individuals[place] for place in kept.tolist()]
        self._rows, self._ranks, self._distances = (
            self._rows.take(kept, axis=1),
            self._ranks[kept],
            self._distances[kept],
        )
