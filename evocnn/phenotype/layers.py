"""The torch module of each layer gene.

Every block but the pools ends in `convolution -> pool -> normalization -> activation`, where
`pool` is the pool gene that follows it, or nothing. That is the early order (Jordan 2024,
airbench): normalization and activation then work on a quarter of the values.
"""

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

from torch import Tensor, nn

from evocnn.errors import GeneError
from evocnn.genotype import Conv, DepthwiseSeparable, Dropout, Pool, Residual, Shape


def layer_module(gene: Any, shape: Shape, pool: nn.Module) -> nn.Module:
    """Return the module of a layer gene.

    A gene type outside the package brings a method `module(shape) -> nn.Module`; a pool behind it
    follows in the textbook order.

    Args:
        gene: The gene.
        shape: Channels, height and width of its input.
        pool: The pool that follows, to be computed right after the last convolution; identity if none.

    Raises:
        GeneError: The gene has no module.
    """
    if hasattr(gene, "module"):  # ahead of the genes below, for one derived from them
        return nn.Sequential(gene.module(shape), pool)
    return _module(gene, shape, pool)


@singledispatch
def _module(gene: Any, shape: Shape, pool: nn.Module) -> nn.Module:  # noqa: ARG001 - as those below
    message = (
        f"gene '{gene.name()}' must have a method module(shape) -> nn.Module, but has none; add it "
        "to the class"
    )
    raise GeneError(message)


@_module.register
def _(gene: Conv, shape: Shape, pool: nn.Module) -> nn.Module:
    padding = gene.kernel // 2 if gene.padding == "same" else 0
    convolution = nn.Conv2d(
        shape.channels, gene.filters, gene.kernel, gene.stride, padding, bias=gene.normalization == "none"
    )
    return nn.Sequential(convolution, pool, _normalization(gene), _activation(gene))


@_module.register
def _(gene: Residual, shape: Shape, pool: nn.Module) -> nn.Module:
    return ResidualBlock(gene, shape, pool)


@_module.register
def _(gene: DepthwiseSeparable, shape: Shape, pool: nn.Module) -> nn.Module:
    channels, bias = shape.channels, gene.normalization == "none"
    padding = gene.kernel // 2
    return nn.Sequential(
        nn.Conv2d(channels, channels, gene.kernel, gene.stride, padding, groups=channels, bias=bias),
        _normalization(gene, channels),
        _activation(gene),
        nn.Conv2d(channels, gene.filters, 1, bias=bias),
        pool,
        _normalization(gene),
        _activation(gene),
    )


@_module.register
def _(gene: Pool, shape: Shape, pool: nn.Module) -> nn.Module:
    window = gene.window(shape)
    own = nn.MaxPool2d(window) if gene.kind == "max" else nn.AvgPool2d(window)
    return nn.Sequential(own, pool)


@_module.register
def _(gene: Dropout, shape: Shape, pool: nn.Module) -> nn.Module:  # noqa: ARG001 - any shape will do
    return nn.Sequential(nn.Dropout(gene.rate), pool)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, added; a pool is applied to both summands.

    Args:
        gene: The residual gene.
        shape: Channels, height and width of the input.
        pool: The pool that follows the block; identity if none.
    """

    def __init__(self, gene: Residual, shape: Shape, pool: nn.Module) -> None:
        super().__init__()
        bias = gene.normalization == "none"
        padding = gene.kernel // 2
        self.body = nn.Sequential(
            nn.Conv2d(shape.channels, gene.filters, gene.kernel, gene.stride, padding, bias=bias),
            _normalization(gene),
            _activation(gene),
            nn.Conv2d(gene.filters, gene.filters, gene.kernel, 1, padding, bias=bias),
            pool,
            _normalization(gene),
        )
        self.shortcut: nn.Module = pool
        if gene.projects(shape):
            projection = nn.Conv2d(shape.channels, gene.filters, 1, gene.stride, bias=bias)
            self.shortcut = nn.Sequential(projection, pool, _normalization(gene))
        self.activation = _activation(gene)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, `(n, filters, h', w')`, for `(n, c, h, w)`."""
        result: Tensor = self.activation(self.body(x) + self.shortcut(x))
        return result


def _normalization(gene: Conv | Residual | DepthwiseSeparable, channels: int | None = None) -> nn.Module:
    if gene.normalization == "none":
        return nn.Identity()
    return nn.BatchNorm2d(gene.filters if channels is None else channels)


def _activation(gene: Conv | Residual | DepthwiseSeparable) -> nn.Module:
    return _ACTIVATIONS[gene.activation]()


_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.01, inplace=True),
    "tanh": nn.Tanh,
}
