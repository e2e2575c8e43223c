"""Structured pruning: the least important channels of every layer are taken out of a network.

`torch_pruning` finds which channels belong together, as those of two layers that are added, and says how
important they are. It reads that off a plain copy of the network, made of torch's own layers alone, with
the head as convolutions: what lies between a concatenation and a flattening it cannot follow.
"""

from collections.abc import Sequence
from copy import deepcopy
from math import lcm
from typing import Any, NamedTuple

import torch
import torch_pruning
from torch import Tensor, nn

from evocnn.deploy.widths import set_widths, widths_of
from evocnn.errors import ExperimentError, GeneError
from evocnn.phenotype.parts import ChannelMeans, Pointwise

MULTIPLE = 8  # of channels, as far as more are kept: so many are computed at once, others take longer
N_SHARES = 256  # that are told apart of the channels of a layer
_IMPORTANCE = torch_pruning.importance.GroupMagnitudeImportance(p=2)


class Narrowed(NamedTuple):
    """A network that has lost channels.

    Attributes:
        network: The network; its weights are those of the channels that are left.
        n_parameters: Of it.
    """

    network: nn.Module
    n_parameters: int


def prune_channels(network: nn.Module, shape: Sequence[int], sparsity: float) -> nn.Module:
    """Return a network without its least important channels.

    Every layer loses the same share of its channels: the smallest share with which the network loses the
    share of its parameters that is asked for. At least one channel is left; classes are not touched. A
    channel's importance is the norm of its weights in all layers that hold it (Li et al. 2017, "Pruning
    Filters for Efficient ConvNets"; Fang et al. 2023, "DepGraph").

    Args:
        network: As `evocnn.phenotype.build` returns it; left as it is.
        shape: Channels, height and width of an image.
        sparsity: Share of the parameters that go, in (0, 1).

    Raises:
        ExperimentError: So many cannot go.
        GeneError: It has a gene whose channels cannot be followed.
    """
    n_before = n_parameters_of(network)
    low, high = 0, N_SHARES  # 0 is too little
    found = narrowed(network, shape, 1.0)
    if found.n_parameters > (1 - sparsity) * n_before:
        most = 1 - found.n_parameters / n_before
        message = (
            f"a sparsity must be at most {most:.2f}, where one channel a layer is left of this network, but "
            f"it was {sparsity:g}; ask for less, or prune weights instead"
        )
        raise ExperimentError(message)
    while high - low > 1:
        middle = (low + high) // 2
        tried = narrowed(network, shape, middle / N_SHARES)
        if tried.n_parameters <= (1 - sparsity) * n_before:
            high, found = middle, tried
        else:
            low = middle
    return found.network


def n_parameters_of(network: nn.Module) -> int:
    """Return how many parameters a network has."""
    return sum(parameter.numel() for parameter in network.parameters())


def narrowed(
    network: nn.Module, shape: Sequence[int], share: float, importance: Any = _IMPORTANCE
) -> Narrowed:
    """Return a network whose layers have lost a share of their channels, all but one at most.

    Args:
        network: As `evocnn.phenotype.build` returns it; left as it is.
        shape: Channels, height and width of an image.
        share: Of the channels of each layer, in [0, 1]; above 8, a multiple of 8 is kept.
        importance: Of the channels of a group of `torch_pruning`.

    Raises:
        GeneError: It has a gene whose channels cannot be followed.
    """
    result = deepcopy(network)
    try:
        plain = _Plain(network, shape)
        images = torch.zeros((2, *shape))
        graph = torch_pruning.DependencyGraph().build_dependency(plain, images)
        for group in graph.get_all_groups(ignored_layers=[plain.images, plain.network.head[-1]]):
            _prune(group, share, importance)
        state = plain.network.state_dict()
        widths = widths_of(plain.network)
        for name, module in result.named_modules():
            if isinstance(module, nn.Linear):  # a convolution in the plain copy
                weight = state[f"{name}.weight"].flatten(1)
                state[f"{name}.weight"], widths[name] = weight, [*weight.shape]
        set_widths(result, widths)
        result.load_state_dict(state)
        with torch.no_grad():
            result.eval()(images)
    except Exception as error:  # torch_pruning and torch raise many kinds
        message = (
            f"a network to prune by channels must be one that torch_pruning can follow, but: {error}; change "
            "the module of a gene of your own, or prune weights instead"
        )
        raise GeneError(message) from error
    return Narrowed(result, n_parameters_of(result))


class _Plain(nn.Module):
    """A copy of a network for `torch_pruning`, of layers that it can follow; their names are the same.

    Args:
        network: The network.
        shape: Channels, height and width of an image.

    Attributes:
        images: Hands the images on as they are, so that what reads them besides a layer is seen.
        network: The copy; its linear layers are convolutions.
    """

    def __init__(self, network: nn.Module, shape: Sequence[int]) -> None:
        super().__init__()
        self.images = nn.Conv2d(shape[0], shape[0], 1)
        self.network = deepcopy(network).eval()
        sizes: list[tuple[int, ...]] = []
        hook = self.network.head.register_forward_pre_hook(
            lambda _, features: sizes.append(tuple(features[0].shape[1:]))
        )
        self.network(torch.zeros((2, *shape)))
        hook.remove()
        self.network.head = _convolutional(self.network.head, sizes[0])
        for module in self.network.modules():
            if isinstance(module, Pointwise):
                module.__class__ = nn.Conv2d

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores, `(n, n_classes, 1, 1)`, of images `(n, channels, height, width)`."""
        scores: Tensor = self.network(self.images(images))
        return scores


def _convolutional(head: nn.Sequential, features: tuple[int, ...]) -> nn.Sequential:
    """Return a head whose linear layers are convolutions: the first over the features, the others 1x1."""
    parts: list[nn.Module] = []
    size = features[1:]
    for module in head:
        if isinstance(module, ChannelMeans):
            parts.append(nn.AdaptiveAvgPool2d(1))
            size = (1, 1)
        elif isinstance(module, nn.Flatten):
            parts.append(nn.Identity())
        elif isinstance(module, nn.Linear):
            channels = module.in_features // (size[0] * size[1])
            convolution = nn.Conv2d(channels, module.out_features, size)
            weight = module.weight.detach().view(convolution.weight.shape)
            convolution.load_state_dict({"weight": weight, "bias": module.bias})
            parts.append(convolution)
            size = (1, 1)
        else:
            parts.append(module)
    return nn.Sequential(*parts)


def _prune(group: Any, share: float, importance: Any) -> None:
    """Take the least important channels of a group out of all layers that hold them."""
    n_channels = len(group[0].idxs)
    n_groups = 1  # that must keep the same channels each
    for item in group:
        own = _n_groups(item.dep.target.module)
        if own > 1 and len(item.idxs) != _n_channels(item.dep):
            return  # some of the channels that a layer treats in groups
        n_groups = lcm(n_groups, own)
    n_own = n_channels // n_groups
    if n_channels % n_groups or n_own < 1:
        return
    scores: Tensor = importance(group).view(n_groups, n_own).mean(dim=0)
    # A layer that holds some of the channels keeps its best one.
    best = {max((index % n_own for index in item.root_idxs), key=scores.__getitem__) for item in group}
    n_kept = n_own - int(share * n_own)
    if n_groups == 1 and n_kept > MULTIPLE:
        n_kept = min(n_own, round(n_kept / MULTIPLE) * MULTIPLE)
    worst_first = [index for index in scores.argsort(stable=True).tolist() if index not in best]
    lost = worst_first[: n_own - n_kept]
    if lost:
        group.prune([index + number * n_own for number in range(n_groups) for index in lost])


def _n_groups(module: Any) -> int:
    """Return how many groups of channels a layer treats apart; 1 where it treats each apart."""
    if isinstance(module, nn.GroupNorm):
        return int(module.num_groups)
    if isinstance(module, nn.Conv2d) and not module.groups == module.in_channels == module.out_channels:
        return int(module.groups)
    return 1


def _n_channels(dependency: Any) -> int:
    """Return how many channels a layer with groups has on the side that a dependency prunes."""
    module = dependency.target.module
    if isinstance(module, nn.GroupNorm):
        return int(module.num_channels)
    is_output = dependency.handler == torch_pruning.prune_conv_out_channels
    return int(module.out_channels if is_output else module.in_channels)
