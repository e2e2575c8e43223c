"""Initialization: the spread that each method's paper states; biases at 0; torch's own untouched."""

from math import sqrt

import pytest
import torch
from torch import nn

from evocnn.training.initialization import initialize


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(300, 200))


@pytest.mark.parametrize(
    ("name", "convolution", "linear"),
    [
        ("he", sqrt(2 / (32 * 9)), sqrt(2 / 300)),
        ("xavier", sqrt(2 / (32 * 9 + 64 * 9)), sqrt(2 / 500)),
    ],
)
def test_weights_have_the_published_spread(name: str, convolution: float, linear: float) -> None:
    """18,432 and 60,000 draws: 5 % is more than six standard errors."""
    network = _network()
    initialize(network, name)
    assert float(network[0].weight.detach().std()) == pytest.approx(convolution, rel=0.05)
    assert float(network[3].weight.detach().std()) == pytest.approx(linear, rel=0.05)


def test_orthogonal_weights_are_orthogonal() -> None:
    """Rows of the flattened kernel have length 1 and no product with each other."""
    network = _network()
    initialize(network, "orthogonal")
    rows = network[0].weight.flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(64), atol=1e-5)


@pytest.mark.parametrize("name", ["he", "xavier", "orthogonal"])
def test_biases_are_zero_and_normalizations_stay(name: str) -> None:
    """Only weights are drawn."""
    network = _network()
    initialize(network, name)
    assert not network[0].bias.any()
    assert not network[3].bias.any()
    assert bool((network[1].weight == 1).all())


def test_torchs_own_weights_stay() -> None:
    """The default touches nothing."""
    network, other = _network(), _network()
    initialize(network, "torch")
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
