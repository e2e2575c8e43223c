"""One image file, decoded into pixels of one form: for training and for prediction the same."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from evocnn.training.data.framing import Fit, fitted, write_row
from evocnn.training.data.listing import FORMATS
from evocnn.training.data.mapped import Pixels

BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)

UNREADABLE = (
    OSError,  # of the file system, and Pillow's for what it does not know or finds cut short
    SyntaxError,  # Pillow's for broken PNG files
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for files that are no images, cut short or changed."""


@contextmanager
def bombs_refused() -> Iterator[None]:
    """Let Pillow raise where it would warn of an image that is far larger than its file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged metadata, which change no pixel
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(path: Path, row: Pixels, mode: str, size: tuple[int, int], fit: Fit) -> str | None:
    """Write an image into its row, or return why it cannot be read; to be called where `bombs_refused` is.

    Args:
        path: The file.
        row: Where the pixels go, `(channels, height, width)`.
        mode: "L" for one channel, "RGB" for three.
        size: Height and width.
        fit: See `Framing`.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            side = 2 * max(size)  # a JPEG may be decoded at a fraction of its size, at least at twice ours
            image.draft(None, (side, side))
            upright = ImageOps.exif_transpose(image)
            write_row(fitted(_converted(upright, mode), size, fit), row)
    except (*BOMB, *UNREADABLE) as error:
        return reason_of(error)
    return None


def reason_of(error: Exception) -> str:
    """Return why an image cannot be read, by what Pillow raised."""
    return f"larger than {Image.MAX_IMAGE_PIXELS or 0:,} pixels" if isinstance(error, BOMB) else "unreadable"


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """Return an image in grey or RGB: 16 bits become 8, and what is transparent becomes white."""
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray(np.minimum(levels >> 8, 255).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert(mode)
    return image.convert(mode)
