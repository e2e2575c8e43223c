"""The widths of a network whose channels were pruned: what its chromosome no longer tells."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

Widths = Mapping[str, Sequence[int]]  # of each module by its name, in the order of `ATTRIBUTES`

ATTRIBUTES: Mapping[type[nn.Module], tuple[str, ...]] = {
    nn.Conv2d: ("out_channels", "in_channels", "groups"),
    nn.Linear: ("out_features", "in_features"),
    nn.BatchNorm2d: ("num_features",),
    nn.GroupNorm: ("num_channels", "num_groups"),
}


def widths_of(network: nn.Module) -> dict[str, list[int]]:
    """Return the widths of a network's modules."""
    return {
        name: [int(getattr(module, attribute)) for attribute in attributes]
        for name, module in network.named_modules()
        if (attributes := _attributes(module))
    }


def set_widths(network: nn.Module, widths: Widths) -> None:
    """Give the modules of a network other widths; the values of their weights are lost.

    Args:
        network: Changed in place.
        widths: What `widths_of` returned of a network of the same chromosome.
    """
    for name, values in widths.items():
        module = network.get_submodule(name)
        for attribute, value in zip(_attributes(module), values, strict=True):
            setattr(module, attribute, value)
        for own, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if tensor.ndim:
                setattr(module, own, _like(tensor, values))


def _attributes(module: nn.Module) -> tuple[str, ...]:
    return next((names for kind, names in ATTRIBUTES.items() if isinstance(module, kind)), ())


def _like(tensor: torch.Tensor, values: Sequence[int]) -> Any:
    """Return a tensor of zeros with the shape that the widths give one; frozen if it is."""
    shape = [values[0], *tensor.shape[1:]]
    if tensor.ndim > 1:
        shape[1] = values[1] // (values[2] if len(values) > 2 else 1)
    zeros = torch.zeros(shape, dtype=tensor.dtype)
    return nn.Parameter(zeros, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else zeros
