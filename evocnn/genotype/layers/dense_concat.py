"""The densely connected layer."""

from dataclasses import dataclass
from typing import ClassVar

from evocnn.genotype.gene import Counts, LayerGene, Shape, number
from evocnn.genotype.layers.counting import convolution, elementwise
from evocnn.genotype.layers.fields import activation, check_odd, normalization


@dataclass(frozen=True, slots=True)
class DenseConcat(LayerGene):
    """Normalization, activation, convolution; the result is put behind the input's channels.

    One layer of a DenseNet (Huang et al. 2017, equation 2); several in a row are a dense block.

    Attributes:
        filters: Channels that the layer adds, the growth rate.
    """

    code: ClassVar[str] = "dense"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", default=3, low=1, shown=True)
    activation: str = activation()
    normalization: str = normalization()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        check_odd(self, self.kernel)

    def output(self, shape: Shape) -> Shape:
        """Return the shape after the concatenation."""
        return shape._replace(channels=shape.channels + self.filters)

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of normalization, activation, convolution and concatenation."""
        new = shape._replace(channels=self.filters)
        total = elementwise(shape) + convolution(shape.channels, new, self.kernel, "none")
        total += elementwise(self.output(shape))
        if self.normalization == "none":
            return total
        normalized = Counts(2 * shape.channels - self.filters, 0, shape.size, 1)  # and no bias
        return total + normalized
