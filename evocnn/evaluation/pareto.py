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
    _rank_infeasible(ranks, violations, feasible)
    return ranks


def ranks_with_last(losses: np.ndarray, violations: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return the rank of each point, as `nondominated_ranks` does, where all but the last are ranked.

    Only those that the last point dominates can fall, one front at a time: each falls whom a point that
    joins its front dominates.

    Args:
        losses: Lower is better, shape `(n_points, n_objectives)`.
        violations: 0 where feasible, shape `(n_points,)`.
        ranks: Those of all points but the last, without it, shape `(n_points - 1,)`.

    Returns:
        Whole numbers from 0, shape `(n_points,)`.

    Li et al. (2017), "Efficient Nondomination Level Update Method for Steady-State Evolutionary
    Multiobjective Optimization", section III-B.
    """
    joined = np.append(ranks, 0)
    feasible = violations <= 0
    if feasible[-1]:
        no_worse = (losses <= losses[-1]).all(axis=1) & feasible
        no_better = (losses >= losses[-1]).all(axis=1) & feasible
        is_unequal = no_worse != no_better
        joined[-1] = rank = joined[no_worse & is_unequal].max(initial=-1) + 1
        behind = (no_better & is_unequal).nonzero()[0]
        falling = behind[ranks[behind] == rank]
        while len(falling):
            joined[falling] = rank = rank + 1
            there = behind[ranks[behind] == rank]
            falling = there[np.all(losses[falling, None] <= losses[there], axis=2).any(axis=0)]
    _rank_infeasible(joined, violations, feasible)
    return joined


def _rank_infeasible(ranks: np.ndarray, violations: np.ndarray, feasible: np.ndarray) -> None:
    """Set the ranks of infeasible points, by violation alone, behind those of the feasible ones."""
    if not feasible.all():
        first = ranks[feasible].max(initial=-1) + 1
        ranks[~feasible] = first + np.unique(violations[~feasible], return_inverse=True)[1]


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
    fronts = np.zeros(n_points) if ranks is None else ranks
    fronts = fronts.astype(np.min_scalar_type(n_points))  # small numbers sort faster
    order = fronts.argsort(kind="stable")
    grouped = fronts[order]  # the same in every column
    is_cut = grouped[1:] != grouped[:-1]
    starts, ends = np.append(True, is_cut).nonzero()[0], np.append(is_cut, True).nonzero()[0]
    sizes = ends - starts + 1
    sides = np.zeros(n_points)
    for column in values.T:
        order = order[column[order].argsort(kind="stable")]  # ties keep the order before, as in DEAP
        order = order[fronts[order].argsort(kind="stable")]
        ordered = column[order]
        sides[1:-1] = ordered[2:] - ordered[:-2]
        extents = (n_objectives * (ordered[ends] - ordered[starts])).repeat(sizes)
        shares = np.divide(sides, extents, out=np.zeros(n_points), where=extents > 0)
        shares[starts] = shares[ends] = np.inf
        distances[order] += shares
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


def knee(losses: np.ndarray, weights: np.ndarray, alike: np.ndarray) -> int:
    """Return the index of a front's knee: the member nearest to the best of everything.

    Each objective is scaled to [0, 1] over the front, objectives of one unit by the largest extent among
    them, and times its weight; the distance is Euclidean. What is best in an objective is not the knee
    unless the front has nothing else. Ties go to the first.

    Args:
        losses: Lower is better, shape `(n_points, n_objectives)`, at least one point.
        weights: Importance of each objective, shape `(n_objectives,)`; signs do not matter.
        alike: Which objectives have one unit, shape `(n_objectives,)`, booleans.
    """
    best, extent = losses.min(axis=0), np.ptp(losses, axis=0)
    extent = np.where(alike, extent.max(where=alike, initial=0.0), extent)
    scaled = (losses - best) / np.where(extent > 0, extent, 1.0)
    distances = np.linalg.norm(scaled * weights, axis=1)
    is_end = ((losses == best) & (np.ptp(losses, axis=0) > 0)).any(axis=1)
    return int(np.argmin(distances if is_end.all() else np.where(is_end, np.inf, distances)))
