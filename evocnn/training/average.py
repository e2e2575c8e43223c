"""The exponential moving average of a network's weights."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """A second network whose weights and batch statistics are those of the first, averaged over the steps.

    The first steps are averaged over a shorter time, or the initial weights would stay in: the decay
    is `(1 + n) / (10 + n)` after n steps where that is less (the rule of TensorFlow's
    `ExponentialMovingAverage` with `num_updates`).

    Args:
        network: The network that is trained.
        decay: What is left of the average in a step, in (0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network)
        self.decay = decay
        self.n_steps = 0
        self._averages = list(_values(self.network))
        self._values = list(_values(network))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the network's weights as they are now."""
        self.n_steps += 1
        decay = min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        torch._foreach_lerp_(self._averages, self._values, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return the averages and how many steps they are of."""
        return {"network": self.network.state_dict(), "n_steps": self.n_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self.n_steps = state["n_steps"]


def _values(network: nn.Module) -> Iterator[Tensor]:
    """Return what is averaged: all but whole numbers."""
    yield from network.parameters()
    yield from (buffer for buffer in network.buffers() if buffer.is_floating_point())
