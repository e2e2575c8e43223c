"""Scores of untrained networks, against small computations done the long way."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import product
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evocnn.genotype import Chromosome, Conv, Counts, Head, LayerGene, Pool, Recipe, Shape
from evocnn.genotype.layers import ACTIVATIONS
from evocnn.phenotype import build
from evocnn.phenotype.parts import Sum, activation
from evocnn.training.data import ImageSet, image_set
from evocnn.training.scores import (
    N_IMAGES,
    SCORES,
    InitialScore,
    jacobian_covariance,
    naswot,
    synflow,
)

K = 1e-5
CHROMOSOME = Chromosome(
    (Conv(filters=4, kernel=3), Pool(), Conv(filters=6, kernel=3)), Head(dropout=0.2), Recipe()
)


def noise(n: int = 200) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 255, (n, 1, 6, 6)).astype(np.uint8)
    return image_set(pixels, np.arange(n) % 3, name="noise")


TRAINING = noise()


def images(n: int, *shape: int) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def two_units(weights: list[list[float]], *after: nn.Module) -> nn.Sequential:
    """Return a layer of two units on two values, and what follows."""
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor(weights)
    return nn.Sequential(nn.Flatten(), layer, *after)


def normalized_network(word: str, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    parts = nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), activation(word), nn.Dropout(0.9)
    rest = nn.Conv2d(3, 4, 2), activation(word), nn.Flatten(), nn.Linear(16, 3)
    return nn.Sequential(*parts, *rest).double()


def test_naswot_of_two_units_by_hand() -> None:
    three = torch.tensor([[2.0, -1.0], [3.0, 1.0], [-4.0, 0.5]]).view(3, 2, 1, 1)
    network = two_units([[1.0, 0.0], [0.0, 1.0]], nn.ReLU())
    # codes 10, 11 and 01: agreements 2 with oneself, 1 with the next, 0 between the first and the last
    assert np.linalg.det([[2, 1, 0], [1, 2, 1], [0, 1, 2]]) == pytest.approx(4)
    assert naswot(network, three) == pytest.approx(log(4))


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_naswot_compares_the_signs_that_activation_functions_of_all_layers_read(word: str) -> None:
    network, batch = normalized_network(word), images(5, 1, 5, 5)
    twin = deepcopy(network).train()
    first = twin[:2](batch)  # normalized by the batch
    second = twin[4](twin[2](first.clone()))  # without dropout
    codes = torch.cat([first.flatten(1), second.flatten(1)], dim=1) > 0
    kernel = np.zeros((5, 5))
    for i, j in product(range(5), repeat=2):
        kernel[i, j] = sum(bool(one == other) for one, other in zip(codes[i], codes[j], strict=True))
    assert naswot(network, batch) == pytest.approx(np.linalg.slogdet(kernel)[1])


def test_images_that_look_alike_to_a_network_are_worse_than_any_others() -> None:
    batch = images(4, 1, 5, 5)
    alike = batch.clone()
    alike[1] = alike[0]
    assert naswot(normalized_network("relu"), alike) < naswot(normalized_network("relu"), batch) - 20


def test_a_network_without_units_has_the_least_naswot() -> None:
    assert naswot(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.ones(3, 1, 2, 2)) == -np.inf


@pytest.mark.parametrize("word", ["relu", "silu"])
def test_jacobian_covariance_equals_loops_over_images_and_classes(word: str) -> None:
    network, batch = normalized_network(word), images(6, 1, 5, 5)
    twin = deepcopy(network).train()
    twin[3] = nn.Identity()
    inputs = batch.clone().requires_grad_()
    scores = twin(inputs)  # normalized by the batch: each score depends on every image
    gradients = torch.zeros_like(inputs)
    for image, label in product(range(6), range(3)):
        gradients += torch.autograd.grad(scores[image, label], inputs, retain_graph=True)[0]
    eigenvalues = np.linalg.eigvals(np.corrcoef(gradients.flatten(1).numpy())).real
    expected = -np.sum(np.log(eigenvalues + K) + 1 / (eigenvalues + K))
    assert jacobian_covariance(network, batch) == pytest.approx(expected, rel=1e-9)


def test_jacobians_that_are_all_alike_leave_one_eigenvalue() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    expected = -(log(3 + K) + 1 / (3 + K) + 2 * (log(K) + 1 / K))
    assert jacobian_covariance(linear, images(3, 1, 2, 2)) == pytest.approx(expected)


def test_jacobians_of_nothing_leave_no_eigenvalue() -> None:
    dead = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    nn.init.zeros_(dead[1].weight)
    assert jacobian_covariance(dead, images(3, 1, 2, 2)) == pytest.approx(-3 * (log(K) + 1 / K))


@pytest.mark.parametrize("word", ACTIVATIONS)
@pytest.mark.parametrize("normalization", [nn.BatchNorm2d(2), nn.GroupNorm(1, 2), nn.Identity()])
def test_synflow_of_two_units_by_hand(word: str, normalization: nn.Module) -> None:
    convolution, linear = nn.Conv2d(2, 2, 1), nn.Linear(2, 1)  # both with biases, which do not count
    convolution.weight.data = torch.tensor([[1.0, -2.0], [3.0, 4.0]]).view(2, 2, 1, 1)
    linear.weight.data = torch.tensor([[-1.0, 2.0]])
    parts = convolution, deepcopy(normalization), activation(word), nn.Flatten(), nn.Dropout(0.9), linear
    flow = 1 * (1 + 2) + 2 * (3 + 4)  # of which each layer's weights have all
    assert synflow(nn.Sequential(*parts), images(3, 2, 1, 1)) == pytest.approx(log(2 * flow))


def test_synflow_past_a_shortcut_counts_for_the_weights_behind_alone() -> None:
    convolution, linear = nn.Conv2d(2, 2, 1, bias=False), nn.Linear(2, 1)
    convolution.weight.data = torch.tensor([[1.0, -2.0], [3.0, 4.0]]).view(2, 2, 1, 1)
    linear.weight.data = torch.tensor([[-1.0, 2.0]])
    network = nn.Sequential(Sum(convolution, None, 0.0, nn.ReLU()), nn.Flatten(), linear)
    through, past = 1 * 3 + 2 * 7, 1 * 1 + 2 * 1
    assert synflow(network, images(3, 2, 1, 1)) == pytest.approx(log(through + (through + past)))


def test_synflow_of_a_deep_network_does_not_overflow() -> None:
    layers = [nn.Conv2d(64, 64, 1, bias=False) for _ in range(60)]
    for layer in layers:
        nn.init.constant_(layer.weight, 10.0)  # each makes the flow 640 times as large: 1e168 in all
    expected = log(60 * 64) + 60 * log(640)
    assert synflow(nn.Sequential(*layers), torch.ones(1, 64, 1, 1)) == pytest.approx(expected)


@pytest.mark.parametrize("name", SCORES)
def test_a_score_follows_from_the_chromosome_alone_and_disturbs_nothing(name: str) -> None:
    score, other = InitialScore(name, TRAINING, seed=1), replace(CHROMOSOME, head=Head())
    before, n_threads = torch.get_rng_state(), torch.get_num_threads()
    first = score(CHROMOSOME)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == n_threads
    torch.manual_seed(5)
    assert first is not None
    assert np.isfinite(first)
    assert score(other) != first
    assert score(CHROMOSOME) == first
    assert InitialScore(name, noise(), seed=1)(CHROMOSOME) == first
    assert InitialScore(name, TRAINING, seed=2)(CHROMOSOME) != first


@dataclass
class Spy:
    """A score that keeps what it is given."""

    network: nn.Module | None = None
    images: Tensor | None = None
    result: float = 1.0

    def __call__(self, network: nn.Module, batch: Tensor) -> float:
        self.network, self.images = network, batch
        return self.result


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy()
    monkeypatch.setitem(SCORES, "spy", spy)
    return spy


@pytest.mark.parametrize("order", ["early", "textbook"])
def test_the_network_is_the_one_that_would_be_trained(spy: Spy, order: str) -> None:
    chromosome = replace(CHROMOSOME, recipe=Recipe(initialization="orthogonal"))
    InitialScore("spy", TRAINING, 1, order)(chromosome)
    assert spy.network is not None
    assert str(spy.network) == str(build(chromosome, Shape(1, 6, 6), 3, pool_order=order))
    weights = next(spy.network.parameters()).flatten(1)
    assert torch.allclose(weights @ weights.T, torch.eye(4), atol=1e-5)


def test_the_images_are_a_normalized_batch_of_all_classes_and_always_the_same(spy: Spy) -> None:
    marked = np.stack([np.full((1, 4, 4), label * 40, np.uint8) for label in range(3)] * 70)
    score = InitialScore("spy", image_set(marked, np.arange(210) % 3, name="marked"), seed=1)
    score(CHROMOSOME)
    first = spy.images
    score(CHROMOSOME)
    assert first is not None
    assert spy.images is first
    assert first.shape == (N_IMAGES, 1, 4, 4)
    assert first.is_contiguous()
    assert float(first.mean()) == pytest.approx(0, abs=1e-6)
    assert float(first.std(correction=0)) == pytest.approx(1, abs=1e-6)
    assert len(first.unique()) == 3  # one brightness a class


def test_a_set_smaller_than_a_batch_is_used_as_a_whole(spy: Spy) -> None:
    InitialScore("spy", noise(20), seed=1)(CHROMOSOME)
    assert spy.images is not None
    assert len(spy.images) == 20


@dataclass(frozen=True, slots=True)
class Broken(LayerGene):
    """A gene whose module cannot be made."""

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        del shape
        return Counts()

    def module(self, shape: Shape) -> Any:
        del shape
        raise MemoryError


def test_a_network_that_cannot_be_built_has_no_score() -> None:
    assert InitialScore("naswot", TRAINING, 1)(replace(CHROMOSOME, layers=(Broken(),))) is None


def test_a_score_that_is_no_number_is_none(spy: Spy) -> None:
    spy.result = float("nan")
    assert InitialScore("spy", TRAINING, 1)(CHROMOSOME) is None


@pytest.mark.parametrize("name", SCORES)
def test_every_random_network_has_a_score(
    name: str, make_space: Callable[..., Any], random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    space = make_space(Shape(1, 6, 6), n_classes=3)
    score = InitialScore(name, TRAINING, 1)
    found = [score(space.repair(chromosome).genome) for chromosome in random_chromosomes(space, 12)]
    assert None not in found
    assert len(set(found)) > 6


def test_these_scores_learn_nothing() -> None:
    score = InitialScore("naswot", TRAINING, 1)
    before = score(CHROMOSOME)
    assert not score.fit([CHROMOSOME], [0.5])
    assert score(CHROMOSOME) == before
