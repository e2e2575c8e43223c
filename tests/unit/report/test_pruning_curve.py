"""The picture and the table of what pruning costs."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evocnn.report import pruning_curve as module
from evocnn.report.pruning_curve import PruningPoint, plot_pruning_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = [
    PruningPoint(0.0, 0, 0.0, 1000, 4000, 0.004, 0.001, 0.9),
    PruningPoint(0.3, 2, 0.5, 500, 2000, 0.002, 0.0, 0.88),
    PruningPoint(0.4, 1, 0.5, 500, 2000, 0.003, 0.002, 0.88),
]


def test_a_legend_says_how_much_went_and_only_latencies_have_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(module, "write_picture", lambda figure, _: drawn.append(figure))
    plot_pruning_curve("mine", POINTS, tmp_path / "curve.png")
    (figure,) = drawn
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "as it was",
        "0.3, 2 epochs: 50 % of parameters gone",
        "0.4, 1 epoch: 50 % of parameters gone",
    ]
    assert not any(axes.texts for axes in figure.axes)  # which might lie on each other
    bars = [[bar.get_segments()[0][:, 0].tolist() for bar in axes.collections] for axes in figure.axes]
    assert bars[:2] == [[], []]
    assert bars[2] == [pytest.approx([3.5, 4.5]), pytest.approx([2.0, 4.0])]
