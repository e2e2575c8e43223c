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


def time_passes(work: Callable[[], object], clock: Callable[[], float] = perf_counter) -> Latency:
    """Return how long a piece of work takes once it is warm.

    Args:
        work: Returns when it is done.
        clock: Tells the time in seconds.
    """
    for _ in range(N_WARM_UP):
        work()
    seconds: list[float] = []
    while len(seconds) < MIN_PASSES or sum(seconds) < MIN_SECONDS:
        start = clock()
        work()
        seconds.append(clock() - start)
    first, median, third = np.quantile(seconds, (0.25, 0.5, 0.75))
    return Latency(float(median), float(third - first))


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

    def work() -> None:
        network(images)
        if images.device.type == "cuda":  # pragma: no cover - GPU branch
            torch.cuda.synchronize(images.device)

    network.eval()
    n_threads_before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        return time_passes(work, clock)
    finally:
        torch.set_num_threads(n_threads_before)
