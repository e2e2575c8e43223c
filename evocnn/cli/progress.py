"""Progress of a search: a live line in a terminal, plain lines elsewhere."""

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
from evocnn.search import Budget
from evocnn.store import Front, Record, front_of

PLAIN_SECONDS = 5.0  # between two lines where the output is no terminal


class ProgressDisplay:
    """Shows evaluations, rate, time left, best accuracy and hypervolume."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, emoji=False)
        self._budget = Budget()
        self._parts: Parts | None = None
        self._front: Front | None = None
        self._n_told = 0  # evaluated, duplicates aside
        self._n_new = 0  # of these, in this session
        self._n_failed = 0
        self._began = monotonic()
        self._elapsed_before = 0.0
        self._printed = 0.0
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
        elif self._n_told and not self._console.is_terminal:
            self._console.print(self._line(), highlight=False, soft_wrap=True)

    def announce(self, experiment: Experiment, folder: Path, workers: Workers, budget: Budget) -> None:
        """Say what is about to run."""
        crew = f"{workers.count} Ray workers" if workers.count else "this process"
        self._budget = budget
        self._say(
            f"{experiment.name}: {experiment.search.algorithm}, seed {experiment.seed}, {crew}, into {folder}"
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
        self._parts, self._began = parts, monotonic()
        if self._console.is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), console=self._console, transient=True)
            self._task = self._bar.add_task("starting workers" if self._n_told == 0 else "", total=1.0)
            self._bar.start()

    def told(self, progress: Told) -> None:
        """Count an evaluation."""
        record, parts = progress.record, self._parts
        if parts is None or record.reused_from is not None:
            return
        members = self._front.members if self._front else ()
        self._front = front_of((*members, record), parts.objectives)
        self._n_told += 1
        self._n_new += not progress.is_replayed
        self._elapsed_before = (
            max(self._elapsed_before, record.elapsed) if progress.is_replayed else self._elapsed_before
        )
        if record.evaluation.status is not Status.OK:
            self._n_failed += 1
            self._say(
                f"candidate {record.ticket} {record.evaluation.status}: {record.evaluation.reason} "
                f"({record.text})"
            )
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._share(), description=_short(self._line()))
        elif monotonic() - self._printed > PLAIN_SECONDS and not progress.is_replayed:
            self._printed = monotonic()
            self._say(self._line())

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def _share(self) -> float:
        """Return the share of the budget that is spent."""
        if self._budget.evaluations:
            return min(1.0, self._n_told / self._budget.evaluations)
        seconds = self._elapsed_before + monotonic() - self._began
        return min(1.0, seconds / self._budget.seconds) if self._budget.seconds else 0.0

    def _line(self) -> str:
        seconds = monotonic() - self._began
        total = f"/{self._budget.evaluations}" if self._budget.evaluations else ""
        parts = [f"{self._n_told}{total} evaluated"]
        if self._n_new:
            parts.append(f"{60 * self._n_new / seconds:.3g} a minute")
        left = self._seconds_left(seconds)
        if left is not None:
            parts.append(f"{duration(left)} left")
        if self._n_failed:
            parts.append(f"{self._n_failed} failed")
        if self._front and self._front.members:
            parts += [_best(self._front.members), f"hypervolume {self._front.hypervolume:.4g}"]
        return " · ".join(parts)

    def _seconds_left(self, seconds: float) -> float | None:
        if self._budget.seconds:
            return max(0.0, self._budget.seconds - self._elapsed_before - seconds)
        if self._budget.evaluations and self._n_new:
            return max(0, self._budget.evaluations - self._n_told) * seconds / self._n_new
        return None


def _short(line: str) -> str:
    """Return a progress line that fits into 80 columns."""
    return line.replace(" evaluated", "").replace(" a minute", "/min").replace("best accuracy", "accuracy")


def _best(members: tuple[Record, ...]) -> str:
    accuracies = [
        record.metrics["validation_accuracy"] for record in members if "validation_accuracy" in record.metrics
    ]
    return f"best accuracy {max(accuracies):.4f}" if accuracies else f"{len(members)} on the front"
