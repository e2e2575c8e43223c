"""Progress of a search: a live view in a terminal, a line in a small one, plain lines elsewhere."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import Progress, TextColumn

from evocnn.cli.live import has_room, live
from evocnn.cli.progress_lines import short_line
from evocnn.cli.scene import Scene
from evocnn.config import Experiment, Parts
from evocnn.evaluation import Status
from evocnn.report.standing import Standing
from evocnn.report.wording import command, counted
from evocnn.runs import Progress as Told
from evocnn.runs import Workers
from evocnn.runs.folder import RUNNING
from evocnn.search import Budget, Planned
from evocnn.store import Record, Running

PLAIN_SECONDS = 5.0  # between two lines where the output is no terminal


class ProgressDisplay:
    """Shows where a search stands, as far as the place has room for it.

    Args:
        earlier: What sessions before this one recorded: it is shown at once, for the search is asked all of
            it again before anything is trained.
    """

    def __init__(self, earlier: Sequence[Record] = ()) -> None:
        self._console = Console(stderr=True, emoji=False)
        self._is_terminal = self._console.is_terminal
        self._earlier = earlier
        self._n_replayed = 0
        self._budget = Budget()
        self._title = self._hint = ""
        self._scene: Scene | None = None
        self._printed = 0.0
        self._has_news = False  # since the last plain line, or that one told a time left
        self._bar: Progress | None = None
        self._live: ExitStack | None = None

    def close(self) -> None:
        """Take the live view or line away, and write the last plain one."""
        if self._bar is not None:
            self._bar.stop()
        if self._live is not None:
            self._live.close()
        if self._scene is not None and self._has_news and self._bar is None:
            self._say(self._scene.lines(is_last=True))

    def announce(self, experiment: Experiment, folder: Path, workers: Workers, budget: Budget) -> None:
        """Say what is about to run."""
        n = "" if workers.count is None else f"{workers.count} "
        crew = "this process" if workers.count == 0 else f"{n}Ray workers"
        self._budget = budget
        self._title = f"{experiment.name}: {experiment.search.algorithm.name}, seed {experiment.seed}, {crew}"
        self._hint = f"Ctrl-C finishes what runs; later: {command('resume', folder)}"
        self._say(f"{self._title}, into {folder}")

    def start(self, parts: Parts) -> None:
        """Say what the search works on, and what it begins with."""
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
        scene = Scene(self._title, self._hint, Standing(parts.objectives, self._budget))
        scene.state = "starting workers"
        scene.add(self._earlier, is_earlier=True)
        self._scene = scene
        if self._earlier:
            self._say(
                f"going on from {counted(len(self._earlier), 'record')}: the search repeats its steps up to "
                "there, and trains nothing again"
            )
        if has_room(self._console):
            self._live = ExitStack()
            self._live.enter_context(live(scene.picture, Console(file=self._console.file)))
        elif self._is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), console=self._console, transient=True)
            self._bar.add_task(scene.state)
            self._bar.start()
        elif self._earlier:
            self._say(scene.lines())
            self._printed = monotonic()

    def workers(self, plan: str) -> None:
        """Say what the workers are, now that all have started."""
        self._say(plan)

    def running(self, running: tuple[Running, ...]) -> None:
        """Take in what is being trained."""
        if self._scene is not None:
            self._scene.show_running(running)
            self._scene.state = RUNNING

    def told(self, progress: Told) -> None:
        """Count an evaluation; of those that are replayed, how many there were."""
        record, scene = progress.record, self._scene
        if scene is None:
            return
        if progress.is_replayed:
            self._replayed(scene)
            return
        scene.add([record])
        status = record.evaluation.status
        if record.reused_from is not None or status is Status.REJECTED:
            return
        self._has_news = True
        if status is not Status.OK and self._live is None:
            self._say(f"candidate {record.ticket} {status}: {record.evaluation.reason} ({record.text})")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=short_line(scene.standing, scene.seconds))
        elif self._takes_turn():
            self._has_news = scene.standing.seconds_left(scene.seconds) is not None
            self._say(scene.lines())

    def _replayed(self, scene: Scene) -> None:
        self._n_replayed += 1
        scene.state = f"repeating step {self._n_replayed} of {len(self._earlier)}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=scene.state)
        elif self._takes_turn():
            self._say(scene.state)

    def _takes_turn(self) -> bool:
        """Return whether it is time for another plain line, and note that it is written."""
        is_due = self._live is None and monotonic() - self._printed > PLAIN_SECONDS
        if is_due:
            self._printed = monotonic()
        return is_due

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)
