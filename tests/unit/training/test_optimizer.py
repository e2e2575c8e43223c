import pytest
import torch
from torch import nn

from evocnn.errors import GeneError
from evocnn.genotype import Recipe
from evocnn.genotype.recipe import AUGMENTATIONS, INITIALIZATIONS, OPTIMIZERS, SCHEDULES
from evocnn.training.optimizer import optimizer_of
from evocnn.training.recipe_check import check_trainable

TRAINED = [name for name in OPTIMIZERS if name != "muon"]


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", torch.optim.SGD),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("nadam", torch.optim.NAdam),
        ("rmsprop", torch.optim.RMSprop),
    ],
)
def test_a_recipe_names_its_optimizer(network: nn.Module, name: str, kind: type) -> None:
    optimizer = optimizer_of(network, Recipe(optimizer=name, learning_rate=0.02, weight_decay=0.1))
    assert type(optimizer) is kind
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.02]
    if name == "sgd":
        assert {(group["momentum"], group["nesterov"]) for group in optimizer.param_groups} == {(0.9, True)}


@pytest.mark.parametrize("name", TRAINED)
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


@pytest.mark.parametrize("name", TRAINED)
def test_without_a_gradient_only_weights_shrink(network: nn.Module, name: str) -> None:
    before = {key: p.detach().clone() for key, p in network.named_parameters()}
    optimizer = optimizer_of(network, Recipe(optimizer=name, learning_rate=0.001, weight_decay=0.25))
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for key, p in network.named_parameters():
        if p.ndim == 1:
            assert torch.equal(p, before[key])
        else:
            assert p.norm() < before[key].norm()


@pytest.mark.parametrize("name", TRAINED)
def test_every_optimizer_follows_the_gradient(name: str) -> None:
    weight = nn.Parameter(torch.tensor([[3.0, -2.0]]))
    optimizer = optimizer_of(nn.ParameterList([weight]), Recipe(optimizer=name, learning_rate=0.05))
    for _ in range(200):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert float(weight.detach().abs().max()) < 0.3


def test_muon_is_refused_and_nothing_else_is() -> None:
    for name in TRAINED:
        check_trainable(Recipe(optimizer=name))
    for schedule, initialization in zip(SCHEDULES, INITIALIZATIONS * 2, strict=False):
        check_trainable(Recipe(schedule=schedule, initialization=initialization))
    check_trainable(Recipe(smoothing=0.1, epochs=3, **dict.fromkeys(AUGMENTATIONS, 0.1)))  # type: ignore[arg-type]
    message = (
        r"^recipe.optimizer must be another one to train convolutions, but it was muon, which torch has for "
        r"matrices only; leave it out$"
    )
    with pytest.raises(GeneError, match=message):
        check_trainable(Recipe(optimizer="muon"))
