"""A layer as a small box: as high as its image is large, as wide as its channels are many, in its colour."""

from math import log2, sqrt
from typing import NamedTuple

from evocnn.genotype import Shape
from evocnn.report.architecture import PALE, gene_styles

HEAD = "head"  # as a layer table calls it
MOST_WIDTH, MOST_HEIGHT = 60, 36  # pixels


class LayerPicture(NamedTuple):
    """A box in pixels."""

    width: float
    height: float
    colour: str


def layer_picture(kind: str, output: Shape, image: Shape) -> LayerPicture:
    """Return the box of a layer.

    Args:
        kind: The name of its gene type.
        output: The shape behind it.
        image: The shape of the images, which is as high as a box can be.
    """
    height = log2(1 + sqrt(output.height * output.width)) / log2(1 + sqrt(image.height * image.width))
    width = min(0.1 + 0.09 * log2(output.channels), 1.0)
    return LayerPicture(
        round(MOST_WIDTH * width, 1),
        round(max(MOST_HEIGHT * min(height, 1.0), 3), 1),
        PALE if kind == HEAD else gene_styles([kind])[kind].colour,
    )
