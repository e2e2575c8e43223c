"""Pareto tools on plain arrays: ranks, crowding distance, hypervolume, knee."""

import moocore
import numpy as np


def nondominated_ranks(losses: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """Return the rank of each point: 0 for the front, by constrained domination (Deb 2002).

    Feasible points are ranked by non-dominated sorting; infeasible ones follow, by violation alone.

    Args:
        losses: Lower is better, shape `(n_points, n_objectives)`.
        violations: 0 where feasible, shape `(n_points,)`.

    Returns:
        Whole numbers from 0, shape `(n_points,)`.
    """
    ranks = np.zeros(len(losses), dtype=int)
    feasible = violations <= 0
    if feasible.any():
        ranks[feasible] = moocore.pareto_rank(losses[feasible])
    if not feasible.all():
        first = ranks[feasible].max() + 1 if feasible.any() else 0
        ranks[~feasible] = first + np.unique(violations[~feasible], return_inverse=True)[1]
    return ranks


def crowding_distances(values: np.ndarray, ranks: np.ndarray | None = None) -> np.ndarray:
    """Return the crowding distance of each point within its front, as DEAP's `assignCrowdingDist` does.

    Args:
        values: Shape `(n_points, n_objectives)`.
        ranks: The front of each point, shape `(n_points,)`; not given, all are of one.

    Returns:
        Mean side of the cuboid between neighbours as a share of the front's extent, infinite at
        the ends of every objective, shape `(n_points,)`.

    Deb et al. (2002), "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", section III-B.
    """
    n_points, n_objectives = values.shape
    distances = np.zeros(n_points)
    if n_points == 0:
        return distances
    order = np.arange(n_points) if ranks is None else np.argsort(ranks, kind="stable")
    grouped = np.zeros(n_points, dtype=int) if ranks is None else ranks[order]  # the same in every column
    cuts = np.flatnonzero(grouped[1:] != grouped[:-1])
    starts, ends = np.array([0, *(cuts + 1)]), np.array([*cuts, n_points - 1])
    is_inner = np.ones(n_points, dtype=bool)
    is_inner[starts] = is_inner[ends] = False
    inner = np.flatnonzero(is_inner)
    group = np.searchsorted(ends, inner)  # of each inner place
    for column in values.T:
        order = order[np.lexsort((column[order], grouped))]  # ties keep the order before, as in DEAP
        ordered = column[order]
        distances[order[starts]] = distances[order[ends]] = np.inf
        extents = (ordered[ends] - ordered[starts])[group]
        sides = ordered[inner + 1] - ordered[inner - 1]
        distances[order[inner]] += np.divide(
            sides, n_objectives * extents, out=np.zeros(len(inner)), where=extents > 0
        )
    return distances


def hypervolume(losses: np.ndarray, reference_point: np.ndarray) -> float:
    """Return the volume that a front dominates.

    Args:
        losses: Lower is better, shape `(n_points, n_objectives)`.
        reference_point: Worst corner, shape `(n_objectives,)`, same units.

    Returns:
        Volume in the product of the objectives' units; 0.0 for an empty front.
    """
    return float(moocore.hypervolume(losses, ref=reference_point)) if len(losses) else 0.0


def knee(losses: np.ndarray, weights: np.ndarray) -> int:
    """Return the index of a front's knee: where giving up one objective gains the least of another.

    With each objective scaled to [0, 1] over the front, the knee lies farthest below the plane
    through the worst corners, so its weighted sum is smallest (Das 1999, "On Characterizing the
    'Knee' of the Pareto Curve Based on Normal-Boundary Intersection"). Ties go to the first.

    Args:
        losses: Lower is better, shape `(n_points, n_objectives)`, at least one point.
        weights: Importance of each objective, shape `(n_objectives,)`; signs do not matter.
    """
    extent = np.ptp(losses, axis=0)
    scaled = (losses - losses.min(axis=0)) / np.where(extent > 0, extent, 1.0)
    return int(np.argmin(scaled @ np.abs(weights)))
