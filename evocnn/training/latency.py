"""Latency: the seconds that a network takes for a batch, measured alone on its worker."""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

N_WARM_UP = 5  # passes ahead of the measured ones: memory is allocated, kernels are chosen
MIN_PASSES = 25
MIN_SECONDS = 0.2  # of measured passes, so that fast networks are measured often


class Latency(NamedTuple):
    """What several passes took.

    Attributes:
        median: Seconds of a pass; passes that a neighbour held up do not move it.
        spread: Interquartile range of the passes' seconds.
    """

    median: float
    spread: float


@torch.inference_mode()
def measure_latency(
    network: nn.Module, images: Tensor, n_threads: int, clock: Callable[[], float] = perf_counter
) -> Latency:
    """Return how long a network takes for a batch in eval mode, in float32 on every device.

    What other lanes of this process have put to the device is waited for first, and they put
    nothing there before this returns.

    Args:
        network: On the device of the images.
        images: The batch, `(b, channels, height, width)`.
        n_threads: Threads of the CPU that compute it.
        clock: Tells the time in seconds.
    """
    network.eval()
    seconds: list[float] = []
    n_threads_before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for _ in range(N_WARM_UP):
            network(images)
        while len(seconds) < MIN_PASSES or sum(seconds) < MIN_SECONDS:
            _wait_for(images.device)
            start = clock()
            network(images)
            _wait_for(images.device)
            seconds.append(clock() - start)
    finally:
        torch.set_num_threads(n_threads_before)
    first, median, third = np.quantile(seconds, (0.25, 0.5, 0.75))
    return Latency(float(median), float(third - first))


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":  # pragma: no cover - GPU branch
        torch.cuda.synchronize(device)
