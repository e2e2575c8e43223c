"""Where a search stands: what is counted of it, record by record, for whatever shows it."""

from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from evocnn.config import parse_budget
from evocnn.config.search import SearchSettings
from evocnn.errors import ExperimentError
from evocnn.evaluation import Objective, Objectives, Status
from evocnn.genotype import Fidelity
from evocnn.report.front_axes import ACCURACY, SIZE, front_axes
from evocnn.runs.spending import Spending
from evocnn.search import Budget
from evocnn.store import Front, GrowingFront, Record

ENOUGH_TOLD, ENOUGH_SPENT = 10, 0.1  # candidates, or a share of the budget, that tell the time left
MOST_FAILURES = 50  # that are kept with their reasons

Point = tuple[float, float, bool]


class Standing:
    """What a search has spent and found so far.

    Args:
        objectives: What counts.
        budget: What it may cost.

    Attributes:
        objectives: As given.
        budget: As given.
        axes: The objectives across and up of a picture of the front.
        n_looked_at: Candidates that were trained, if only to a rung; duplicates and repeats aside.
        n_full: Of these, trained in full without failure.
        n_reused: Candidates that had been evaluated before.
        n_rejected: Candidates that were turned down ahead of training.
        failures: Failed evaluations, by status.
        last_failures: The last of them, the newest last.
        reached: Networks that were trained without failure up to a share of full training, by that share.
        points: Of each success the objectives across and up, and whether it was trained in full.
        trace: What was spent and the hypervolume from there on, a pair for each change.
    """

    def __init__(self, objectives: Objectives, budget: Budget) -> None:
        self.objectives = objectives
        self.budget = budget
        self.axes = front_axes(objectives.items)
        self.n_looked_at = self.n_full = self.n_reused = self.n_rejected = 0
        self.failures: Counter[Status] = Counter()
        self.last_failures: deque[Record] = deque(maxlen=MOST_FAILURES)
        self.reached: Counter[float] = Counter()
        self.points: list[Point] = []
        self.trace: list[tuple[float, float]] = []
        self._growing = GrowingFront(objectives)
        self._spending = Spending()
        self._saved: dict[int, float] = {}  # by ticket: epochs of full training that were not trained
        self._sources: dict[int, int] = {}  # by ticket that reused an evaluation: that one's
        self._n_told_now = 0  # in this session
        self._spent_before = self._elapsed_before = 0.0  # in earlier sessions

    def add(self, record: Record, *, is_earlier: bool = False) -> None:
        """Count a record; those of an earlier session tell nothing of this one's pace."""
        status, is_repeat = record.evaluation.status, record.replicate > 0
        self._spending.add(record)
        if is_earlier:
            self._spent_before, self._elapsed_before = self.spent, self._spending.seconds
        if record.reused_from is not None:
            self._sources[record.ticket] = record.reused_from
            self.n_reused += 1
            return
        if status is Status.REJECTED:
            self.n_rejected += 1
            return
        self.n_looked_at += record.continues is None and not is_repeat
        self.n_full += record.is_full and status is Status.OK and not is_repeat
        self._n_told_now += not is_earlier
        if record.continues is not None:
            self._saved.pop(self._sources.get(record.continues, record.continues), None)
        if status is Status.OK:
            self._add_success(record)
        else:
            self.failures[status] += 1
            self.last_failures.append(record)

    def _add_success(self, record: Record) -> None:
        stop = Fidelity(record.epochs, record.n_images, record.share).stop
        self.reached[record.share] += record.replicate == 0
        self._saved[record.ticket] = record.epochs - record.metrics.get("epochs", stop)
        across, up = (axis.raw(record.metrics) for axis in self.axes)
        self.points.append((across, up, record.is_full))
        if self._growing.add(record):
            self.trace.append((self.spent, self.front.hypervolume))

    @property
    def front(self) -> Front:
        """The Pareto front so far."""
        return self._growing.front

    @property
    def n_epochs(self) -> int:
        """Epochs, as they are charged to the budget."""
        return self._spending.n_epochs

    @property
    def spent(self) -> float:
        """Epochs where the budget is in epochs, otherwise full trainings."""
        return float(self._spending.n_epochs if self.budget.epochs else self._spending.n_trainings)

    @property
    def spent_now(self) -> float:
        """What of it was spent in this session."""
        return self.spent - self._spent_before

    @property
    def n_failed(self) -> int:
        """Evaluations that failed."""
        return self.failures.total()

    @property
    def n_epochs_saved(self) -> int:
        """Epochs by which candidates missed full training, stopped at a rung or for want of progress."""
        return round(sum(self._saved.values()))

    @property
    def limit(self) -> int | None:
        """The budget in evaluations or epochs; None where it is a time."""
        return self.budget.epochs or self.budget.evaluations

    @property
    def unit(self) -> str:
        """What is spent: epochs where the budget is in epochs, otherwise the work of full trainings."""
        return "epochs" if self.budget.epochs else "full trainings"

    def share(self, seconds: float) -> float:
        """Return the share of the budget that is spent, `seconds` into the search over all sessions."""
        if self.limit:
            return min(1.0, self.spent / self.limit)
        return min(1.0, seconds / self.budget.seconds) if self.budget.seconds else 0.0

    def seconds_left(self, seconds: float) -> float | None:
        """Return the time left, `seconds` into the search; None while it could only be guessed."""
        if self.budget.seconds:
            return max(0.0, self.budget.seconds - seconds)
        spent = self.spent_now
        if (
            self.limit
            and self.spent < self.limit
            and (spent >= ENOUGH_SPENT * self.limit or self._n_told_now >= ENOUGH_TOLD)
        ):
            return (self.limit - self.spent) * (seconds - self._elapsed_before) / spent
        return None

    def pace(self, seconds: float) -> float | None:
        """Return what is spent in a minute of this session; None before anything is."""
        seconds_now = seconds - self._elapsed_before
        return 60 * self.spent_now / seconds_now if self.spent_now and seconds_now > 0 else None

    def best_by_size(self) -> list[Record]:
        """Return the members of the front that are more accurate than all smaller ones, smallest first."""
        measured = [r for r in self.front.members if SIZE in r.metrics and ACCURACY in r.metrics]
        best: list[Record] = []
        for record in sorted(measured, key=lambda r: (r.metrics[SIZE], -r.metrics[ACCURACY])):
            if not best or record.metrics[ACCURACY] > best[-1].metrics[ACCURACY]:
                best.append(record)
        return best


def standing_of(manifest: Mapping[str, Any]) -> Standing:
    """Return the standing of a run, of which nothing is counted yet, given its manifest."""
    objectives = Objectives(tuple(Objective(**values) for values in manifest["objectives"]))
    return Standing(objectives, budget_of(manifest))


def budget_of(manifest: Mapping[str, Any]) -> Budget:
    """Return the budget of a run, given its manifest; none where it was made in Python and is no text."""
    search = manifest["experiment"].get("search", {})
    if "budget" not in search:
        return SearchSettings().budget
    with suppress(ExperimentError):
        return parse_budget(search["budget"])
    return Budget()


def algorithm_of(manifest: Mapping[str, Any]) -> str:
    """Return the name of a run's algorithm, given its manifest."""
    search = manifest["experiment"].get("search", {})
    choice = search.get("algorithm", SearchSettings().algorithm.name)
    return str(choice.get("use") if isinstance(choice, dict) else choice)
