"""Selection by reference points: NSGA-III."""

from collections.abc import Sequence
from math import comb

import numpy as np
from deap import tools

from evocnn.evaluation import Individual, nondominated_ranks

OFF_AXIS = 1e6  # what an extreme point pays for being off its axis


def reference_points(n_objectives: int, most: int) -> np.ndarray:
    """Return evenly spread points with non-negative coordinates that add up to 1.

    Args:
        n_objectives: Number of coordinates.
        most: Each axis is divided as finely as gives no more points than this, but at least once.

    Returns:
        Shape `(n_points, n_objectives)`.

    Das and Dennis (1998), "Normal-Boundary Intersection", section 5.
    """
    finest = 1
    while n_objectives > 1 and comb(n_objectives + finest, finest + 1) <= most:
        finest += 1
    points: np.ndarray = tools.uniform_reference_points(n_objectives, finest)
    return points


def select_nsga3(individuals: Sequence[Individual], k: int, points: np.ndarray) -> list[Individual]:
    """Return the k best by front and, within the last front that is needed, by reference points.

    Sets `fitness.rank` so that tournaments draw alike among those that keep all constraints, and are won by
    the least violation else (Jain and Deb 2014, section IV-B). Where the paper draws at random, the nearest
    is taken, so that a run repeats.

    Args:
        individuals: Individuals with their fitness set.
        k: How many to select, all of them where there are fewer.
        points: Reference points, shape `(n_points, n_objectives)`.

    Deb and Jain (2014), "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based
    Nondominated Sorting Approach, Part I", section IV.
    """
    if not individuals:
        return []
    losses = -np.array([individual.fitness.wvalues for individual in individuals])  # (n, n_objectives)
    violations = np.array([individual.fitness.violation for individual in individuals])  # (n,)
    ranks = nondominated_ranks(losses, violations)
    for individual, rank, violation in zip(individuals, ranks.tolist(), violations.tolist(), strict=True):
        individual.fitness.rank = rank if violation > 0 else 0
        individual.fitness.crowding_dist = 0.0
    chosen = np.argsort(ranks, kind="stable")[:k]
    last = ranks[chosen[-1]]
    sure, split = np.flatnonzero(ranks < last), np.flatnonzero(ranks == last)
    if len(sure) + len(split) > k and violations[chosen[-1]] <= 0:
        places = _niched(losses[[*sure, *split]], len(sure), k, points)
        chosen = np.array([*sure, *split])[places]
    return [individuals[index] for index in chosen.tolist()]


def _niched(losses: np.ndarray, n_sure: int, k: int, points: np.ndarray) -> list[int]:
    """Return k indices: the sure ones, then those of the least crowded reference points (algorithm 4)."""
    niches, distances = _associated(_normalized(losses), points)
    n_members = np.bincount(niches[:n_sure], minlength=len(points))
    chosen, waiting = list(range(n_sure)), set(range(n_sure, len(losses)))
    while len(chosen) < k:
        nearest = min(waiting, key=lambda index: (n_members[niches[index]], distances[index], index))
        waiting.remove(nearest)
        chosen.append(nearest)
        n_members[niches[nearest]] += 1
    return chosen


def _normalized(losses: np.ndarray) -> np.ndarray:
    """Return losses from the best values on, in units of the intercepts of the hyperplane (algorithm 2)."""
    # DEAP's `find_intercepts` measures from the best values, its `associate_to_niche` from 0.
    losses = losses - losses.min(axis=0)
    worst = losses.max(axis=0)
    off_axis = np.where(np.eye(losses.shape[1], dtype=bool), 1.0, OFF_AXIS)
    extremes = losses[np.argmin((losses * off_axis[:, None]).max(axis=2), axis=1)]  # equation 4
    try:
        intercepts = 1 / np.linalg.solve(extremes, np.ones(len(extremes)))
    except np.linalg.LinAlgError:  # the extreme points span no hyperplane
        intercepts = worst
    if not ((intercepts > worst / OFF_AXIS) & (intercepts <= worst)).all():
        intercepts = worst
    return losses / np.where(intercepts > 0, intercepts, 1.0)


def _associated(normalized: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest reference line of each, and its distance, both of shape `(n,)` (algorithm 3)."""
    lines = points / np.linalg.norm(points, axis=1, keepdims=True)
    along = normalized @ lines.T  # (n, n_points)
    distances = np.linalg.norm(normalized[:, None] - along[..., None] * lines, axis=2)
    niches = distances.argmin(axis=1)
    return niches, distances[np.arange(len(niches)), niches]
