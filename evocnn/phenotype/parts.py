"""What blocks are made of: normalized convolutions, sums, squeeze-and-excitation, dropped paths, links."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from math import gcd
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

MOST_GROUPS = 8  # of a group normalization; with fewer than 4 channels each, they would hold too little


class Style(Protocol):
    """A gene's normalization and activation."""

    @property
    def activation(self) -> str:
        """Name of the activation function."""
        ...

    @property
    def normalization(self) -> str:
        """Name of the normalization."""
        ...


def convolution_unit(
    style: Style,
    fan_in: int,
    fan_out: int,
    kernel: int = 1,
    stride: int = 1,
    *,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    early: nn.Module | None = None,
    late: nn.Module | None = None,
    is_active: bool = True,
) -> nn.Sequential:
    """Return convolution, early pool, normalization, late pool and activation, as far as there are such.

    Args:
        style: The gene.
        fan_in: Channels before.
        fan_out: Channels after.
        kernel: Side of the kernel.
        stride: Stride.
        padding: Zeros on each side; as many as keep the size if not given.
        dilation: Distance of the kernel's values.
        groups: Groups of channels.
        early: The pool that follows the gene, computed right after the convolution.
        late: The pool that follows the gene, computed right ahead of the activation.
        is_active: Whether the activation is applied.
    """
    padding = dilation * (kernel // 2) if padding is None else padding
    bias = style.normalization == "none"
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    parts: dict[str, nn.Module] = {"convolution": convolution(fan_in, fan_out, kernel, bias=bias, **geometry)}
    if early is not None:
        parts["pool"] = early
    if not bias:
        parts["normalization"] = normalization(style.normalization, fan_out)
    if late is not None:
        parts["pool"] = late
    if is_active:
        parts["activation"] = activation(style.activation)
    return nn.Sequential(OrderedDict(parts))


def convolution(
    fan_in: int,
    fan_out: int,
    kernel: int,
    *,
    bias: bool,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """Return a convolution; the arguments are torch's."""
    is_pointwise = kernel == 1 and padding == 0 and (stride > 1 or fan_in == 1)
    kind = Pointwise if is_pointwise else nn.Conv2d
    return kind(fan_in, fan_out, kernel, stride, padding, dilation, groups, bias=bias)


def normalization(name: str, channels: int) -> nn.Module:
    """Return a normalization of channels: `batch`, `group` or `none`."""
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "group":
        n_groups = gcd(MOST_GROUPS, channels)
        while n_groups > 1 and channels // n_groups < MOST_GROUPS // 2:
            n_groups //= 2
        return GroupNormalization(n_groups, channels)
    return nn.Identity()


def activation(name: str, *, inplace: bool = True) -> nn.Module:
    """Return an activation function, in place where it can be and nothing else reads its input."""
    return _ACTIVATIONS[name](inplace)


def late_pooled(pool: nn.Module | None, name: str) -> nn.Module:
    """Return an activation function behind a pool, if there is one."""
    return activation(name) if pool is None else nn.Sequential(pool, activation(name))


class Pointwise(nn.Conv2d):
    """A 1x1 convolution that has a stride or reads one channel, without two flaws of torch's on a CPU.

    Every `stride`-th row and column is taken first: with torch 2.13 the gradient of the weights of
    torch's own strided 1x1 convolution of 2 to 7 channels, channels last, is written beyond its memory,
    and the process crashes. And where weights read one channel each, the layer is told that it reads
    channels-last: torch takes one channel, and some slices, for channels-first, where the weights do not
    tell, and all that follows too, which then takes up to 1.4 times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c', ceil(h / stride), ceil(w / stride))` for `(n, c, h, w)`."""
        down, across = self.stride
        if self.stride != (1, 1):  # permuted, so that the gradient is channels-last, too
            x = x.permute(0, 2, 3, 1)[:, ::down, ::across].permute(0, 3, 1, 2)
        if self.weight.shape[1] == 1:
            x = x.to(memory_format=torch.channels_last)
        return functional.conv2d(x, self.weight, self.bias, groups=self.groups)


class GroupNormalization(nn.GroupNorm):
    """Group normalization (Wu and He 2018) that also takes one image of one value, as torch's refuses to."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c, h, w)` of the same shape."""
        if torch.is_grad_enabled() and not x.requires_grad:
            # With torch 2.13 on a CPU, the gradient of channels-last images that need none themselves
            # reads memory that is not there: the process crashes.
            x = x.to(memory_format=torch.contiguous_format)
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class Sum(nn.Module):
    """A residual branch and a shortcut, added.

    Args:
        branch: The residual branch.
        shortcut: What the input passes instead; identity if None.
        drop_path: Rate at which training drops the branch.
        after: What the sum passes, such as an activation; nothing if None.
    """

    def __init__(
        self, branch: nn.Module, shortcut: nn.Module | None, drop_path: float, after: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.after = nn.Identity() if after is None else after

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum, `(n, c', h', w')`, for `(n, c, h, w)`."""
        result: Tensor = self.after(self.drop_path(self.branch(x)) + self.shortcut(x))
        return result


class DropPath(nn.Module):
    """Zeroes whole images at a rate in training and scales the others up (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c, h, w)` of the same shape."""
        if not self.training:
            return x
        kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.rate  # (n, 1, 1, 1)
        return x * (kept / (1 - self.rate))


class ChannelMeans(nn.Module):
    """The mean of each channel.

    With torch 2.13 on a CPU, the gradient of torch's own global pooling is channels-first, and the
    operation that takes it next takes 5 to 12 times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c)` for `(n, c, h, w)`."""
        return x.permute(0, 2, 3, 1).flatten(1, 2).mean(dim=1)


class Flatten(nn.Flatten):
    """An image's values in a row, channel by channel; the gradient is channels-last, as of `ChannelMeans`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c * h * w)` for `(n, c, h, w)`."""
        if x.requires_grad:
            x.register_hook(partial(Tensor.contiguous, memory_format=torch.channels_last))
        return super().forward(x)


class SqueezeExcitation(nn.Module):
    """Scales each channel by a function of all channels' means (Hu et al. 2018, figure 2)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.mean = ChannelMeans()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c, h, w)` of the same shape."""
        mean = self.mean(x)[..., None, None]  # (n, c, 1, 1)
        return x * self.excite(self.squeeze(mean).relu()).sigmoid()


def concatenated(first: Tensor, second: Tensor) -> Tensor:
    """Return the channels of both; channels-last where one is a single channel, too, see `Pointwise`."""
    return torch.cat([x.to(memory_format=torch.channels_last) for x in (first, second)], dim=1)


class DenseConcatenation(nn.Module):
    """The input's channels, and what a layer makes of them behind."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c + growth, h, w)` for `(n, c, h, w)`."""
        return concatenated(x, self.layer(x))


class Join(nn.Module):
    """What arrives, and a skip from further back, added or concatenated.

    Args:
        size: Height and width of what arrives.
        merge: `add` or `concat`.
        projection: What the skip passes to be added; identity if None.
        drop_path: Rate at which training drops what arrives.
    """

    def __init__(
        self, size: tuple[int, int], merge: str, projection: nn.Module | None, drop_path: float
    ) -> None:
        super().__init__()
        self.size = size
        self.is_sum = merge == "add"
        self.projection = nn.Identity() if projection is None else projection
        self.drop_path = DropPath(drop_path) if drop_path > 0 and self.is_sum else nn.Identity()

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """Return the sum or the concatenation, for `(n, c, h, w)` and `(n, c', h', w')`."""
        if source.shape[2:] != self.size:
            source = functional.adaptive_avg_pool2d(source, self.size)
        if self.is_sum:
            result: Tensor = self.drop_path(x) + self.projection(source)
            return result
        return concatenated(x, source)


_ACTIVATIONS: dict[str, Callable[[bool], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": lambda _: nn.GELU(),
    "silu": lambda _: nn.SiLU(),  # its gradient needs what it reads: in place it would copy that first
    "leaky_relu": partial(nn.LeakyReLU, 0.01),
    "tanh": lambda _: nn.Tanh(),
}
