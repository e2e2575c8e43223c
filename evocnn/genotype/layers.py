"""The layer genes of the package: their fields, shape rules and counts.

Channels and shapes are inferred from what comes before, never stored. Counting needs no torch;
`tests/unit/phenotype/test_counts.py` holds every count against what torch itself counts.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, Self

from evocnn.errors import GeneError
from evocnn.genotype.gene import Counts, LayerGene, Shape, number, word

ACTIVATIONS = ("relu", "gelu", "silu", "leaky_relu", "tanh")
NORMALIZATIONS = ("batch", "none")


def _activation() -> Any:
    return word(*ACTIVATIONS)


def _normalization() -> Any:
    return word(*NORMALIZATIONS, prefix=" norm=")


@dataclass(frozen=True, slots=True)
class Conv(LayerGene):
    """Convolution, normalization, activation.

    Same padding halves an odd kernel, so stride 2 gives `ceil(side / 2)`. With valid padding the
    gene is inert where the image is smaller than the kernel.
    """

    code: ClassVar[str] = "conv"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", low=1)
    stride: int = number("s", default=1, low=1)
    padding: str = word("same", "valid")
    activation: str = _activation()
    normalization: str = _normalization()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        if self.padding == "same":
            _check_odd(self, self.kernel)

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape after the convolution."""
        if self.padding == "same":
            return _strided(shape, self.filters, self.stride)
        if min(shape.height, shape.width) < self.kernel:
            return None
        height, width = ((side - self.kernel) // self.stride + 1 for side in shape[1:])
        return Shape(self.filters, height, width)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no longer stride than has an effect; a 1x1 kernel needs no padding."""
        padding = "same" if self.kernel == 1 else self.padding
        lost = 0 if padding == "same" else self.kernel - 1
        stride = min(self.stride, max(shape.height, shape.width) - lost)
        return self.having(stride=stride, padding=padding)

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of convolution, normalization and activation."""
        after = self.output(shape) or shape
        return _convolution(shape.channels, after, self.kernel, self.normalization) + _elementwise(after)


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
    activation: str = _activation()
    normalization: str = _normalization()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        _check_odd(self, self.kernel)

    def output(self, shape: Shape) -> Shape:
        """Return the shape after the block."""
        return _strided(shape, self.filters, self.stride)

    def projects(self, shape: Shape) -> bool:
        """Return whether the shortcut needs a projection."""
        return self.output(shape) != shape

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no longer stride than has an effect."""
        return self.having(stride=min(self.stride, max(shape.height, shape.width)))

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of both convolutions, the shortcut, the sum and the activations."""
        after = self.output(shape)
        total = _convolution(shape.channels, after, self.kernel, self.normalization)
        total += _convolution(self.filters, after, self.kernel, self.normalization)
        if self.projects(shape):
            total += _convolution(shape.channels, after, 1, self.normalization)
        return total + _elementwise(after) + _elementwise(after) + _elementwise(after)


@dataclass(frozen=True, slots=True)
class DepthwiseSeparable(LayerGene):
    """A depthwise convolution, then a pointwise one, each normalized and activated (Howard 2017)."""

    code: ClassVar[str] = "dws"
    filters: int = number("", low=1, width=True)
    kernel: int = number("k", low=1)
    stride: int = number("s", default=1, low=1)
    activation: str = _activation()
    normalization: str = _normalization()

    def check(self) -> None:
        """Same padding needs an odd kernel."""
        _check_odd(self, self.kernel)

    def output(self, shape: Shape) -> Shape:
        """Return the shape after the pointwise convolution."""
        return _strided(shape, self.filters, self.stride)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no longer stride than has an effect."""
        return self.having(stride=min(self.stride, max(shape.height, shape.width)))

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of both convolutions with their normalizations and activations."""
        between = _strided(shape, shape.channels, self.stride)
        after = self.output(shape)
        depthwise = _convolution(1, between, self.kernel, self.normalization) + _elementwise(between)
        return depthwise + _convolution(shape.channels, after, 1, self.normalization) + _elementwise(after)


@dataclass(frozen=True, slots=True)
class Pool(LayerGene):
    """Max or average pooling by `size`, without overlap; an odd rest is cut off.

    A side shorter than the window is pooled as a whole, so a strip can be pooled along its
    length; at 1x1 the gene is inert.
    """

    code: ClassVar[str] = "pool"
    size: int = number("", default=2, low=2)
    kind: str = word("max", "average")

    def window(self, shape: Shape) -> tuple[int, int]:
        """Return the window's height and width."""
        return min(self.size, shape.height), min(self.size, shape.width)

    def canonical(self, shape: Shape) -> Self:
        """Return the gene with no larger window than the image."""
        return self.having(size=min(self.size, max(2, shape.height, shape.width)))

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape after the pool."""
        height, width = self.window(shape)
        if height == width == 1:
            return None
        return Shape(shape.channels, shape.height // height, shape.width // width)

    def counts(self, shape: Shape) -> Counts:
        """Return the counts: nothing but the values written."""
        return _elementwise(self.output(shape) or shape)


@dataclass(frozen=True, slots=True)
class Dropout(LayerGene):
    """Zeroes values at random during training (Srivastava et al. 2014); inert at rate 0."""

    code: ClassVar[str] = "drop"
    rate: float = number("", below=1)

    def output(self, shape: Shape) -> Shape | None:
        """Return the same shape."""
        return shape if self.rate > 0 else None

    def counts(self, shape: Shape) -> Counts:
        """Return the counts: nothing but the values written."""
        return _elementwise(shape)


LAYERS: tuple[type[LayerGene], ...] = (Conv, Residual, DepthwiseSeparable, Pool, Dropout)


def _check_odd(gene: LayerGene, kernel: int) -> None:
    if kernel % 2 == 0:
        message = (
            f"kernel of {type(gene).__name__} must be odd with same padding, but it was {kernel}; "
            f"take {kernel - 1} or {kernel + 1}"
        )
        raise GeneError(message)


def _strided(shape: Shape, channels: int, stride: int) -> Shape:
    return Shape(channels, ceil(shape.height / stride), ceil(shape.width / stride))


def _convolution(fan_in: int, after: Shape, kernel: int, normalization: str) -> Counts:
    """Return the counts of a convolution with its normalization, or with its bias where it has none.

    Args:
        fan_in: Input channels that each filter sees: all of them, or 1 if depthwise.
        after: The shape after it.
        kernel: Side of the kernel.
        normalization: Two parameters a channel if batch; one, the bias, if none.
    """
    weights = fan_in * kernel**2 * after.channels
    normalized = normalization != "none"
    return Counts(
        parameters=weights + after.channels * (2 if normalized else 1),
        flops=2 * weights * after.height * after.width,
        activations=after.size * (2 if normalized else 1),
        operations=2 if normalized else 1,
    )


def _elementwise(after: Shape) -> Counts:
    return Counts(activations=after.size, operations=1)
