"""Arms of runs compared at equal cost: what they reached, how sure that is, and what may be claimed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.report.arm_tests import ArmTest, arm_tests, claims_of
from evocnn.report.climb import HYPERVOLUME, Climb, best_name, best_objective, climb_of, cost_text
from evocnn.report.comparable import check_alike, shared_objectives, unlikeness
from evocnn.runs import Run
from evocnn.runs.arms import Arm
from evocnn.runs.folder import RUNNING
from evocnn.search import Ending

AXES = ("evaluations", "epochs", "seconds")
N_POINTS = 200  # of each curve
DONE = (Ending.COMPLETE, Ending.EXHAUSTED)  # a larger budget would have changed nothing


@dataclass(frozen=True)
class Curve:
    """One measure of an arm's runs along the cost.

    Attributes:
        values: Of each run at each cost, in the measure's own unit, shape `(n_runs, n_points)`.
    """

    values: np.ndarray

    @property
    def end(self) -> np.ndarray:
        """The value of each run at the shared end, shape `(n_runs,)`."""
        return self.values[:, -1]

    @property
    def quartiles(self) -> np.ndarray:
        """Lower quartile, median and upper quartile over runs, shape `(3, n_points)`."""
        quartiles: np.ndarray = np.quantile(self.values, (0.25, 0.5, 0.75), axis=0)
        return quartiles


@dataclass(frozen=True)
class ComparedArm:
    """What an arm reached.

    Attributes:
        name: The arm's name.
        seeds: Of its runs, in their order.
        curves: By measure.
    """

    name: str
    seeds: tuple[int, ...]
    curves: dict[str, Curve]


@dataclass(frozen=True)
class Comparison:
    """Arms at equal cost.

    Attributes:
        by: What cost is counted in, one of `AXES`.
        costs: At which the curves have values; the last is the shared end, shape `(n_points,)`.
        reference_point: The hypervolumes' corner, shared, in the objectives' own units.
        arms: What each reached.
        tests: The first arm against each other one, measure by measure.
        notes: What was truncated, left out or unlike.
    """

    by: str
    costs: np.ndarray
    reference_point: dict[str, float]
    arms: tuple[ComparedArm, ...]
    tests: tuple[ArmTest, ...]
    notes: tuple[str, ...]

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures' names."""
        return tuple(self.arms[0].curves)

    @property
    def claims(self) -> tuple[str, ...]:
        """What may be claimed, in sentences."""
        return claims_of(self.tests, self.arms[0].name)

    @property
    def end(self) -> float:
        """The cost up to which all runs went."""
        return float(self.costs[-1])


def compare(arms: Sequence[Arm], by: str = "evaluations") -> Comparison:
    """Compare arms at the cost up to which all their runs went.

    A run counts at a cost with what it would have ended with, had that been its budget: in evaluations
    and epochs with every ticket that was asked before as much was spent; in seconds with what was known.
    One that was done before, since its algorithm had nothing more to ask, keeps what it had. Where nothing
    was found that keeps the constraints, a run counts with the reference point.

    Args:
        arms: The arms; the others are held against the first.
        by: `evaluations` (as much training as full trainings), `epochs` or `seconds` (wall-clock).

    Raises:
        ExperimentError: Objectives, data or search spaces differ, or a run holds nothing yet.
    """
    if by not in AXES:
        message = f"a comparison must be by {', '.join(AXES)}, but it was by '{by}'; give one of them"
        raise ExperimentError(message)
    runs = [run for arm in arms for run in arm.runs]
    check_alike(runs)
    objectives, shared_notes = shared_objectives(runs)
    climbs = [[climb_of(_in_order(run, by), objectives, by) for run in arm.runs] for arm in arms]
    flat = [climb for of_arm in climbs for climb in of_arm]
    for climb in flat:
        if climb.spent <= 0:
            folder = climb.run.folder
            message = f"a run must hold evaluations to be compared, but '{folder}' held none; leave it out"
            raise ExperimentError(message)
    shortest = min(flat, key=lambda climb: (climb.run.status in DONE, climb.spent))
    end = max(climb.spent for climb in flat) if shortest.run.status in DONE else shortest.spent
    costs = np.linspace(0, end, N_POINTS + 1)[1:]
    best = best_objective(objectives)
    unset = {HYPERVOLUME: 0.0, best_name(best): best.reference}
    compared = tuple(
        ComparedArm(
            arm.name,
            tuple(int(run.manifest["experiment"].get("seed", 0)) for run in arm.runs),
            {
                name: Curve(np.array([climb.at(costs, name, start) for climb in of_arm]))
                for name, start in unset.items()
            },
        )
        for arm, of_arm in zip(arms, climbs, strict=True)
    )
    signs = {HYPERVOLUME: 1.0, best_name(best): float(np.sign(best.weight))}
    at = cost_text(end, by)
    ends = {name: {arm.name: sign * arm.curves[name].end for arm in compared} for name, sign in signs.items()}
    notes = (
        *_truncations(flat, shortest, end, by),
        *shared_notes,
        *unlikeness(runs, by),
        *_left_out(arms),
    )
    return Comparison(by, costs, objectives.reference_point, compared, arm_tests(ends, at), notes)


def _in_order(run: Run, by: str) -> Run:
    """Return a run up to the first ticket that is still out: what a smaller budget would have ended with."""
    if by == "seconds":
        return run
    return replace(run, records=tuple(r for place, r in enumerate(run.records) if r.ticket == place))


def _truncations(climbs: Sequence[Climb], shortest: Climb, end: float, by: str) -> Iterator[str]:
    """Yield which runs are not at their end, and which were cut to the shortest or done before it."""
    for climb in climbs:
        spent, status = cost_text(climb.spent, by), climb.run.status
        if status in (RUNNING, Ending.INTERRUPTED):
            yield f"{climb.run.folder} is {status}: it counts as far as it came, {spent}"
        elif status in DONE and climb.spent < end:
            yield f"{climb.run.folder} was {status} after {spent}: it keeps what it had reached"
    cut = [climb for climb in climbs if climb.last >= end]
    if cut:
        yield (
            f"runs are of unequal length: all are compared at {cost_text(end, by)}, where "
            f"{shortest.run.folder} ended; {len(cut)} of {len(climbs)} went on, up to "
            f"{cost_text(max(climb.spent for climb in cut), by)}"
        )


def _left_out(arms: Sequence[Arm]) -> Iterator[str]:
    for arm in arms:
        for folder in arm.left_out:
            yield f"{folder} is left out: '{arm.name}' has a run of this seed already, which it would repeat"
