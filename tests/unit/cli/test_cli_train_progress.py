"""What is shown while networks are trained in full, second by second of a clock of our own; and its page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evocnn.cli import full_training as module
from evocnn.cli.full_training import TrainingDisplay
from evocnn.deploy.full_training import PIECE_SECONDS, Piece
from evocnn.deploy.terms import FullTraining
from evocnn.evaluation import Evaluation, Status

PAGE = (Path(__file__).parents[3] / "docs" / "train-and-test.md").read_text(encoding="utf-8")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def display(clock: Clock) -> Callable[..., TrainingDisplay]:
    """Return a function of numbers of epochs that makes a display of a training for each."""

    def make(*epochs: int, has_validation: bool = True) -> TrainingDisplay:
        record: Any = None
        chromosome: Any = None
        trainings = [
            FullTraining(record, "knee", chromosome, n, seed, Path(f"model{seed}"))
            for seed, n in enumerate(epochs)
        ]
        return TrainingDisplay(
            trainings, [f"seed {n}" for n in range(len(epochs))], has_validation=has_validation
        )

    return make


def piece(training: int, n_epochs: int) -> Piece:
    curves = {"training_loss": (0.5,) * n_epochs, "validation_accuracy": (0.75,) * n_epochs}
    return Piece(training, n_epochs, Evaluation(Status.OK, curves=curves))


def test_the_time_left_follows_from_the_pace_after_the_first_piece(
    display: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with display(10, 10) as shown:
        shown.piece(Piece(0, 4, None))
        shown.piece(Piece(1, 0, None))
        clock.now += 100  # everything is loaded, which tells no pace
        shown.piece(piece(0, 5))
        clock.now += 10
        shown.piece(piece(0, 10))
        clock.now += 1
        shown.piece(piece(1, 1))
        clock.now += 9
        shown.piece(piece(1, 10))
    figures = "training loss 0.5000 · validation accuracy 0.7500"
    assert capsys.readouterr().err.splitlines() == [
        "seed 0: going on after epoch 4",
        f"5/20 epochs · seed 0 · {figures}",
        f"10/20 epochs · 20s left · seed 0 · {figures}",
        f"20/20 epochs · seed 1 · {figures}",
    ]


def test_what_failed_is_told_and_no_longer_waited_for(
    display: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with display(10, 10) as shown:
        shown.piece(Piece(0, 3, Evaluation(Status.DIVERGED, reason="the [b] loss was nan")))
        clock.now += 10
        shown.piece(piece(1, 2))
    told, line = capsys.readouterr().err.splitlines()
    assert told == "seed 0 diverged: the [b] loss was nan"
    assert line.startswith("5/13 epochs · seed 1 · ")


def test_one_training_has_no_name_and_all_data_no_validation(
    display: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with display(2, has_validation=False) as shown:
        shown.piece(piece(0, 2))
    assert capsys.readouterr().err == "2/2 epochs · training loss 0.5000\n"


def test_a_terminal_has_a_live_line(
    display: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    with display(2) as shown:
        shown.piece(piece(0, 1))
        (task,) = shown._bar.tasks
        assert task.description == "1/2 epochs · training loss 0.5000 · validation accuracy 0.7500"
    assert "\x1b[" in capsys.readouterr().err


def test_the_page_names_every_option_and_how_often_a_training_is_saved() -> None:
    from typer.main import get_command

    from evocnn.cli.main import app

    command: Any = get_command(app)
    table = PAGE.partition("| option |")[2].partition("\n\n")[0]
    options = {name for option in command.commands["train"].params for name in option.opts if "--" in name}
    assert set(re.findall(r"^\| `(--[\w-]+)", table, re.MULTILINE)) == options
    assert {"--size", "--epochs"} <= {name for o in command.commands["ensemble"].params for name in o.opts}
    assert "saved every ten seconds" in PAGE
    assert PIECE_SECONDS == 10
