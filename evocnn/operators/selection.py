"""Selection behind DEAP's signatures, ranked by moocore and so much faster.

The choice is that of `deap.tools.selNSGA2` wherever crowding distances at the cut differ; among equals
both are arbitrary.
"""

from collections.abc import Sequence

import numpy as np

from evocnn.evaluation import Individual, crowding_distances, nondominated_ranks


def assign_ranks(individuals: Sequence[Individual]) -> None:
    """Set `fitness.rank` and `fitness.crowding_dist` of every individual."""
    if not individuals:
        return
    weights = np.array(individuals[0].fitness.weights)
    weighted = np.array([individual.fitness.wvalues for individual in individuals])  # (n, n_objectives)
    violations = np.array([individual.fitness.violation for individual in individuals])  # (n,)
    ranks = nondominated_ranks(-weighted, violations)
    values = weighted / weights  # as DEAP divides
    for rank in range(ranks.max() + 1):
        members = np.flatnonzero(ranks == rank)
        for index, distance in zip(members, crowding_distances(values[members]), strict=True):
            fitness = individuals[int(index)].fitness
            fitness.rank, fitness.crowding_dist = rank, float(distance)


def select_nsga2(individuals: Sequence[Individual], k: int) -> list[Individual]:
    """Return the k best by rank, and by crowding distance within a rank (Deb 2002).

    Args:
        individuals: Individuals with their fitness set.
        k: How many to select, all of them where there are fewer.
    """
    assign_ranks(individuals)
    return sorted(individuals, key=_order)[:k]


def tournament(individuals: Sequence[Individual], rng: np.random.Generator) -> Individual:
    """Return the better of two individuals drawn at random, by rank and crowding distance.

    Args:
        individuals: A population whose ranks are assigned.
        rng: The stream of the draw.
    """
    first, second = (individuals[int(index)] for index in rng.integers(len(individuals), size=2))
    return min(first, second, key=_order)


def _order(individual: Individual) -> tuple[int, float]:
    return individual.fitness.rank, -individual.fitness.crowding_dist
