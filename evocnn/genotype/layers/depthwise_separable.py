"""The depthwise separable convolution."""

from dataclasses import dataclass
from typing import ClassVar

from evocnn.genotype.gene import Counts, Shape
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, normalization
from evocnn.genotype.layers.same_padded import SamePadded


@dataclass(frozen=True, slots=True)
class DepthwiseSeparable(SamePadded):
    """A depthwise convolution, then a pointwise one, each normalized and activated (Howard 2017)."""

    code: ClassVar[str] = "dws"
    activation: str = activation()
    normalization: str = normalization()

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of both convolutions with their normalizations and activations."""
        between = strided(shape, shape.channels, self.stride)
        after = self.output(shape)
        depthwise = convolution(1, between, self.kernel, self.normalization) + elementwise(between)
        return depthwise + convolution(shape.channels, after, 1, self.normalization) + elementwise(after)
