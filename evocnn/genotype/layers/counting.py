"""What the parts of layers cost, and the shapes that strides give."""

from math import ceil

from evocnn.genotype.gene import Counts, Shape


def strided(shape: Shape, channels: int, stride: int) -> Shape:
    """Return the shape after a convolution with same padding."""
    return Shape(channels, ceil(shape.height / stride), ceil(shape.width / stride))


def convolution(fan_in: int, after: Shape, kernel: int, normalization: str) -> Counts:
    """Return the counts of a convolution with its normalization, or with its bias where it has none.

    Args:
        fan_in: Input channels that each filter sees: all of them, or 1 if depthwise.
        after: The shape after it.
        kernel: Side of the kernel.
        normalization: Two parameters a channel; one, the bias, if none.
    """
    weights = fan_in * kernel**2 * after.channels
    normalized = normalization != "none"
    return Counts(
        parameters=weights + after.channels * (2 if normalized else 1),
        flops=2 * weights * after.height * after.width,
        activations=after.size * (2 if normalized else 1),
        operations=2 if normalized else 1,
    )


def elementwise(after: Shape) -> Counts:
    """Return the counts of one operation without parameters that writes a shape."""
    return Counts(activations=after.size, operations=1)
