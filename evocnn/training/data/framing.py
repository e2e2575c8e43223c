"""One size and one number of channels for all images of a set."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from evocnn.errors import DataError
from evocnn.training.data.image_set import ImageSet
from evocnn.training.data.mapped import Pixels, hold

FITS = ("crop", "resize", "pad")
CHANNELS = ("auto", "grey", "rgb")
MAX_SIDE = 4096  # pixels: a network on larger images is no small one

Fit = Literal["crop", "resize", "pad"]
Channels = Literal["auto", "grey", "rgb"]


@dataclass(frozen=True)
class Framing:
    """How images are brought to one form.

    Attributes:
        size: Height and width; None leaves the images as they are.
        fit: What happens to images of another aspect ratio: "crop" scales the shorter side and cuts
            out the centre, "resize" stretches, "pad" scales the longer side and adds black.
        channels: "auto" (grey if all images are stored in grey), "grey" or "rgb".

    Raises:
        DataError: A value is none of these.
    """

    size: tuple[int, int] | None = None
    fit: Fit = "crop"
    channels: Channels = "auto"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.size is not None and not all(1 <= side <= MAX_SIDE for side in self.size):
            raise DataError(
                f"size must be a height and a width from 1 to {MAX_SIDE}, but it was "
                f"{shown_size(*self.size)}; give a smaller one, such as 64"
            )
        for name, value, allowed in (("fit", self.fit, FITS), ("channels", self.channels, CHANNELS)):
            if value not in allowed:
                raise DataError(
                    f"{name} must be one of {', '.join(allowed)}, but it was {value!r}; choose one of these"
                )


def shown_size(height: int, width: int) -> str:
    """Return a size as messages show it, height first."""
    return f"{height}×{width}"


def fitted(image: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    """Return a grey or RGB image at a size, scaled by a triangle filter that averages when it shrinks.

    Args:
        image: The image.
        size: Height and width.
        fit: See `Framing`.
    """
    height, width = size
    if image.size == (width, height):
        return image
    if fit == "resize":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    ratios = (width / image.width, height / image.height)
    if fit == "crop":
        scale = max(ratios)
        left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
        box = (max(left, 0.0), max(top, 0.0), image.width - max(left, 0.0), image.height - max(top, 0.0))
        return image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    scale = min(ratios)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new(image.mode, (width, height))
    canvas.paste(
        image.resize(inner, Image.Resampling.BILINEAR), ((width - inner[0]) // 2, (height - inner[1]) // 2)
    )
    return canvas


def framed(images: ImageSet, framing: Framing) -> ImageSet:
    """Return images of one size already, brought to another form; the same object where they have it."""
    channels, height, width = images.shape
    size = framing.size or (height, width)
    n_channels = {"auto": channels, "grey": 1, "rgb": 3}[framing.channels]
    if (n_channels, *size) == images.shape:
        return images
    mode = "L" if n_channels == 1 else "RGB"

    def fill(target: Pixels) -> None:
        for source, row in zip(images.images, target, strict=True):
            stored = source[0] if channels == 1 else np.moveaxis(source, 0, -1)
            write_row(fitted(Image.fromarray(stored).convert(mode), size, framing.fit), row)

    pixels, _ = hold((len(images), n_channels, *size), f"{images.digest}-{_key(framing)}", fill)
    return replace(images, images=pixels)


def write_row(image: Image.Image, row: Pixels) -> None:
    """Write a grey or RGB image into an array of shape `(channels, height, width)`."""
    pixels = np.asarray(image)
    row[...] = pixels if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _key(framing: Framing) -> str:
    size = "x".join(map(str, framing.size or ()))
    return f"{size}{framing.fit}{framing.channels}"
