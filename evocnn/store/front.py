"""The Pareto front of a journal's records under some objectives.

A network that was trained more than once, with other seeds (`replicate`), counts once, with the means of
its figures.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

import numpy as np

from evocnn.evaluation import Objectives, Status, hypervolume, knee, nondominated_ranks
from evocnn.store.record import Record

_Training = tuple[str, int, int, int | None]  # what replicates have in common
_Network = tuple[Record, np.ndarray]  # with its losses, shape `(n_objectives,)`


@dataclass(frozen=True)
class Repeats:
    """How far repeated trainings of one network lie apart.

    Attributes:
        tickets: Those of the trainings, each with a seed of its own.
        spread: Standard deviation of each metric over them.
    """

    tickets: tuple[int, ...]
    spread: Mapping[str, float]


@dataclass(frozen=True)
class Front:
    """The feasible networks that none dominates.

    Attributes:
        members: Their records, best in the first objective first; of a network that was trained more
            than once the first record, with the means of all as its metrics.
        losses: Their objectives, lower is better, shape `(n_members, n_objectives)`.
        hypervolume: The volume that they dominate, up to `reference_point`, on the objectives' scales.
        reference_point: The worst value of each objective that counts, in its own unit.
        knee: The member nearest to the best of everything, none that is best in an objective if there is
            another; see `evocnn.evaluation.knee`. None if empty.
        repeats: For the tickets of members that were trained more than once.
    """

    members: tuple[Record, ...]
    losses: np.ndarray
    hypervolume: float
    reference_point: dict[str, float]
    knee: Record | None
    repeats: Mapping[int, Repeats] = field(default_factory=dict)


def front_of(records: Iterable[Record], objectives: Objectives) -> Front:
    """Return the front of the records that were trained in full without failure and keep all constraints."""
    trainings = _trainings(records)
    found = list(_feasible(trainings.values(), objectives))
    if found:
        losses = np.array([losses for _, losses in found])
        ranks = nondominated_ranks(losses, np.zeros(len(found)))
        found = [one for one, rank in zip(found, ranks, strict=True) if rank == 0]
    return _front(found, trainings, objectives)


def _front(
    found: list[_Network], trainings: Mapping[_Training, list[Record]], objectives: Objectives
) -> Front:
    """Return the front whose members are these networks."""
    found = sorted(found, key=lambda one: (*one[1], one[0].ticket))
    members = tuple(network for network, _ in found)
    values = np.array([losses for _, losses in found]).reshape(len(found), len(objectives.items))
    groups = ((member.ticket, trainings[_training(member)]) for member in members)
    return Front(
        members,
        values,
        hypervolume(values, objectives.reference_losses),
        objectives.reference_point,
        members[knee(values, np.array(objectives.weights), objectives.alike)] if members else None,
        {ticket: _repeats(group) for ticket, group in groups if len(group) > 1},
    )


def selectable(records: Iterable[Record], objectives: Objectives) -> Iterator[_Network]:
    """Yield the networks from which a front is chosen, with their losses, shape `(n_objectives,)`."""
    return _feasible(_trainings(records).values(), objectives)


class GrowingFront:
    """The front of records that come one after the other: most of them change nothing.

    Args:
        objectives: What counts.

    Attributes:
        front: The front of all records so far.
    """

    def __init__(self, objectives: Objectives) -> None:
        self.front = front_of((), objectives)
        self._objectives = objectives
        self._known: dict[_Training, list[Record]] = {}

    def add(self, record: Record) -> bool:
        """Take a record in and return whether the front may have changed."""
        if not _counts(record):
            return False
        own = self._known.setdefault(_training(record), [])
        own.append(record)
        if len(own) > 1:  # a mean that moves may bring others back
            everything = (known for group in self._known.values() for known in group)
            self.front = front_of(everything, self._objectives)
            return True
        added = next(_feasible([own], self._objectives), None)
        if added is None or _dominates(self.front.losses, added[1]).any():
            return False
        beaten = _dominates(added[1], self.front.losses)
        known = zip(self.front.members, self.front.losses, beaten, strict=True)
        found = [(member, losses) for member, losses, is_beaten in known if not is_beaten]
        self.front = _front([*found, added], self._known, self._objectives)
        return True


def _dominates(losses: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return where losses dominate others, row by row, shape `(n_points,)`."""
    return np.asarray((losses <= others).all(axis=-1) & (losses < others).any(axis=-1))


def _counts(record: Record) -> bool:
    """Return whether a record can be on a front, constraints aside."""
    return record.is_full and record.reused_from is None and record.evaluation.status is Status.OK


def _training(record: Record) -> _Training:
    return record.key, record.epochs, record.n_images, record.donor


def _trainings(records: Iterable[Record]) -> dict[_Training, list[Record]]:
    """Return the records that count, those of one network together, each in order of tickets."""
    found: dict[_Training, list[Record]] = {}
    for record in records:
        if _counts(record):
            found.setdefault(_training(record), []).append(record)
    for group in found.values():
        group.sort(key=lambda record: record.ticket)
    return found


def _feasible(groups: Iterable[list[Record]], objectives: Objectives) -> Iterator[_Network]:
    """Yield what keeps all constraints, with its losses."""
    for group in groups:
        network = _mean(group)
        fitness = objectives.fitness(network.evaluation)
        if fitness.violation == 0:
            yield network, objectives.losses(fitness.values)


def _mean(group: list[Record]) -> Record:
    first = group[0]
    if len(group) == 1:
        return first
    means = {name: fmean(record.metrics[name] for record in group) for name in _shared(group)}
    return replace(first, evaluation=replace(first.evaluation, metrics=means))


def _repeats(group: list[Record]) -> Repeats:
    spread = {name: stdev(record.metrics[name] for record in group) for name in _shared(group)}
    return Repeats(tuple(record.ticket for record in group), spread)


def _shared(group: list[Record]) -> list[str]:
    """Return the metrics that all records have."""
    return [name for name in group[0].metrics if all(name in record.metrics for record in group)]
