"""Learning curves as a picture and as CSV."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.report.learning_curves import COLOURS, plot_learning_curves, write_learning_curves

CURVES = {
    "seed 0": {
        "training_loss": [2.0, 1.0],
        "validation_loss": [2.5, 1.5],
        "validation_accuracy": [0.5, 0.75],
    },
    "seed 1": {
        "training_loss": [3.0, 2.0],
        "validation_loss": [3.5, 2.5],
        "validation_accuracy": [0.25, 0.5],
    },
}
Draw = Callable[[Any], Figure]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))

    def draw(curves: Any) -> Figure:
        plot_learning_curves("mine_$x$", curves, Path("curves.png"))
        return figures[-1]

    return draw


def test_losses_and_accuracies_have_a_panel_each_and_seeds_a_line_each(drawn: Draw) -> None:
    losses, accuracies = drawn(CURVES).axes
    assert (losses.get_ylabel(), accuracies.get_ylabel()) == ("loss", "accuracy")
    lines = {(line.get_color(), tuple(np.asarray(line.get_ydata()))) for line in losses.lines}
    assert lines == {
        (COLOURS["training"], (2.0, 1.0)),
        (COLOURS["training"], (3.0, 2.0)),
        (COLOURS["validation"], (2.5, 1.5)),
        (COLOURS["validation"], (3.5, 2.5)),
    }
    assert [list(line.get_xdata()) for line in accuracies.lines] == [[1, 2], [1, 2]]
    legend = losses.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "training images, 2 seeds",
        "validation images, 2 seeds",
    ]


def test_without_validation_there_is_no_panel_of_accuracies(drawn: Draw) -> None:
    (losses,) = drawn({"seed 0": {"training_loss": [2.0]}}).axes
    (line,) = losses.lines
    assert (line.get_label(), line.get_marker()) == ("training images", "o")  # one epoch must show, too


def test_the_file_has_a_row_an_epoch(tmp_path: Path) -> None:
    write_learning_curves(CURVES, tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text().splitlines() == [
        "training,epoch,training_loss,validation_loss,validation_accuracy",
        "seed 0,1,2.0,2.5,0.5",
        "seed 0,2,1.0,1.5,0.75",
        "seed 1,1,3.0,3.5,0.25",
        "seed 1,2,2.0,2.5,0.5",
    ]
