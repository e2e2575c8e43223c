from math import cos, pi

import pytest
import torch
from torch import nn

from evocnn.genotype import Recipe
from evocnn.training.optimizer import learning_rate_share, optimizer_of


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))


def test_the_learning_rate_rises_in_a_line_and_falls_as_half_a_cosine() -> None:
    shares = [learning_rate_share(step, 100, 0.2) for step in range(100)]
    assert shares[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert shares[20] == 1.0  # the peak, once
    assert shares[20:] == pytest.approx([(1 + cos(pi * k / 80)) / 2 for k in range(80)])
    assert shares[60] == pytest.approx(0.5)  # half-way down
    assert 0 < shares[99] < 0.001
    assert learning_rate_share(100, 100, 0.2) == pytest.approx(0.0, abs=1e-15)


def test_without_a_rise_it_starts_at_the_peak() -> None:
    assert learning_rate_share(0, 10, 0.0) == 1.0
    assert learning_rate_share(5, 10, 0.0) == pytest.approx(0.5)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("n_steps", [1, 2, 7, 1000])
def test_every_step_of_any_training_learns(n_steps: int, warmup: float) -> None:
    shares = [learning_rate_share(step, n_steps, warmup) for step in range(n_steps)]
    assert all(0 < share <= 1 for share in shares)
    peak = shares.index(max(shares))
    assert shares[: peak + 1] == sorted(shares[: peak + 1])
    assert shares[peak:] == sorted(shares[peak:], reverse=True)


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_a_recipe_names_its_optimizer(network: nn.Module, name: str, kind: type) -> None:
    optimizer = optimizer_of(network, Recipe(optimizer=name, learning_rate=0.02, weight_decay=0.1))
    assert type(optimizer) is kind
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.02]
    if name == "sgd":
        assert {(group["momentum"], group["nesterov"]) for group in optimizer.param_groups} == {(0.9, True)}


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_weight_decay_spares_normalizations_and_biases(network: nn.Module, name: str) -> None:
    optimizer = optimizer_of(network, Recipe(optimizer=name, learning_rate=0.1, weight_decay=0.25))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {key: decay[id(p)] for key, p in network.named_parameters()} == {
        "0.weight": 0.25,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "3.weight": 0.25,
        "3.bias": 0.0,
    }


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_without_a_gradient_only_weights_shrink(network: nn.Module, name: str) -> None:
    before = {key: p.detach().clone() for key, p in network.named_parameters()}
    optimizer = optimizer_of(network, Recipe(optimizer=name, learning_rate=0.1, weight_decay=0.25))
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for key, p in network.named_parameters():
        if p.ndim == 1:
            assert torch.equal(p, before[key])
        else:
            assert p.norm() < before[key].norm()
