"""Saved states: training that goes on from one equals training that was never interrupted, bit for bit."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from evocnn.errors import JournalError
from evocnn.genotype import Recipe
from evocnn.genotype.recipe import OPTIMIZERS, SCHEDULES
from evocnn.training.images import Images
from evocnn.training.loop import Trained, drain, training_steps
from evocnn.training.protocol import Protocol
from evocnn.training.state import load_state, save_state
from evocnn.training.step import EagerStep

N_IMAGES = 26
RECIPE = Recipe("adamw", 0.01, batch_size=8, weight_decay=0.1)
RESTLESS = {"average": 0.9, "clip": 0.5, "noise": 0.2, "mixup": 0.4, "cutout": 0.2, "smoothing": 0.1}


def images_of(n: int, seed: int) -> Images:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (n, 2, 4, 4), dtype=torch.uint8, generator=generator)
    ones = torch.ones(1, 2, 1, 1)
    return Images(pixels, torch.arange(n) % 3, 120 * ones, 70 * ones)


TRAINING, VALIDATION = images_of(N_IMAGES, 1), images_of(12, 2)


def step_of(recipe: Recipe, seed: int = 1) -> EagerStep:
    torch.manual_seed(seed)
    layers = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten()
    network = nn.Sequential(*layers, nn.Linear(64, 3)).to(memory_format=torch.channels_last)
    return EagerStep(network, recipe, TRAINING)


def trained(
    step: EagerStep, stop: int, earlier: Trained | None = None, protocol: Protocol | None = None
) -> Trained:
    settings = {"epochs": 10, "seed": 3, "protocol": protocol or Protocol(seed=1)}
    earlier = earlier or Trained()
    return drain(training_steps(step, VALIDATION, stop=stop, earlier=earlier, **settings))  # type: ignore[arg-type]


def tensors(state: Any) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return [tensor for part in parts for tensor in tensors(part)]


@pytest.mark.parametrize(
    "recipe",
    [
        *(RECIPE.having(optimizer=name, **RESTLESS) for name in OPTIMIZERS),
        *(RECIPE.having(schedule=name) for name in SCHEDULES),
    ],
    ids=lambda recipe: recipe.text,
)
def test_training_in_pieces_equals_training_in_one(recipe: Recipe) -> None:
    """Rungs at 10, 30 and 60 % of the epochs, each on a worker that knows nothing but the state."""
    whole = step_of(recipe)
    expected = trained(whole, 6)
    found, state, step = Trained(), b"", step_of(recipe)
    for stop in (1, 3, 6):
        if state:
            step = step_of(recipe, seed=stop)  # initialized otherwise
            found = load_state(state, step, "this", stop)
            torch.rand(stop)
        found = trained(step, stop, found)
        state = save_state(step, found, "this")
    assert found.epochs == expected.epochs
    ours, theirs = tensors(step.state_dict()), tensors(whole.state_dict())
    assert len(ours) == len(theirs) > 10
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_early_stopping_goes_on_across_a_state() -> None:
    protocol = Protocol(seed=1, patience=3, least_improvement=1.0)  # nothing is improvement enough
    expected = trained(step_of(RECIPE), 10, protocol=protocol)
    first = step_of(RECIPE)
    state = save_state(first, trained(first, 2, protocol=protocol), "this")
    second = step_of(RECIPE, seed=2)
    found = trained(second, 10, load_state(state, second, "this", 10), protocol)
    assert found.epochs == expected.epochs
    assert len(found.epochs) == 4


def test_a_state_tells_the_seconds_so_far() -> None:
    step = step_of(RECIPE)
    assert load_state(save_state(step, Trained(seconds=2.5), "this"), step, "this", 1).seconds == 2.5


def test_a_state_holds_the_weights_their_average_and_two_moments_and_no_images() -> None:
    def size(n_features: int) -> int:
        network = nn.Sequential(nn.Flatten(), nn.Linear(32, n_features), nn.Linear(n_features, 3))
        step = EagerStep(network, RECIPE.having(average=0.9), TRAINING)
        return len(save_state(step, trained(step, 1), "this"))

    n_weights = 36 * (10_100 - 100)
    assert size(10_100) - size(100) == pytest.approx(4 * 4 * n_weights, rel=0.001)
    assert size(100) < 4 * 4 * 36 * 100 + 20_000  # names and headers


@pytest.mark.parametrize("state", [b"", b"no state", b"\x80\x04N."])
def test_bytes_that_are_no_state_are_refused(state: bytes) -> None:
    message = (
        rf"^a saved state must be what a training saved, but it was {len(state)} bytes that cannot be read"
    )
    with pytest.raises(JournalError, match=message):
        load_state(state, step_of(RECIPE), "this", 10)


def test_the_state_of_another_training_is_refused() -> None:
    step = step_of(RECIPE)
    state = save_state(step, trained(step, 1), "that")
    message = r"^a saved state must be of the training that goes on, this, but it was of that; leave it out"
    with pytest.raises(JournalError, match=message):
        load_state(state, step, "this", 10)


def test_a_state_from_the_end_of_the_rung_leaves_nothing_to_train() -> None:
    step = step_of(RECIPE)
    expected = trained(step, 3)
    found = load_state(save_state(step, expected, "this"), step, "this", 3)
    assert trained(step, 3, found).epochs == found.epochs == expected.epochs


def test_a_state_from_beyond_the_rung_is_refused() -> None:
    step = step_of(RECIPE)
    state = save_state(step, trained(step, 3), "this")
    message = (
        r"^a saved state must be of at most the 2 epochs that are asked for, but it was of 3; leave it out"
    )
    with pytest.raises(JournalError, match=message):
        load_state(state, step, "this", 2)
