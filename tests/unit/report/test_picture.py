"""Pictures for a page."""

import numpy as np
from matplotlib.figure import Figure

from evocnn.report.picture import MOST_POINTS, svg_text


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
