"""The optimization step: the loss of a batch, gradient clipping, the average, and the order of them."""

from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.genotype import Recipe
from evocnn.training import step as step_module
from evocnn.training.images import Images
from evocnn.training.step import EagerStep, training_loss


def images_of() -> Images:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (12, 1, 2, 2), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.arange(12) % 2, *(torch.full((1, 1, 1, 1), value) for value in (100.0, 60.0)))


def network_of(seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def step_of(network: nn.Module, **fields: Any) -> EagerStep:
    return EagerStep(network.train(), Recipe(batch_size=4, **fields), images_of())


def weights(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_a_step_is_one_of_the_optimizer_along_the_gradient_of_the_batch() -> None:
    network, twin = network_of(), network_of()
    index = torch.tensor([3, 1, 8, 6])
    step_of(network)(index, 0.1, seed=1)
    batch, labels = images_of().batch(index)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    functional.cross_entropy(twin(batch), labels).backward()
    optimizer.step()
    torch.testing.assert_close(weights(network), weights(twin))


def test_gradients_do_not_add_up() -> None:
    network = network_of()
    step, index = step_of(network), torch.arange(4)
    step(index, 0.0, seed=1)
    first = [p.grad.clone() for p in network.parameters()]
    step(index, 0.0, seed=1)
    assert all(torch.equal(p.grad, before) for p, before in zip(network.parameters(), first, strict=True))


def test_the_learning_rate_is_the_one_that_is_given() -> None:
    """Not the recipe's peak."""
    networks = [network_of(), network_of(), network_of()]
    start = weights(networks[0])
    for network, rate in zip(networks, (0.0, 0.01, 0.02), strict=True):
        step_of(network, learning_rate=7.0)(torch.arange(4), rate, seed=1)
    assert torch.equal(weights(networks[0]), start)
    torch.testing.assert_close(weights(networks[2]) - start, 2 * (weights(networks[1]) - start))


def test_losses_add_up_over_images_until_they_are_taken() -> None:
    step = step_of(network_of())
    step(torch.arange(4), 0.0, seed=1)
    first = step.take_loss()
    step(torch.arange(4), 0.0, seed=1)
    step(torch.arange(8), 0.0, seed=1)
    both = step.take_loss()
    step(torch.arange(8), 0.0, seed=1)
    assert float(both) == pytest.approx(float(first) + float(step.take_loss()))
    assert float(step.take_loss()) == 0.0
    batch, labels = images_of().batch(torch.arange(4))
    expected = functional.cross_entropy(network_of()(batch), labels, reduction="sum")
    torch.testing.assert_close(first, expected.detach().double())


def test_what_a_step_draws_follows_from_its_seed_alone() -> None:
    def moved(seed: int) -> Tensor:
        network = nn.Sequential(network_of(), nn.Dropout(0.5))
        torch.rand(seed)
        step_of(network, noise=0.5, mixup=0.5, optimizer="adam")(torch.arange(12), 0.1, seed=seed)
        return weights(network)

    assert torch.equal(moved(5), moved(5))
    assert not torch.equal(moved(5), moved(6))


def gradient_norm(network: nn.Module) -> float:
    return float(torch.cat([p.grad.flatten() for p in network.parameters()]).norm())


def test_clipping_shortens_long_gradients_and_keeps_their_direction() -> None:
    free, clipped = network_of(), network_of()
    step_of(free)(torch.arange(4), 0.1, seed=1)
    norm = gradient_norm(free)
    step_of(clipped, clip=norm / 4)(torch.arange(4), 0.1, seed=1)
    assert gradient_norm(clipped) == pytest.approx(norm / 4, rel=1e-4)
    start = weights(network_of())
    torch.testing.assert_close(weights(clipped) - start, (weights(free) - start) / 4, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("clip", [0.0, 4.0])
def test_clipping_leaves_short_gradients_and_at_0_all(clip: float) -> None:
    free, clipped = network_of(), network_of()
    step_of(free)(torch.arange(4), 0.1, seed=1)
    assert gradient_norm(free) < 4.0
    step_of(clipped, clip=clip)(torch.arange(4), 0.1, seed=1)
    assert torch.equal(weights(clipped), weights(free))


def test_the_average_takes_in_the_weights_after_each_step() -> None:
    network = network_of()
    start, step = weights(network), step_of(network, average=0.9)
    step(torch.arange(4), 0.1, seed=1)
    expected = start.lerp(weights(network), 1 - 2 / 11)
    torch.testing.assert_close(weights(step.measured), expected)
    assert step.measured is not step.network


def test_without_an_average_the_network_itself_is_measured() -> None:
    step = step_of(network_of())
    assert step.measured is step.network


def test_a_mixture_is_to_be_both_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Tensor] = []

    def network(images: Tensor) -> Tensor:
        shown.append(images)
        return torch.tensor([[2.0, 0.0]]).expand(len(images), -1)

    others = torch.tensor([1, 1, 0, 0])
    monkeypatch.setattr(
        step_module, "mixed", lambda images, labels, alpha: (images + alpha, others, torch.tensor(0.75))
    )
    found = training_loss(network, torch.zeros(4, 1, 2, 2), torch.tensor([0, 1, 0, 1]), Recipe(mixup=0.4))  # type: ignore[arg-type]
    right, wrong = log(1 + exp(-2.0)), log(1 + exp(2.0))
    losses = [0.75 * right + 0.25 * wrong, wrong, right, 0.75 * wrong + 0.25 * right]
    assert float(found) == pytest.approx(sum(losses) / 4)
    assert torch.equal(shown[0], torch.full((4, 1, 2, 2), 0.4))  # the mixed images
