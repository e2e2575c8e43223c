"""A layer as a small box: as high as its image is large, as wide as its channels are many, in its colour."""

from typing import NamedTuple

from evocnn.genotype import Shape
from evocnn.report.architecture import box_size, gene_styles
from evocnn.report.colours import PALE

HEAD = "head"  # as a layer table calls it
WIDTH, HEIGHT = 66, 36  # pixels of a box of width 1, and of the image's


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
    (width, height), (_, highest) = box_size(output), box_size(image)
    return LayerPicture(
        round(WIDTH * width, 1),
        round(max(HEIGHT * min(height / highest, 1.0), 3), 1),
        PALE if kind == HEAD else gene_styles([kind])[kind].colour,
    )
