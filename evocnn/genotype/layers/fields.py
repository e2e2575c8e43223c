"""Fields that several layer genes share, and their rules."""

from typing import Any

from evocnn.errors import GeneError
from evocnn.genotype.gene import LayerGene, number, word

ACTIVATIONS = ("relu", "gelu", "silu", "leaky_relu", "tanh")
NORMALIZATIONS = ("batch", "group", "none")


def activation() -> Any:
    """Declare the activation function."""
    return word(*ACTIVATIONS)


def normalization() -> Any:
    """Declare the normalization; without any, convolutions have biases."""
    return word(*NORMALIZATIONS, prefix=" norm=")


def drop_path() -> Any:
    """Declare the rate at which training skips a residual branch, per image (Huang et al. 2016)."""
    return number(default=0.0, below=1)


def check_odd(gene: LayerGene, kernel: int) -> None:
    """Raise GeneError where a kernel that is padded to keep the size is even."""
    if kernel % 2 == 0:
        message = (
            f"kernel of {type(gene).__name__} must be odd with same padding, but it was {kernel}; "
            f"take {kernel - 1} or {kernel + 1}"
        )
        raise GeneError(message)
