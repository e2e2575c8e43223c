"""Progress of a search: a live line in a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn

from evocnn.config import Experiment, Parts
from evocnn.evaluation import Status
from evocnn.report.table import duration
from evocnn.runs import Progress as Told
from evocnn.runs import Workers
from evocnn.search import Budget, Planned
from evocnn.store import GrowingFront, Record

PLAIN_SECONDS = 5.0  # between two lines where the output is no terminal
COLUMNS = 80  # of them
ENOUGH_TOLD, ENOUGH_SPENT = 10, 0.1  # candidates, or a share of the budget, that tell the time left


class ProgressDisplay:
    """Shows what is spent, looked at and trained in full, rate, time left, best accuracy and hypervolume."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, emoji=False)
        self._budget = Budget()
        self._parts: Parts | None = None
        self._front: GrowingFront | None = None
        self._n_looked_at = 0  # candidates, duplicates aside
        self._n_full = 0  # of these, trained in full
        self._n_epochs = 0
        self._full_epochs: dict[int, int] = {}  # by ticket: of full training from scratch
        self._spent = 0.0  # epochs where the budget is in epochs, else evaluations
        self._spent_now = 0.0  # of these, in this session
        self._n_told_now = 0  # in this session
        self._n_failed = 0
        self._began = monotonic()
        self._elapsed_before = 0.0
        self._printed = 0.0
        self._has_news = False  # since the last plain line, or that one told a time left
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the live line away, and write the last plain one."""
        if self._bar is not None:
            self._bar.stop()
        elif self._has_news and not self._console.is_terminal:
            self._say(self._line(is_last=True))

    def announce(self, experiment: Experiment, folder: Path, workers: Workers, budget: Budget) -> None:
        """Say what is about to run."""
        n = "" if workers.count is None else f"{workers.count} "
        crew = "this process" if workers.count == 0 else f"{n}Ray workers"
        self._budget = budget
        self._say(
            f"{experiment.name}: {experiment.search.algorithm.name}, seed {experiment.seed}, {crew}, "
            f"into {folder}"
        )

    def start(self, parts: Parts) -> None:
        """Say what the search works on, and begin to count."""
        evaluator, data = parts.evaluator, parts.data
        size = "x".join(map(str, data.shape[1:]))
        kind = {1: "grey", 3: "RGB"}.get(data.shape[0], f"{data.shape[0]}-channel")
        self._say(
            f"{data.name}: {len(evaluator.training)} training and {len(evaluator.validation)} "
            "validation images, "
            f"{size} {kind}, {data.n_classes} classes"
        )
        if isinstance(parts.algorithm, Planned):
            self._say(parts.algorithm.plan(self._budget))
        self._parts, self._began = parts, monotonic()
        if self._console.is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), console=self._console, transient=True)
            self._task = self._bar.add_task("starting workers" if self._n_looked_at == 0 else "", total=1.0)
            self._bar.start()

    def workers(self, plan: str) -> None:
        """Say what the workers are, now that all have started."""
        self._say(plan)

    def told(self, progress: Told) -> None:
        """Count an evaluation."""
        record, parts = progress.record, self._parts
        status = record.evaluation.status
        if parts is None or record.reused_from is not None or status is Status.REJECTED:
            return
        if self._front is None:
            self._front = GrowingFront(parts.objectives)
        self._front.add(record)
        is_repeat = record.replicate > 0  # of a network that was counted
        self._n_looked_at += record.continues is None and not is_repeat
        self._n_full += record.is_full and status is Status.OK and not is_repeat
        self._n_epochs += record.n_epochs
        full = self._full_epochs.get(-1 if record.donor is None else record.donor, record.epochs)
        self._full_epochs[record.ticket] = full
        spent = record.n_epochs / (1 if self._budget.epochs else full)
        self._spent += spent
        self._spent_now += spent * (not progress.is_replayed)
        self._n_told_now += not progress.is_replayed
        self._has_news = True
        self._elapsed_before = (
            max(self._elapsed_before, record.elapsed) if progress.is_replayed else self._elapsed_before
        )
        if status is not Status.OK:
            self._n_failed += 1
            self._say(f"candidate {record.ticket} {status}: {record.evaluation.reason} ({record.text})")
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._share(), description=self._line(is_short=True))
        elif monotonic() - self._printed > PLAIN_SECONDS and not progress.is_replayed:
            self._printed = monotonic()
            self._has_news = self._seconds_left(monotonic() - self._began) is not None
            self._say(self._line())

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    @property
    def _limit(self) -> int | None:
        """The budget in evaluations or epochs."""
        return self._budget.epochs or self._budget.evaluations

    def _share(self) -> float:
        """Return the share of the budget that is spent."""
        if self._limit:
            return min(1.0, self._spent / self._limit)
        seconds = self._elapsed_before + monotonic() - self._began
        return min(1.0, seconds / self._budget.seconds) if self._budget.seconds else 0.0

    def _line(self, *, is_short: bool = False, is_last: bool = False) -> str:
        """Return where the search stands, in one line where it is to be short; last, without a time left."""
        seconds = monotonic() - self._began
        total = f"/{self._limit}" if self._limit else ""
        unit = "epochs" if self._budget.epochs else "evaluations"
        spent = f"{round(self._spent, 1):g}{total}"
        if is_short:
            parts = [spent, f"{self._n_looked_at} seen, {self._n_full} full"]
        else:
            counts = f"{self._n_looked_at} looked at, {self._n_full} in full, {self._n_epochs} epochs"
            rate = [f"{60 * self._spent_now / seconds:.3g} a minute"] if self._spent_now else []
            parts = [f"{spent} {unit}", counts, *rate]
        left = None if is_last else self._seconds_left(seconds)
        if left is not None:
            parts.append(f"{duration(left)} left")
        if self._n_failed:
            parts.append(f"{self._n_failed} failed")
        if self._front and self._front.front.members:
            best = _best(self._front.front.members)
            parts.append(best.removeprefix("best ") if is_short else best)
            parts.append(f"hypervolume {self._front.front.hypervolume:.4g}")
        return " · ".join(parts) if is_short else _folded(parts)

    def _seconds_left(self, seconds: float) -> float | None:
        """Return the time left; None at first, while it could only be guessed."""
        if self._budget.seconds:
            return max(0.0, self._budget.seconds - self._elapsed_before - seconds)
        spent = self._spent_now
        if (
            self._limit
            and self._spent < self._limit
            and (spent >= ENOUGH_SPENT * self._limit or self._n_told_now >= ENOUGH_TOLD)
        ):
            return (self._limit - self._spent) * seconds / spent
        return None


def _folded(parts: Sequence[str]) -> str:
    """Return the parts in lines that fit, those after the first indented."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if len(longer) <= COLUMNS:
            lines[-1] = longer
        else:
            lines.append(f"  {part}")
    return "\n".join(lines)


def _best(members: tuple[Record, ...]) -> str:
    accuracies = [
        record.metrics["validation_accuracy"] for record in members if "validation_accuracy" in record.metrics
    ]
    return f"best accuracy {max(accuracies):.4f}" if accuracies else f"{len(members)} on the front"
