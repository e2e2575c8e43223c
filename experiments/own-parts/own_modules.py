"""The torch module of the gene in `own_parts.py`."""

import torch
from torch import nn


class ChannelGate(nn.Module):
    """Multiplies each channel by a number between 0 and 1.

    Args:
        channels: Channels of the input.
        units: Units between the two dense layers.
    """

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, units), nn.ReLU(), nn.Linear(units, channels), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input `(n, c, h, w)`, weighed channel by channel."""
        return x * self.gate(x.mean(dim=(2, 3)))[:, :, None, None]  # (n, c, 1, 1)
