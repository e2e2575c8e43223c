"""The depthwise separable convolution."""

from dataclasses import dataclass
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, LayerGene, Shape, number
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, check_odd, normalization


@dataclass(frozen=True, slots=True)
class DepthwiseSeparable(LayerGene):
    """A depthwise convolution, then a pointwise one, each normalized and activated (Howard 2017)."""

    code: ClassVar[str] = "dws"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", low=1)
    stride: int = number("s", default=1, low=1)
    activation: str = activation()
    normalization: str = normalization()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        check_odd(self, self.kernel)

    def output(self, shape: Shape) -> Shape:
        """Return the shape after the pointwise convolution."""
        return strided(shape, self.filters, self.stride)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no longer stride than has an effect."""
        return self.having(stride=min(self.stride, max(shape.height, shape.width)))

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of both convolutions with their normalizations and activations."""
        between = strided(shape, shape.channels, self.stride)
        after = self.output(shape)
        depthwise = convolution(1, between, self.kernel, self.normalization) + elementwise(between)
        return depthwise + convolution(shape.channels, after, 1, self.normalization) + elementwise(after)
