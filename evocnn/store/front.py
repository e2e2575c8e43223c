"""The Pareto front of a journal's records under some objectives."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evocnn.evaluation import Objectives, Status, hypervolume, knee, nondominated_ranks
from evocnn.store.journal import Record


@dataclass(frozen=True)
class Front:
    """The feasible records that none dominates.

    Attributes:
        members: The records, best in the first objective first.
        losses: Their objectives, lower is better, shape `(n_members, n_objectives)`.
        hypervolume: The volume that they dominate, up to `reference_point`, on the objectives' scales.
        reference_point: The worst value of each objective that counts, in its own unit.
        knee: The member where giving up one objective gains the least of another; None if empty.
    """

    members: tuple[Record, ...]
    losses: np.ndarray
    hypervolume: float
    reference_point: dict[str, float]
    knee: Record | None


def front_of(records: Iterable[Record], objectives: Objectives) -> Front:
    """Return the front of the records that were trained in full without failure and keep all constraints."""
    candidates, losses = [], []
    for record in records:
        is_candidate = record.is_full and record.reused_from is None
        if is_candidate and record.evaluation.status is Status.OK:
            fitness = objectives.fitness(record.evaluation)
            if fitness.violation == 0:
                candidates.append(record)
                losses.append(objectives.losses(fitness.values))
    values = np.array(losses).reshape(len(candidates), len(objectives.items))
    ranks = nondominated_ranks(values, np.zeros(len(candidates))) if candidates else np.zeros(0)
    best = sorted(np.flatnonzero(ranks == 0), key=lambda index: (*values[index], candidates[index].ticket))
    values = values[best]
    members = tuple(candidates[index] for index in best)
    return Front(
        members,
        values,
        hypervolume(values, objectives.reference_losses),
        objectives.reference_point,
        members[knee(values, np.array(objectives.weights))] if members else None,
    )
