"""Selection behind DEAP's signatures, ranked by moocore and so much faster.

The choice is that of `deap.tools.selNSGA2` wherever crowding distances at the cut differ; among equals
both are arbitrary.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from evocnn.evaluation import Individual, crowding_distances, nondominated_ranks


def assign_ranks(individuals: Sequence[Individual]) -> None:
    """Set `fitness.rank` and `fitness.crowding_dist` of every individual."""
    if individuals:
        _ranked(individuals)


def select_nsga2(individuals: Sequence[Individual], k: int) -> list[Individual]:
    """Return the k best by rank, and by crowding distance within a rank (Deb 2002).

    Args:
        individuals: Individuals with their fitness set.
        k: How many to select, all of them where there are fewer.
    """
    if not individuals:
        return []
    ranks, distances = _ranked(individuals)
    return [individuals[index] for index in np.lexsort((-distances, ranks))[:k].tolist()]


def select_weighted_sum(individuals: Sequence[Individual], k: int) -> list[Individual]:
    """Return the k best by the sum of weighted objectives; who misses constraints comes after all others.

    Sets `fitness.rank` to the place of each, and all crowding distances to 0.

    Args:
        individuals: Individuals with their fitness set.
        k: How many to select, all of them where there are fewer.
    """
    best_first = sorted(individuals, key=lambda i: (i.fitness.violation, -sum(i.fitness.wvalues)))
    for rank, individual in enumerate(best_first):
        individual.fitness.rank, individual.fitness.crowding_dist = rank, 0.0
    return best_first[:k]


def tournament(individuals: Sequence[Individual], rng: np.random.Generator) -> Individual:
    """Return the better of two individuals drawn at random, by rank and crowding distance.

    Args:
        individuals: A population whose ranks are assigned.
        rng: The stream of the draw.
    """
    first, second = (individuals[int(index)] for index in rng.integers(len(individuals), size=2))
    return better_ranked(first, second)


def better_ranked(first: Individual, second: Individual) -> Individual:
    """Return the better of two individuals whose ranks are assigned, by rank and crowding distance."""
    return min(first, second, key=_order)


def dominating(first: Individual, second: Individual) -> Individual:
    """Return the one of two individuals that dominates the other, or else has the larger crowding distance.

    Ranks do not count, as in the program that Deb published: where few dominate many, the others still
    become parents, and a search does not collapse to one end of its front.

    Args:
        first: An individual whose crowding distance is assigned.
        second: Another.
    """
    if first.fitness.dominates(second.fitness):
        return first
    if second.fitness.dominates(first.fitness):
        return second
    return max(first, second, key=lambda individual: individual.fitness.crowding_dist)


def _ranked(individuals: Sequence[Individual]) -> tuple[np.ndarray, np.ndarray]:
    """Set ranks and crowding distances; return them, each of shape `(n,)`."""
    fitnesses = [individual.fitness for individual in individuals]
    wvalues = chain.from_iterable(fitness.wvalues for fitness in fitnesses)
    weighted = np.fromiter(wvalues, float).reshape(len(fitnesses), -1)  # (n, n_objectives)
    violations = np.fromiter((fitness.violation for fitness in fitnesses), float, len(fitnesses))  # (n,)
    ranks = nondominated_ranks(-weighted, violations)
    distances = crowding_distances(weighted / np.array(fitnesses[0].weights), ranks)  # as DEAP divides
    for fitness, rank, distance in zip(fitnesses, ranks.tolist(), distances.tolist(), strict=True):
        fitness.rank, fitness.crowding_dist = rank, distance
    return ranks, distances


def _order(individual: Individual) -> tuple[int, float]:
    return individual.fitness.rank, -individual.fitness.crowding_dist
