"""Confusions as a table, as a picture and as CSV."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError
from evocnn.report.confusion import plot_confusion, show_confusion, write_confusion

NAMES = ("cat", "dog [b]", "$x$")
CONFUSION = np.array([[8, 2, 0], [1, 4, 0], [0, 0, 0]])


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def test_a_row_has_images_accuracy_and_what_they_were_taken_for(capsys: pytest.CaptureFixture[str]) -> None:
    show_confusion(CONFUSION, NAMES)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["class", "n", "accuracy", "0", "1", "2"]
    assert rows[1:] == [
        ["0", "cat", "10", "0.8000", "8", "2", "·"],
        ["1", "dog", "[b]", "5", "0.8000", "1", "4", "·"],
        ["2", "$x$", "0", "-", "·", "·", "·"],
    ]


def test_many_classes_tell_their_greatest_confusion(capsys: pytest.CaptureFixture[str]) -> None:
    confusion = np.diag(np.full(20, 5))
    confusion[3, 7], confusion[3, 8] = 2, 1
    show_confusion(confusion, [f"class{number}" for number in range(20)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["class", "n", "accuracy", "most", "often", "taken", "for"]
    assert lines[4].split() == ["class3", "8", "0.6250", "class7:", "2"]
    assert lines[5].split() == ["class4", "5", "1.0000"]


def test_cells_are_shares_of_their_class_with_the_numbers_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    plot_confusion("mine_$x$", CONFUSION, NAMES, Path("a.png"))
    axes = figures[0].axes[0]
    shown = np.asarray(axes.images[0].get_array())
    assert shown == pytest.approx(np.array([[0.8, 0.2, 0], [0.2, 0.8, 0], [0, 0, 0]]))
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "8", (1, 0): "2", (0, 1): "1", (1, 1): "4"}
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert axes.get_title() == "mine_$x$"


def test_the_file_of_numbers_has_a_row_a_class(tmp_path: Path) -> None:
    write_confusion(CONFUSION, NAMES, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "class,cat,dog [b],$x$",
        "cat,8,2,0",
        "dog [b],1,4,0",
        "$x$,0,0,0",
    ]


def test_a_picture_of_many_classes_can_be_written(tmp_path: Path) -> None:
    plot_confusion("many", np.eye(31, dtype=np.int64), [f"class {n}" for n in range(31)], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    with pytest.raises(ExperimentError, match="must end in"):
        plot_confusion("many", CONFUSION, NAMES, tmp_path / "a.jpg")
