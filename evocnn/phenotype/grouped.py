"""Networks of one architecture as a single network: their channels side by side, every layer in groups.

A small network keeps a machine busy with calling operations, not with computing; together, several
take one call where they would take one each.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from evocnn.phenotype.build import Network
from evocnn.phenotype.parts import (
    ChannelMeans,
    DenseConcatenation,
    DropPath,
    Flatten,
    GroupNormalization,
    Join,
    Pointwise,
    SqueezeExcitation,
    Sum,
)


def is_groupable(network: nn.Module) -> bool:
    """Return whether networks such as this can be grouped: not those with modules of a user's own."""
    return all(type(module) in _UNCHANGED or type(module) in _CHANGED for module in network.modules())


def grouped(networks: Sequence[nn.Module]) -> nn.Module:
    """Return one network that computes several of the same architecture.

    Every weight and every batch statistic of it is those of the networks, one after the other along
    the first dimension, and theirs become views of it: what trains it trains them.

    Args:
        networks: Of one architecture that `is_groupable`, in channels-last layout on one device.

    Returns:
        A network from images `(n, networks * channels, height, width)` to class scores
        `(n, networks, n_classes)`.
    """
    group = _grouped(networks[0], len(networks))
    states = [network.state_dict() for network in networks]
    values = {name: [state[name] for state in states] for name in states[0]}
    group.load_state_dict({name: torch.cat(own) if own[0].ndim else own[0] for name, own in values.items()})
    group = group.to(next(networks[0].parameters()).device, memory_format=torch.channels_last)
    for number, network in enumerate(networks):
        share(group, network, number, len(networks))
    return group


def share(group: nn.Module, network: nn.Module, number: int, n: int) -> None:
    """Make a network's weights and batch statistics views of its part of a group.

    Args:
        group: What `grouped` returned, or a copy of it.
        network: A network of the group's architecture.
        number: Which one of the group it is, from 0.
        n: Networks in the group.
    """
    whole = dict(group.state_dict(keep_vars=True))
    for name, value in network.state_dict(keep_vars=True).items():
        if value.ndim:  # all but the counters of batches, which nothing reads
            value.data = whole[name].data.chunk(n)[number]


class GroupedLinear(nn.Module):
    """Linear layers side by side, a product of matrices each.

    Args:
        fan_in: Values that each reads.
        fan_out: Values that each gives.
        n: How many there are.
    """

    def __init__(self, fan_in: int, fan_out: int, n: int) -> None:
        super().__init__()
        self.n = n
        self.weight = nn.Parameter(torch.empty(n * fan_out, fan_in))
        self.bias = nn.Parameter(torch.empty(n * fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, networks, out)` for `(n, networks, in)`."""
        weight, bias = self.weight.unflatten(0, (self.n, -1)), self.bias.view(self.n, 1, -1)
        return torch.baddbmm(bias, x.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)


class GroupedDropPath(nn.Module):
    """Zeroes whole images of one of the networks; see `DropPath`."""

    def __init__(self, rate: float, n: int) -> None:
        super().__init__()
        self.rate = rate
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, networks * c, h, w)` of the same shape."""
        if not self.training:
            return x
        kept = torch.rand(len(x), self.n, device=x.device) >= self.rate  # (n, networks)
        scale = (kept / (1 - self.rate)).repeat_interleave(x.shape[1] // self.n, dim=1)
        return x * scale[:, :, None, None]


class GroupedDenseConcatenation(nn.Module):
    """Each network's channels, and what its layer makes of them behind; see `DenseConcatenation`."""

    def __init__(self, layer: nn.Module, n: int) -> None:
        super().__init__()
        self.layer = layer
        self.n = n

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, networks * (c + growth), h, w)` for `(n, networks * c, h, w)`."""
        return _concatenated(x, self.layer(x), self.n)


class GroupedConcatenatingJoin(nn.Module):
    """Each network's channels and those of its skip; see `Join`."""

    def __init__(self, size: tuple[int, int], n: int) -> None:
        super().__init__()
        self.size = size
        self.n = n

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """Return the concatenation for `(n, networks * c, h, w)` and `(n, networks * c', h', w')`."""
        if source.shape[2:] != self.size:
            source = nn.functional.adaptive_avg_pool2d(source, self.size)
        return _concatenated(x, source, self.n)


def _concatenated(first: Tensor, second: Tensor, n: int) -> Tensor:
    """Return the channels of each network behind each other, channels last."""
    parts = [x.permute(0, 2, 3, 1).unflatten(3, (n, -1)) for x in (first, second)]  # (b, h, w, networks, c)
    return torch.cat(parts, dim=4).flatten(3).permute(0, 3, 1, 2)


def _grouped(module: nn.Module, n: int) -> nn.Module:
    """Return the module that computes `n` of a kind, whose values are not theirs yet."""
    change = _CHANGED.get(type(module), _with_grouped_parts)
    return change(module, n)


def _with_grouped_parts(module: nn.Module, n: int) -> nn.Module:
    """Return a copy of a module all of whose parts are grouped."""
    group = deepcopy(module)
    for name, part in module.named_children():
        group.register_module(name, _grouped(part, n))
    return group


def _convolution(module: nn.Conv2d, n: int) -> nn.Conv2d:
    return type(module)(
        n * module.in_channels,
        n * module.out_channels,
        module.kernel_size,
        module.stride,
        module.padding,
        module.dilation,
        n * module.groups,
        bias=module.bias is not None,
    )


def _flatten(module: nn.Flatten, n: int) -> nn.Module:
    return nn.Sequential(module, nn.Unflatten(1, (n, -1)))


def _join(module: Join, n: int) -> nn.Module:
    return _with_grouped_parts(module, n) if module.is_sum else GroupedConcatenatingJoin(module.size, n)


_UNCHANGED: frozenset[type[nn.Module]] = frozenset(
    {
        *(Network, nn.Sequential, nn.ModuleList, nn.Identity, nn.Dropout, Sum, SqueezeExcitation),
        *(nn.ReLU, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.Tanh, nn.MaxPool2d, nn.AvgPool2d, ChannelMeans),
    }
)  # they treat every channel alike, or are made of others
_CHANGED: dict[type[nn.Module], Callable[[Any, int], nn.Module]] = {
    nn.Conv2d: _convolution,
    Pointwise: _convolution,
    nn.BatchNorm2d: lambda module, n: nn.BatchNorm2d(n * module.num_features),
    GroupNormalization: lambda module, n: GroupNormalization(n * module.num_groups, n * module.num_channels),
    nn.Linear: lambda module, n: GroupedLinear(module.in_features, module.out_features, n),
    nn.Flatten: _flatten,
    Flatten: _flatten,
    DropPath: lambda module, n: GroupedDropPath(module.rate, n),
    DenseConcatenation: lambda module, n: GroupedDenseConcatenation(_grouped(module.layer, n), n),
    Join: _join,
}
