"""Pooling."""

from dataclasses import dataclass
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, LayerGene, Shape, number, word
from evocnn.genotype.layers.counting import elementwise


@dataclass(frozen=True, slots=True)
class Pool(LayerGene):
    """Max or average pooling by `size`, without overlap; an odd rest is cut off.

    A side shorter than the window is pooled as a whole, so a strip can be pooled along its
    length; at 1x1 the gene is inert.
    """

    code: ClassVar[str] = "pool"
    size: int = number("", default=2, low=2)
    kind: str = word("max", "average")

    def window(self, shape: Shape) -> tuple[int, int]:
        """Return the window's height and width."""
        return min(self.size, shape.height), min(self.size, shape.width)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no larger window than the image."""
        return self.having(size=min(self.size, max(2, shape.height, shape.width)))

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape after the pool."""
        height, width = self.window(shape)
        if height == width == 1:
            return None
        return Shape(shape.channels, shape.height // height, shape.width // width)

    def counts(self, shape: Shape) -> Counts:
        """Return the counts: nothing but the values written."""
        return elementwise(self.output(shape) or shape)
