"""The average of the weights: its decay, its beginning, and what is averaged."""

import pytest
import torch
from torch import nn

from evocnn.training.average import Average


def network_of(value: float) -> nn.Module:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    fill(network, value)
    return network


def fill(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.fill_(value)


def floats(network: nn.Module) -> list[float]:
    """Return the values of parameters and batch statistics."""
    tensors = (*network.parameters(), *network.buffers())
    return [float(tensor.detach()) for tensor in tensors if tensor.is_floating_point()]


def test_an_average_starts_as_a_copy_and_leaves_the_network_alone() -> None:
    network = network_of(3.0)
    average = Average(network, 0.9)
    assert floats(average.network) == [3.0] * 6
    fill(network, 5.0)
    average.update()
    assert floats(network) == [5.0] * 6


@pytest.mark.parametrize("decay", [0.1, 0.25, 0.9])
def test_weights_and_batch_statistics_are_averaged_by_the_rule(decay: float) -> None:
    """The rule of the docstring, computed with plain numbers."""
    network, expected = network_of(0.0), 0.0
    average = Average(network, decay)
    for n in range(1, 40):
        fill(network, float(n * n % 7))
        average.update()
        used = min(decay, (1 + n) / (10 + n))
        expected = used * expected + (1 - used) * (n * n % 7)
        assert floats(average.network) == pytest.approx([expected] * 6)


def test_after_a_few_steps_little_is_left_of_the_initial_weights() -> None:
    network = network_of(1.0)
    average = Average(network, 0.999)
    fill(network, 0.0)
    for _ in range(20):
        average.update()
    assert max(floats(average.network)) < 0.001  # 0.98 without the short memory of the beginning


def test_an_average_that_goes_on_equals_one_that_never_stopped() -> None:
    network = network_of(1.0)
    whole = Average(network, 0.9)
    fill(network, 2.0)
    whole.update()
    resumed = Average(network, 0.9)  # a copy of the network as it is, until the state is put in
    resumed.load_state_dict(whole.state_dict())
    fill(network, 3.0)
    whole.update()
    resumed.update()
    assert floats(resumed.network) == floats(whole.network)
