"""The bottleneck block."""

from dataclasses import dataclass
from typing import ClassVar

from evocnn.genotype.gene import Counts, Shape, number
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, drop_path, normalization
from evocnn.genotype.layers.same_padded import SamePadded


@dataclass(frozen=True, slots=True)
class Bottleneck(SamePadded):
    """1x1 convolution to few channels, convolution, 1x1 convolution back, and a shortcut.

    He et al. 2015, figure 5, with `filters / reduction` channels in between (4 in the paper); the
    middle convolution carries the stride. Where shapes differ, the shortcut is a 1x1 convolution
    and normalization.
    """

    code: ClassVar[str] = "neck"
    kernel: int = number("k", default=3, low=1, shown=True)
    reduction: int = number(default=4, low=1)
    activation: str = activation()
    normalization: str = normalization()
    drop_path: float = drop_path()

    @property
    def inner(self) -> int:
        """Channels in between: at least 1."""
        return max(1, self.filters // self.reduction)

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
