"""One size and one number of channels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evocnn.errors import DataError
from evocnn.training.data import Framing, image_set, load
from evocnn.training.data.framing import Fit, fitted, framed

STRIPES = np.repeat(np.array([[0, 0, 100, 100, 200, 200]], dtype=np.uint8), 2, axis=0)  # 2 high, 6 wide


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("crop", [[100, 100], [100, 100]]),
        ("resize", [[0, 200], [0, 200]]),
        ("pad", [[0, 200], [0, 0]]),
    ],
)
def test_each_fit_does_what_its_name_says(fit: Fit, expected: list[list[int]]) -> None:
    image = np.asarray(fitted(Image.fromarray(STRIPES), (2, 2), fit))
    if fit == "crop":  # the middle stripe
        np.testing.assert_array_equal(image, expected)
    elif fit == "resize":  # all of it
        assert (image[0, 0] < 60, image[0, 1] > 140) == (True, True)
    else:  # all of it, in a row of its own
        assert (image == 0).all(axis=1).sum() == 1
        assert image.max() > 140


def test_pad_centres_between_black(tmp_path: Path) -> None:
    image = np.asarray(fitted(Image.fromarray(np.full((2, 4), 90, dtype=np.uint8)), (4, 4), "pad"))
    assert image[:, 0].tolist() == [0, 90, 90, 0]


def test_crop_enlarges_the_shorter_side_and_keeps_the_centre() -> None:
    wide = np.zeros((2, 6), dtype=np.uint8)
    wide[:, 2:4] = 250
    assert np.asarray(fitted(Image.fromarray(wide), (4, 4), "crop"))[:, 1:3].min() > 200


def test_shrinking_averages_rather_than_picks() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = np.asarray(fitted(Image.fromarray(checks), (8, 8), "resize"))
    assert abs(small.astype(int) - 127).max() <= 3


def test_any_source_can_be_framed() -> None:
    digits = load("digits", "train")
    larger = load("digits", "train", framing=Framing((16, 12), "resize", "rgb"))
    assert larger.shape == (3, 16, 12)
    assert (larger.labels == digits.labels).all()
    assert larger.images[:, 0].mean() == pytest.approx(digits.images.mean(), rel=0.05)


def test_colours_become_grey_by_their_brightness() -> None:
    pixels = np.zeros((4, 2, 2, 3), dtype=np.uint8)
    pixels[..., 1] = 200
    grey = framed(image_set(pixels, [0, 1, 0, 1], name="green"), Framing(channels="grey"))
    assert (grey.shape, set(grey.images.ravel().tolist())) == ((1, 2, 2), {117})  # 0.587 of 200


def test_what_fits_already_is_the_same_object() -> None:
    images = image_set(np.zeros((4, 2, 2), dtype=np.uint8), [0, 1, 0, 1], name="toy")
    assert framed(images, Framing((2, 2), "pad", "grey")) is images
    assert framed(images, Framing()) is images


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 4),), "size must be a height and a width from 1 to 4096, but it was 0×4"),
        (((4, 5000),), "size must be .* 4×5000"),
        ((None, "cut"), "fit must be one of crop, resize, pad, but it was 'cut'"),
        ((None, "crop", "cmyk"), "channels must be one of auto, grey, rgb, but it was 'cmyk'"),
    ],
)
def test_other_values_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Framing(*arguments)  # type: ignore[arg-type]
