"""Images and labels on the device that trains, and batches of them by index."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from evocnn.training.data import ImageSet

CHUNK = 1 << 22  # pixels that are counted at a time
N_VALUES = 256  # of a pixel


@dataclass(frozen=True)
class Images:
    """Images and labels on the device that trains.

    Attributes:
        pixels: uint8, shape `(n, channels, height, width)`; not to be written to.
        labels: int64, shape `(n,)`; likewise.
        mean: Of the training images, per channel, shape `(1, channels, 1, 1)`.
        deviation: Likewise the standard deviation.
    """

    pixels: Tensor
    labels: Tensor
    mean: Tensor
    deviation: Tensor

    @property
    def device(self) -> torch.device:
        """The device that holds the images."""
        return self.labels.device

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return normalized images, float32 and channels-last, and labels.

        Args:
            index: Which images, int64, shape `(b,)`.
        """
        # index_select takes a tenth of the time of pixels[index]
        pixels = self.pixels.index_select(0, index).float().sub_(self.mean).div_(self.deviation)
        return pixels.contiguous(memory_format=torch.channels_last), self.labels.index_select(0, index)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def resident(images: ImageSet, device: torch.device, statistics: Images | None = None) -> Images:
    """Return images on a device; on a CPU they share the memory of the arrays, mapped from a file or not.

    Args:
        images: The images.
        device: Where they go.
        statistics: Images whose mean and deviation normalize these; their own if not given.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # and is not written to
        pixels = torch.from_numpy(images.images).to(device)
        labels = torch.from_numpy(images.labels).to(device)
    if statistics is not None:
        return replace(statistics, pixels=pixels, labels=labels)
    mean, deviation = (
        torch.tensor(figures, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        for figures in channel_statistics(images.images)
    )
    return Images(pixels, labels, mean, deviation.clamp_min(1.0))


def channel_statistics(
    pixels: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each channel, exact whatever the number of images.

    Args:
        pixels: Shape `(n, channels, height, width)`; read a few images at a time.

    Returns:
        Two arrays of shape `(channels,)`.
    """
    n_channels = pixels.shape[1]
    n_images = max(1, CHUNK // pixels[0].size)
    counts = np.zeros((n_channels, N_VALUES), dtype=np.int64)
    for start in range(0, len(pixels), n_images):
        chunk = pixels[start : start + n_images]
        for channel in range(n_channels):
            counts[channel] += np.bincount(chunk[:, channel].ravel(), minlength=N_VALUES)
    values = np.arange(N_VALUES)
    shares = counts / counts.sum(axis=1, keepdims=True)  # (channels, 256)
    mean = shares @ values
    return mean, np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
