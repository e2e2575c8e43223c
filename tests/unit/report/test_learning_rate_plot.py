"""The picture of learning-rate range tests."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError
from evocnn.genotype import Chromosome, Conv
from evocnn.report import learning_rate_plot as module
from evocnn.report.learning_rate_plot import plot_learning_rates
from evocnn.training.learning_rate_range import LearningRateRange

RATES = tuple(np.geomspace(1e-6, 10, 8).tolist())
FOUND = LearningRateRange(
    RATES, (2.0, 2.1, 2.0, 1.8, 1.2, 0.9, 1.5, 9.0), (2.0, 2.0, 1.9, 1.5, 1.0, 1.4), RATES[2], RATES[4]
)
NOTHING = LearningRateRange(RATES, (2.0,) * 8, (2.0,) * 6, None, None)
Draw = Callable[[Mapping[Chromosome, LearningRateRange]], Figure]


def network(text: str) -> Chromosome:
    return Chromosome.parse(text, (Conv,))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Return a function that draws range tests and returns the figure instead of a file."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))

    def draw(found: Mapping[Chromosome, LearningRateRange]) -> Figure:
        plot_learning_rates("mine_$x$", found, Path("rates.png"))
        return figures[-1]

    return draw


def test_one_network_is_drawn_with_its_steps_its_average_and_its_bounds(drawn: Draw) -> None:
    figure = drawn({network("conv8k3 | gap | sgd lr=.1 batch=32"): FOUND})
    (axes,) = figure.axes
    steps, average, bounds = (np.transpose(line.get_xydata()).tolist() for line in axes.lines)
    assert steps == [list(FOUND.rates), list(FOUND.losses)]
    assert average == [list(RATES[:6]), list(FOUND.averages)]
    assert bounds == [[RATES[2], RATES[4]], [1.9, 1.0]]
    (band,) = axes.patches
    assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx(
        (RATES[2], RATES[4])
    )
    assert axes.get_title() == "sgd: 0.0001 to 0.01"
    assert axes.get_ylim() == pytest.approx((0.9 - 0.05 * 2.3, 2.3))  # what has diverged is cut
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:2] == ["conv8k3 | gap | batch=32", "the loss of each step, not averaged"]
    assert figure.get_suptitle() == "mine_$x$: learning-rate range test of one network"


def test_each_optimizer_has_a_panel_and_each_network_a_colour(drawn: Draw) -> None:
    texts = [f"conv{n}k3 | gap | {kind} lr=.1" for kind in ("sgd", "adam") for n in (8, 16)]
    figure = drawn(dict(zip(map(network, texts), (FOUND, NOTHING, NOTHING, NOTHING), strict=True)))
    assert [axes.get_title() for axes in figure.axes] == [
        "sgd: 0.0001 to 0.01",
        "adam: the loss fell at no rate",
    ]
    curves = [[line for line in axes.lines if len(line.get_xdata()) > 2] for axes in figure.axes]
    left, right = ([line.get_color() for line in lines] for lines in curves)
    assert left == right
    assert len(set(left)) == len(left) == 2
    networks, marks = ["conv8k3 | gap", "conv16k3 | gap"], module.MARKS
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*networks, marks]
    assert figure.get_suptitle().endswith("of 2 networks")
    assert len(figure.axes[1].patches) == 0


def test_a_network_that_diverged_at_once_is_named_though_nothing_is_to_be_drawn(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rates.png"
    plot_learning_rates(
        "mine", {network("conv8k3 | gap | sgd lr=.1"): LearningRateRange((), (), (), None, None)}, path
    )
    assert path.read_bytes().startswith(b"\x89PNG")


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ExperimentError, match=r"a plot's file must end in .png, .svg, .pdf, but it was '.*jpg'"
    ):
        plot_learning_rates("mine", {network("conv8k3 | gap | sgd lr=.1"): FOUND}, tmp_path / "rates.jpg")
