"""Pictures for a page."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.report.confusion import plot_confusion
from evocnn.report.history.hypervolume import HypervolumeRise, Rise
from evocnn.report.history.hypervolume_plot import hypervolume_figure
from evocnn.report.learning_curves import plot_learning_curves
from evocnn.report.picture import MOST_POINTS, svg_text, write_picture
from evocnn.report.pruning_curve import PruningPoint, plot_pruning_curve

BROKEN = r"$\frac{$"
RISES = dict.fromkeys(("evaluations", "epochs", "seconds"), Rise((1.0,), (0.5,)))
POINT = PruningPoint(0.0, 0, 0.0, 1000, 4000, 0.004, 0.001, 0.9)


def _cloud(n: int) -> Figure:
    figure = Figure()
    figure.add_subplot().scatter(np.arange(n), np.arange(n))
    return figure


def test_a_title_that_looks_like_markup_is_escaped() -> None:
    text = svg_text(_cloud(2), '"><img>')
    assert text.startswith('<svg role="img" aria-label="&quot;&gt;&lt;img&gt;"')
    assert "<img>" not in text


def test_a_cloud_of_many_points_is_an_image() -> None:
    assert "<image" not in svg_text(_cloud(MOST_POINTS), "few")
    many = svg_text(_cloud(5000), "many")
    assert "data:image/png" in many
    assert len(many) < 60_000


def test_texts_stay_texts_and_names_of_groups_are_gone() -> None:
    figure = _cloud(2)
    figure.axes[0].set_title("readable")
    text = svg_text(figure, "picture")
    assert ">readable</text>" in text
    assert '<g id="' not in text


def test_the_same_picture_gives_the_same_text() -> None:
    assert svg_text(_cloud(3), "same") == svg_text(_cloud(3), "same")


@pytest.mark.fault
@pytest.mark.parametrize(
    "draw",
    [
        lambda name, path: write_picture(hypervolume_figure(HypervolumeRise(name, RISES, ())), path),
        lambda name, path: plot_learning_curves(name, {"a": {"training_loss": [1.0]}}, path),
        lambda name, path: plot_confusion(name, np.eye(10, dtype=int), (BROKEN, *"123456789"), path),
        lambda name, path: plot_pruning_curve(name, [POINT], path),
    ],
    ids=["hypervolume", "learning curves", "confusion", "pruning"],
)
def test_names_are_never_mathematics(draw: Callable[[str, Path], None], tmp_path: Path) -> None:
    """To see it fail: let matplotlib wrap the title, which measures mathematics although it draws none."""
    draw(f"{BROKEN} " + "and more " * 20, tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").stat().st_size
