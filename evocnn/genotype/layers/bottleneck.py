"""The bottleneck block."""

from dataclasses import dataclass
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, LayerGene, Shape, number
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, check_odd, drop_path, normalization


@dataclass(frozen=True, slots=True)
class Bottleneck(LayerGene):
    """1x1 convolution to few channels, convolution, 1x1 convolution back, and a shortcut.

    He et al. 2015, figure 5, with `filters / reduction` channels in between (4 in the paper); the
    middle convolution carries the stride. Where shapes differ, the shortcut is a 1x1 convolution
    and normalization.
    """

    code: ClassVar[str] = "neck"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", default=3, low=1, shown=True)
    stride: int = number("s", default=1, low=1)
    reduction: int = number(default=4, low=1)
    activation: str = activation()
    normalization: str = normalization()
    drop_path: float = drop_path()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        check_odd(self, self.kernel)

    @property
    def inner(self) -> int:
        """Channels in between: at least 1."""
        return max(1, self.filters // self.reduction)

    def output(self, shape: Shape) -> Shape:
        """Return the shape after the block."""
        return strided(shape, self.filters, self.stride)

    def projects(self, shape: Shape) -> bool:
        """Return whether the shortcut needs a projection."""
        return self.output(shape) != shape

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no longer stride than has an effect."""
        return self.having(stride=min(self.stride, max(shape.height, shape.width)))

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of three convolutions, the shortcut, the sum and the activations."""
        before, after = strided(shape, self.inner, 1), self.output(shape)
        between = strided(shape, self.inner, self.stride)
        total = convolution(shape.channels, before, 1, self.normalization) + elementwise(before)
        total += convolution(self.inner, between, self.kernel, self.normalization) + elementwise(between)
        total += convolution(self.inner, after, 1, self.normalization)
        if self.projects(shape):
            total += convolution(shape.channels, after, 1, self.normalization)
        return total + elementwise(after) + elementwise(after)
