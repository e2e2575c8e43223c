"""The residual block."""

from dataclasses import dataclass
from typing import ClassVar

from evocnn.genotype.gene import Counts, Shape
from evocnn.genotype.layers.counting import convolution, elementwise
from evocnn.genotype.layers.fields import activation, drop_path, normalization
from evocnn.genotype.layers.same_padded import SamePadded


@dataclass(frozen=True, slots=True)
class Residual(SamePadded):
    """Two convolutions and a shortcut, added (He et al. 2015, figure 2; shortcut option B).

    conv, norm, activation, conv, norm; plus the input, by a 1x1 convolution and normalization
    where shapes differ; then activation. The first convolution carries the stride.
    """

    code: ClassVar[str] = "res"
    activation: str = activation()
    normalization: str = normalization()
    drop_path: float = drop_path()

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of both convolutions, the shortcut, the sum and the activations."""
        after = self.output(shape)
        total = convolution(shape.channels, after, self.kernel, self.normalization)
        total += convolution(self.filters, after, self.kernel, self.normalization)
        if self.projects(shape):
            total += convolution(shape.channels, after, 1, self.normalization)
        return total + elementwise(after) + elementwise(after) + elementwise(after)
