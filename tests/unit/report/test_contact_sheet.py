"""Examples of each class as a picture."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from evocnn.errors import ExperimentError
from evocnn.report import contact_sheet
from evocnn.report.contact_sheet import examples, plot_contact_sheet
from evocnn.training.data import ImageSet


def images(
    n_classes: int, n_each: int = 2, shape: tuple[int, int, int] = (1, 4, 4), name: str = "class"
) -> ImageSet:
    labels = np.repeat(np.arange(n_classes, dtype=np.int64), n_each)
    pixels = np.full((len(labels), *shape), 200, dtype=np.uint8)
    return ImageSet(pixels, labels, tuple(f"{name} {label}" for label in range(n_classes)), "toy train")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that are drawn instead of written."""
    figures: list[Figure] = []
    monkeypatch.setattr(contact_sheet, "write_picture", lambda figure, _: figures.append(figure))
    return figures


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("n_classes", [2, 10, 26, 100])
def test_every_class_has_a_row_with_its_name_and_number(n_classes: int, drawn: list[Figure]) -> None:
    plot_contact_sheet(images(n_classes, n_each=3), Path("sheet.png"))
    assert texts(drawn[0]) == [f"class {label}  3" for label in range(n_classes)]


@pytest.mark.parametrize(
    ("n_classes", "shape"), [(2, (1, 4, 4)), (26, (3, 4, 40)), (60, (1, 40, 4)), (100, (1, 4, 4))]
)
def test_nothing_overlaps_or_leaves_the_sheet(
    n_classes: int, shape: tuple[int, int, int], drawn: list[Figure]
) -> None:
    plot_contact_sheet(images(n_classes, shape=shape, name="WWWWWWWWWWWWWWWWWWWWWWWWWWW"), Path("sheet.png"))
    figure = drawn[0]
    pictures = [axes.get_position() for axes in figure.axes]
    labels = [
        text.get_window_extent().transformed(figure.transFigure.inverted())
        for axes in figure.axes
        for text in axes.texts
    ]
    boxes = [*pictures, *labels]
    assert len(labels) == n_classes
    assert min(box.x0 for box in boxes) >= 0
    assert min(box.y0 for box in boxes) >= -0.001
    assert max(box.x1 for box in boxes) <= 1
    assert max(box.y1 for box in boxes) <= 0.95
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_sheet_of_too_many_classes_says_that_it_leaves_some_out(drawn: list[Figure]) -> None:
    plot_contact_sheet(images(203), Path("sheet.png"))
    assert len(texts(drawn[0])) == 200
    assert drawn[0].get_suptitle().endswith("203 classes with their number of images, the first 200 drawn")


def test_the_title_says_what_the_images_are(drawn: list[Figure]) -> None:
    plot_contact_sheet(images(2, shape=(3, 4, 5)), Path("sheet.png"))
    assert drawn[0].get_suptitle().startswith("toy train: 4 images of 4×5, RGB\n2 classes")


def test_examples_are_spread_over_a_class() -> None:
    own = images(2, n_each=100)
    assert examples(own, 1, 4).tolist() == [100, 133, 166, 199]
    assert examples(own, 0, 1).tolist() == [0]
    assert examples(images(2), 1, 14).tolist() == [2, 3]


def test_dark_images_are_drawn_up_to_white(drawn: list[Figure]) -> None:
    """Digits end at 16 of 255."""
    dark = images(2)
    dark = ImageSet(dark.images // 20, dark.labels, dark.class_names, dark.name)
    plot_contact_sheet(dark, Path("sheet.png"))
    mosaic = drawn[0].axes[0].images[0].get_array()
    assert mosaic is not None
    assert mosaic[0, 0] == 255


def test_names_with_dollars_are_drawn_as_they_are(tmp_path: Path) -> None:
    own = images(2, name="$x_1$ $")
    plot_contact_sheet(own, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size[0] > 600


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"a plot's file must end in \.png, \.svg, \.pdf"):
        plot_contact_sheet(images(2), tmp_path / "sheet.jpg")
