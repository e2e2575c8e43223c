"""The inverted residual block."""

from dataclasses import dataclass
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, Shape, number
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, drop_path, normalization
from evocnn.genotype.layers.same_padded import SamePadded


@dataclass(frozen=True, slots=True)
class InvertedResidual(SamePadded):
    """1x1 convolution to many channels, depthwise convolution, linear 1x1 convolution to few.

    Sandler et al. 2018, figure 4: the input is added where its shape is kept, and there is no
    first convolution at expansion 1. Squeeze-and-excitation (Hu et al. 2018) stands behind the
    depthwise convolution, as in Howard et al. 2019.

    Attributes:
        expansion: Channels inside for each input channel.
        squeeze: Channels inside for each channel of the squeezed layer; 0 for no
            squeeze-and-excitation.
    """

    code: ClassVar[str] = "inv"
    kernel: int = number("k", default=3, low=1, shown=True)
    expansion: int = number("e", default=6, low=1, shown=True)
    squeeze: int = number(" se=", default=0)
    activation: str = activation()
    normalization: str = normalization()
    drop_path: float = drop_path()

    def hidden(self, shape: Shape) -> int:
        """Return the number of channels inside."""
        return shape.channels * self.expansion

    def squeezed(self, shape: Shape) -> int:
        """Return the number of channels of the squeezed layer, at least 1; 0 where there is none."""
        return max(1, self.hidden(shape) // self.squeeze) if self.squeeze else 0

    def adds_input(self, shape: Shape) -> bool:
        """Return whether the input is added."""
        return not self.projects(shape)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene without what has no effect: too long a stride, dropping what is not added."""
        simpler = SamePadded.canonical(self, shape)
        return simpler.having(drop_path=self.drop_path if self.adds_input(shape) else 0.0)

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of the convolutions, squeeze-and-excitation, the sum and the activations."""
        hidden, squeezed = self.hidden(shape), self.squeezed(shape)
        before, between = strided(shape, hidden, 1), strided(shape, hidden, self.stride)
        after = self.output(shape)
        total = convolution(1, between, self.kernel, self.normalization) + elementwise(between)
        if self.expansion > 1:
            total += convolution(shape.channels, before, 1, self.normalization) + elementwise(before)
        if squeezed:
            small, large = Shape(squeezed, 1, 1), Shape(hidden, 1, 1)
            total += elementwise(large)  # the mean of each channel
            total += convolution(hidden, small, 1, "none") + elementwise(small)
            total += convolution(squeezed, large, 1, "none") + elementwise(large)
            total += elementwise(between)
        total += convolution(hidden, after, 1, self.normalization)
        return total + elementwise(after) if self.adds_input(shape) else total
