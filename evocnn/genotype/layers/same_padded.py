"""What the genes of same-padded convolutions share."""

from dataclasses import dataclass
from typing import Self

from evocnn.genotype.gene import LayerGene, Shape, number
from evocnn.genotype.layers.counting import strided
from evocnn.genotype.layers.fields import check_odd


@dataclass(frozen=True, slots=True)
class SamePadded(LayerGene):
    """Convolutions with same padding, of which one carries a stride: abstract."""

    filters: int = number("", low=1, width=True)
    kernel: int = number("k", low=1)
    stride: int = number("s", default=1, low=1)

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        check_odd(self, self.kernel)

    def output(self, shape: Shape) -> Shape:
        """Return the shape after the layer."""
        return strided(shape, self.filters, self.stride)

    def projects(self, shape: Shape) -> bool:
        """Return whether a shortcut around the layer needs a projection."""
        return self.output(shape) != shape

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no longer stride than has an effect."""
        return self.having(stride=min(self.stride, max(shape.height, shape.width)))
