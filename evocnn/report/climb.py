"""What a run had reached at each cost: hypervolume and best value, charged ticket by ticket."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evocnn.evaluation import Objective, Objectives
from evocnn.runs import Run
from evocnn.runs.spending import Spending
from evocnn.store import GrowingFront, Record

HYPERVOLUME = "hypervolume"


@dataclass(frozen=True)
class Climb:
    """What one run had reached after each of its records, in the order in which they are charged.

    Attributes:
        run: The run.
        starts: Cost above which each record counts, shape `(n_records,)`.
        values: By measure, shape `(n_records,)`.
        last: The highest of `starts` that was charged something.
        spent: Cost of all.
    """

    run: Run
    starts: np.ndarray
    values: dict[str, np.ndarray]
    last: float
    spent: float

    def at(self, costs: np.ndarray, measure: str, unset: float) -> np.ndarray:
        """Return a measure's values at some costs, `unset` ahead of all records, shape `(n_costs,)`."""
        found: np.ndarray = np.array([unset, *self.values[measure]])[np.searchsorted(self.starts, costs)]
        return found


def climb_of(run: Run, objectives: Objectives, by: str) -> Climb:
    """Return what a run had reached under some objectives, counted in evaluations, epochs or seconds."""
    best = best_objective(objectives)
    better = max if best.weight > 0 else min
    growing, volume, reached = GrowingFront(objectives), 0.0, best.reference
    volumes, bests, starts, last, spent = [], [], [], 0.0, 0.0
    for record, start, end in charged(run, by):
        if growing.add(record):
            volume = growing.front.hypervolume
            raw = [best.raw(member.metrics) for member in growing.front.members]
            reached = better([best.reference, *raw])
        if end > start:
            last, spent = start, end
        starts.append(start)
        volumes.append(volume)
        bests.append(reached)
    values = {HYPERVOLUME: np.array(volumes), best_name(best): np.array(bests)}
    return Climb(run, np.array(starts), values, last, spent)


def charged(run: Run, by: str) -> Iterator[tuple[Record, float, float]]:
    """Yield records in order of charging, with the cost above which each counts and the cost after it."""
    if by == "seconds":
        for record in sorted(run.records, key=lambda record: record.elapsed):
            yield record, float(np.nextafter(record.elapsed, 0)), record.elapsed  # it counts at `elapsed`
        return
    spending = Spending()
    for record in run.records:
        start = spending.n_trainings if by == "evaluations" else spending.n_epochs
        spending.add(record)
        end = spending.n_trainings if by == "evaluations" else spending.n_epochs
        yield record, float(start), float(end)


def best_objective(objectives: Objectives) -> Objective:
    """Return whose best value is compared: validation accuracy, or else the first objective."""
    named = [objective for objective in objectives.items if objective.name == "validation_accuracy"]
    return (*named, *objectives.items)[0]


def best_name(objective: Objective) -> str:
    """Return what the best value of an objective is called."""
    return f"best {objective.name}"


def cost_text(cost: float, by: str) -> str:
    """Return a cost in words."""
    if cost == 1:
        return f"1 {by.removesuffix('s')}"
    return f"{cost:,.0f} {by}" if cost >= 10 or cost == round(cost) else f"{cost:.3g} {by}"
