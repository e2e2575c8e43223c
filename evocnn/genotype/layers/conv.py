"""The convolution."""

from dataclasses import dataclass
from math import gcd
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, LayerGene, Shape, number, word
from evocnn.genotype.layers.counting import convolution, elementwise, strided
from evocnn.genotype.layers.fields import activation, check_odd, normalization


@dataclass(frozen=True, slots=True)
class Conv(LayerGene):
    """Convolution, normalization, activation.

    Same padding halves an odd kernel, so stride 2 gives `ceil(side / 2)`. With valid padding the
    gene is inert where the image is smaller than the kernel. Groups must divide the channels on
    both sides, so as many are made as divide both and `groups`.
    """

    code: ClassVar[str] = "conv"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", low=1)
    stride: int = number("s", default=1, low=1)
    padding: str = word("same", "valid")
    activation: str = activation()
    normalization: str = normalization()
    dilation: int = number(default=1, low=1)
    groups: int = number(default=1, low=1)

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        if self.padding == "same":
            check_odd(self, self.kernel)

    @property
    def span(self) -> int:
        """Side of the area that the dilated kernel covers."""
        return self.dilation * (self.kernel - 1) + 1

    def groups_on(self, shape: Shape) -> int:
        """Return the number of groups on an input of this shape."""
        return gcd(self.groups, shape.channels, self.filters)

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape after the convolution."""
        if self.padding == "same":
            return strided(shape, self.filters, self.stride)
        if min(shape.height, shape.width) < self.span:
            return None
        height, width = ((side - self.span) // self.stride + 1 for side in shape[1:])
        return Shape(self.filters, height, width)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene without what has no effect.

        That is a longer stride than the image, padding and dilation of a 1x1 kernel, and groups
        that do not divide the channels.
        """
        point = self.kernel == 1
        padding = "same" if point else self.padding
        lost = 0 if padding == "same" else self.span - 1
        return self.having(
            stride=min(self.stride, max(shape.height, shape.width) - lost),
            padding=padding,
            dilation=1 if point else self.dilation,
            groups=self.groups_on(shape),
        )

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of convolution, normalization and activation."""
        after = self.output(shape) or shape
        fan_in = shape.channels // self.groups_on(shape)
        return convolution(fan_in, after, self.kernel, self.normalization) + elementwise(after)
