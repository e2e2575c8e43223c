"""Progress of a search: a live view in a terminal, a line in a small one, plain lines elsewhere."""

from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.progress import Progress, TextColumn

from evocnn.cli.frame import View, frame
from evocnn.cli.live import has_room, live
from evocnn.cli.progress_lines import plain_lines, short_line
from evocnn.config import Experiment, Parts
from evocnn.evaluation import Status
from evocnn.report.standing import Standing
from evocnn.runs import Progress as Told
from evocnn.runs import Workers
from evocnn.search import Budget, Planned
from evocnn.store import Running

PLAIN_SECONDS = 5.0  # between two lines where the output is no terminal


class ProgressDisplay:
    """Shows where a search stands, as far as the place has room for it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, emoji=False)
        self._is_terminal = self._console.is_terminal
        self._budget = Budget()
        self._title = self._hint = ""
        self._standing: Standing | None = None
        self._running: tuple[Running, ...] = ()
        self._n_places = 0
        self._began = monotonic()
        self._printed = 0.0
        self._has_news = False  # since the last plain line, or that one told a time left
        self._bar: Progress | None = None
        self._live: ExitStack | None = None
        self._lock = Lock()  # the live view draws in a thread of its own

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the live view or line away, and write the last plain one."""
        if self._bar is not None:
            self._bar.stop()
        if self._live is not None:
            self._live.close()
        if self._standing is not None and self._has_news and self._bar is None:
            self._say(plain_lines(self._standing, self._seconds, is_last=True))

    def announce(self, experiment: Experiment, folder: Path, workers: Workers, budget: Budget) -> None:
        """Say what is about to run."""
        n = "" if workers.count is None else f"{workers.count} "
        crew = "this process" if workers.count == 0 else f"{n}Ray workers"
        self._budget = budget
        self._title = f"{experiment.name}: {experiment.search.algorithm.name}, seed {experiment.seed}, {crew}"
        self._hint = f"Ctrl-C finishes what runs; later: evocnn resume {folder}"
        self._say(f"{self._title}, into {folder}")

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
        self._standing, self._began = Standing(parts.objectives, self._budget), monotonic()
        if has_room(self._console):
            self._live = ExitStack()
            self._live.enter_context(live(self._picture, Console(file=self._console.file)))
        elif self._is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), console=self._console, transient=True)
            self._bar.add_task("starting workers")
            self._bar.start()

    def workers(self, plan: str) -> None:
        """Say what the workers are, now that all have started."""
        self._say(plan)

    def running(self, running: tuple[Running, ...]) -> None:
        """Take in what is being trained."""
        self._running, self._n_places = running, max(self._n_places, len(running))

    def told(self, progress: Told) -> None:
        """Count an evaluation."""
        record, standing = progress.record, self._standing
        if standing is None:
            return
        with self._lock:
            standing.add(record, is_earlier=progress.is_replayed)
        status = record.evaluation.status
        if record.reused_from is not None or status is Status.REJECTED:
            return
        self._has_news = True
        if status is not Status.OK and self._live is None:
            self._say(f"candidate {record.ticket} {status}: {record.evaluation.reason} ({record.text})")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=short_line(standing, self._seconds))
        elif self._live is None and monotonic() - self._printed > PLAIN_SECONDS and not progress.is_replayed:
            self._printed = monotonic()
            self._has_news = standing.seconds_left(self._seconds) is not None
            self._say(plain_lines(standing, self._seconds))

    @property
    def _seconds(self) -> float:
        return monotonic() - self._began

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def _picture(self, width: int, height: int, notes: list[str]) -> Group:
        """Draw where the search stands."""
        with self._lock:
            if self._standing is None:
                return Group()
            view = View(
                self._title,
                "running" if self._running or self._standing.n_looked_at else "starting workers",
                self._standing,
                self._seconds,
                self._running,
                self._n_places,
                notes,
                self._hint,
            )
            return frame(view, width, height)
