"""Latency: which passes are measured, how, and what is made of them."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from evocnn.training.latency import MIN_PASSES, MIN_SECONDS, N_WARM_UP, measure_latency

IMAGES = torch.zeros(2, 1, 4, 4)


class Watched(nn.Module):
    """Keeps under which circumstances it was called, and fails at one call if asked to."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.calls: list[tuple[tuple[int, ...], int, bool, bool]] = []
        self.fails_at = fails_at

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((tuple(x.shape), torch.get_num_threads(), self.training, torch.is_grad_enabled()))
        if len(self.calls) == self.fails_at:
            raise MemoryError
        return x


class Clock:
    """Tells times at which the passes, and nothing in between, take the given seconds, over and over."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.n_asked = 0

    def __call__(self) -> float:
        if self.n_asked % 2:
            self.now += self.seconds[self.n_asked // 2 % len(self.seconds)]
        self.n_asked += 1
        return self.now


@pytest.fixture
def one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def test_median_and_interquartile_range_of_the_passes() -> None:
    latency = measure_latency(Watched(), IMAGES, 1, clock=Clock(0.1, 0.2, 0.3, 0.4, 9.0))
    assert latency.median == pytest.approx(0.3)
    assert latency.spread == pytest.approx(0.4 - 0.2)


@pytest.mark.parametrize(
    ("seconds", "n_measured"), [(1.0, MIN_PASSES), (MIN_SECONDS / 400, 400), (MIN_SECONDS, MIN_PASSES)]
)
def test_fast_networks_are_measured_for_some_time_and_slow_ones_some_times(
    seconds: float, n_measured: int
) -> None:
    network, clock = Watched(), Clock(seconds)
    measure_latency(network, IMAGES, 1, clock=clock)
    assert clock.n_asked / 2 == pytest.approx(n_measured, abs=1)  # rounding of the sum
    assert len(network.calls) == clock.n_asked / 2 + N_WARM_UP


def test_passes_are_in_eval_mode_without_gradients_on_the_stated_threads(one_thread: None) -> None:
    network = Watched().train()
    measure_latency(network, IMAGES, 2, clock=Clock(1.0))
    assert set(network.calls) == {((2, 1, 4, 4), 2, False, False)}
    assert torch.get_num_threads() == 1


def test_a_network_that_fails_leaves_the_number_of_threads_as_it_was(one_thread: None) -> None:
    with pytest.raises(MemoryError):
        measure_latency(Watched(fails_at=3), IMAGES, 2)
    assert torch.get_num_threads() == 1


def test_what_the_clock_of_the_machine_tells_is_above_nothing() -> None:
    network: Callable[[Tensor], Tensor] = nn.Conv2d(1, 4, 3)
    latency = measure_latency(network, IMAGES, 1)
    assert latency.median > 0
    assert latency.spread >= 0
