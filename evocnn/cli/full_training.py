"""Training networks of a run in full from the command line: progress and Ctrl-C."""

from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Self

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn

from evocnn.cli.progress import PLAIN_SECONDS
from evocnn.cli.search import EXIT_INTERRUPTED, Stop
from evocnn.deploy.full_training import Piece, train_in_full
from evocnn.deploy.model import Model
from evocnn.deploy.terms import FullTraining, Terms
from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Status
from evocnn.report.wording import duration
from evocnn.runs import Workers


class TrainingDisplay:
    """Shows epochs, time left, and what was last measured: a live line in a terminal, plain lines elsewhere.

    Args:
        trainings: What is trained.
        names: What each is called.
        has_validation: Whether validation accuracies are measured.
    """

    def __init__(
        self, trainings: Sequence[FullTraining], names: Sequence[str], *, has_validation: bool
    ) -> None:
        self._console = Console(stderr=True, emoji=False)
        self._trainings = trainings
        self._names = names
        self._has_validation = has_validation
        self._n_epochs = [0] * len(trainings)
        self._n_before = 0  # of these, of earlier sessions and of the first piece, which tells no pace
        self._is_first = True
        self._n_lost = 0  # of trainings that failed
        self._n_total = sum({training.path: training.epochs for training in trainings}.values())
        self._began = monotonic()
        self._printed = 0.0
        self._line = ""
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Show nothing yet."""
        if self._console.is_terminal:
            self._bar = Progress(TextColumn("{task.description}"), console=self._console, transient=True)
            self._bar.add_task(f"0/{self._n_total} epochs")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the live line away, and write the last plain one."""
        if self._bar is not None:
            self._bar.stop()
        elif self._line:
            self._say(self._line)

    def piece(self, piece: Piece) -> None:
        """Count a piece of a training."""
        n_more = piece.n_epochs - self._n_epochs[piece.training]
        self._n_epochs[piece.training] = piece.n_epochs
        evaluation, name = piece.evaluation, self._names[piece.training]
        if evaluation is None:
            if n_more and piece.n_epochs < self._trainings[piece.training].epochs:
                self._say(f"{name}: going on after epoch {piece.n_epochs}")
            return
        if evaluation.status is not Status.OK:
            self._n_lost += self._trainings[piece.training].epochs - piece.n_epochs
            self._say(f"{name} {evaluation.status}: {evaluation.reason}")
            return
        if self._is_first:
            self._is_first, self._n_before, self._began = False, sum(self._n_epochs), monotonic()
        self._line = self._text(name, evaluation)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=self._line)
        elif monotonic() - self._printed > PLAIN_SECONDS:
            self._printed = monotonic()
            self._say(self._line)
            self._line = ""

    def _text(self, name: str, evaluation: Evaluation) -> str:
        """Return where the trainings stand, given what was last found of one."""
        done, n_total = sum(self._n_epochs), self._n_total - self._n_lost
        n_now = done - self._n_before
        parts = [f"{done}/{n_total} epochs"]
        if n_now and done < n_total:
            parts.append(f"{duration((n_total - done) * (monotonic() - self._began) / n_now)} left")
        if len(self._trainings) > 1:
            parts.append(name)
        parts.append(f"training loss {evaluation.curves['training_loss'][-1]:.4f}")
        if self._has_validation:
            parts.append(f"validation accuracy {evaluation.curves['validation_accuracy'][-1]:.4f}")
        return " · ".join(parts)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)


def trained_models(
    terms: Terms, trainings: Sequence[FullTraining], names: Sequence[str], workers: Workers
) -> list[Model | None]:
    """Train in full what has not been trained yet, showing progress; None for what failed.

    Raises:
        ExperimentError: Nothing could be trained.
        typer.Exit: Somebody asked to stop.
    """
    stop = Stop()
    try:
        has_validation = not terms.all_data
        with stop.on_signals(), TrainingDisplay(trainings, names, has_validation=has_validation) as display:
            models = train_in_full(terms, trainings, workers, on_piece=display.piece, should_stop=stop)
    except KeyboardInterrupt:
        stop.is_asked = True
    if stop.is_asked:
        typer.echo("interrupted; go on with the same command", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    if all(model is None for model in models):
        message = (
            "full training must succeed at least once, but it failed each time, as said above; pick another "
            "network, or other --epochs"
        )
        raise ExperimentError(message)
    return models
