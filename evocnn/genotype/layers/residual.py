"""The residual block."""

from dataclasses import dataclass
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, LayerGene, Shape, number
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, check_odd, drop_path, normalization


@dataclass(frozen=True, slots=True)
class Residual(LayerGene):
    """Two convolutions and a shortcut, added (He et al. 2015, figure 2; shortcut option B).

    conv, norm, activation, conv, norm; plus the input, by a 1x1 convolution and normalization
    where shapes differ; then activation. The first convolution carries the stride.
    """

    code: ClassVar[str] = "res"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", low=1)
    stride: int = number("s", default=1, low=1)
    activation: str = activation()
    normalization: str = normalization()
    drop_path: float = drop_path()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        check_odd(self, self.kernel)

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
        """Return the counts of both convolutions, the shortcut, the sum and the activations."""
        after = self.output(shape)
        total = convolution(shape.channels, after, self.kernel, self.normalization)
        total += convolution(self.filters, after, self.kernel, self.normalization)
        if self.projects(shape):
            total += convolution(shape.channels, after, 1, self.normalization)
        return total + elementwise(after) + elementwise(after) + elementwise(after)
