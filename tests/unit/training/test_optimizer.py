"""Optimizers: those that recipes name, with weight decay for weights of two dimensions or more alone."""

import pytest
import torch
from torch import nn

from evocnn.genotype import Recipe
from evocnn.genotype.recipe import OPTIMIZERS
from evocnn.training.muon import Muon
from evocnn.training.optimizer import optimizers_of


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("sgd", [torch.optim.SGD]),
        ("adam", [torch.optim.Adam]),
        ("adamw", [torch.optim.AdamW]),
        ("nadam", [torch.optim.NAdam]),
        ("rmsprop", [torch.optim.RMSprop]),
        ("muon", [Muon, torch.optim.AdamW]),
    ],
)
def test_a_recipe_names_its_optimizers(network: nn.Module, name: str, kinds: list[type]) -> None:
    optimizers = optimizers_of(network, Recipe(optimizer=name, learning_rate=0.02, weight_decay=0.1))
    assert [type(optimizer) for optimizer in optimizers] == kinds
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    assert [group["lr"] for group in groups] == [0.02, 0.02]
    if name == "sgd":
        assert {(group["momentum"], group["nesterov"]) for group in groups} == {(0.9, True)}


def test_every_optimizer_that_a_recipe_can_name_is_there(network: nn.Module) -> None:
    kinds = [tuple(map(type, optimizers_of(network, Recipe(optimizer=name)))) for name in OPTIMIZERS]
    assert len(set(kinds)) == len(OPTIMIZERS)


def test_muon_takes_the_matrices_and_convolutions_and_adamw_the_rest(network: nn.Module) -> None:
    muon, adamw = optimizers_of(network, Recipe(optimizer="muon"))
    weights = [[id(p) for group in part.param_groups for p in group["params"]] for part in (muon, adamw)]
    named = dict(network.named_parameters())
    assert weights[0] == [id(named[name]) for name in ("0.weight", "3.weight")]
    assert weights[1] == [id(named[name]) for name in ("0.bias", "1.weight", "1.bias", "3.bias")]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_spares_normalizations_and_biases(network: nn.Module, name: str) -> None:
    optimizers = optimizers_of(network, Recipe(optimizer=name, learning_rate=0.1, weight_decay=0.25))
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {key: decay[id(p)] for key, p in network.named_parameters()} == {
        "0.weight": 0.25,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "3.weight": 0.25,
        "3.bias": 0.0,
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_without_a_gradient_only_weights_shrink(network: nn.Module, name: str) -> None:
    before = {key: p.detach().clone() for key, p in network.named_parameters()}
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    for optimizer in optimizers_of(network, Recipe(name, learning_rate=0.001, weight_decay=0.25)):
        optimizer.step()
    for key, p in network.named_parameters():
        if p.ndim == 1:
            assert torch.equal(p, before[key])
        else:
            assert p.norm() < before[key].norm()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_follows_the_gradient(name: str) -> None:
    weight, bias = nn.Parameter(torch.tensor([[3.0, -2.0]])), nn.Parameter(torch.tensor([2.0]))
    optimizers = optimizers_of(nn.ParameterList([weight, bias]), Recipe(name, learning_rate=0.05))
    for _ in range(400):
        weight.grad, bias.grad = 2 * weight.detach(), 2 * bias.detach()
        for optimizer in optimizers:
            optimizer.step()
    assert float(weight.detach().abs().max()) < 0.3
    assert float(bias.detach().abs().max()) < 0.3
