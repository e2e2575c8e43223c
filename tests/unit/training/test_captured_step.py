"""The captured step on a CPU, where a stand-in for the graph computes at each replay what was captured."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from evocnn.genotype import Recipe
from evocnn.genotype.recipe import OPTIMIZERS
from evocnn.training.captured_step import N_EAGER, CapturedStep
from evocnn.training.images import Images
from evocnn.training.step import EagerStep

BATCH, N_IMAGES = 8, 28  # so that every fourth batch is smaller
LEARNING_RATE = 2.0**-6  # the same number in single and in double precision


class Graph:
    """Stands in for a CUDA graph."""

    def __init__(self, operate: Callable[[], None]) -> None:
        self.operate = operate
        self.n_replays = 0

    def replay(self) -> None:
        self.n_replays += 1
        self.operate()


class Captured(CapturedStep):
    """Captures into the stand-in; `failure` is raised instead where there is one."""

    failure: Exception | None = None

    def _capture(self) -> Any:
        if self.failure is not None:
            raise self.failure
        return Graph(self._operate)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def images() -> Images:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (N_IMAGES, 1, 6, 6), dtype=torch.uint8, generator=generator)
    ones = torch.ones(1, 1, 1, 1)
    return Images(pixels, torch.arange(N_IMAGES) % 3, 120 * ones, 60 * ones)


def network() -> nn.Module:
    torch.manual_seed(2)
    layers = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def recipe_of(**fields: Any) -> Recipe:
    return Recipe(batch_size=BATCH, learning_rate=LEARNING_RATE, **fields)


def taken(step: Any, n_steps: int) -> Any:
    """Return a step after some steps over the images in order, at the learning rate and at half of it."""
    step.network.train()
    batches = torch.arange(N_IMAGES).split(BATCH)
    for number in range(n_steps):
        step(batches[number % len(batches)], LEARNING_RATE / (1 + number % 2), number)
    return step


def tensors(value: Any) -> list[Tensor]:
    """Return all tensors of a state, in order."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [tensor for part in parts for tensor in tensors(part)]


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    pairs = list(zip(tensors(one), tensors(other), strict=True))
    assert len(pairs) > 7
    for a, b in pairs:
        assert torch.equal(a, b)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "fields", [{}, {"clip": 0.5, "average": 0.9, "smoothing": 0.1, "weight_decay": 0.01}]
)
def test_replaying_takes_the_steps_that_eager_steps_take(optimizer: str, fields: dict[str, Any]) -> None:
    recipe = recipe_of(optimizer=optimizer, **fields)
    eager = taken(EagerStep(network(), recipe, images()), 11)
    captured = taken(Captured(network(), recipe, images()), 11)
    assert captured._graph.n_replays == 6  # the first three are eager, the 4th and the 8th batch smaller
    assert captured.obstacle == ""
    assert captured.n_steps == 11
    assert_same(captured.state_dict(), eager.state_dict())
    assert torch.equal(captured.take_loss(), eager.take_loss())
    assert captured.take_loss() == 0
    assert (captured.measured is captured.network) == ("average" not in fields)


def test_every_replay_has_its_own_images_and_learning_rate() -> None:
    captured = taken(Captured(network(), recipe_of(), images()), N_EAGER + 2)
    assert captured._index.tolist() == list(range(BATCH))  # the fifth batch is the first again
    assert captured._learning_rate.item() == LEARNING_RATE
    captured(torch.arange(8, 16), 0.25, 0)
    assert captured._index.tolist() == list(range(8, 16))
    assert captured._learning_rate.item() == 0.25


def test_every_replay_seeds_the_generator_of_its_graph() -> None:
    captured = taken(Captured(network(), recipe_of(), images()), N_EAGER + 2)
    assert captured._generator.initial_seed() == N_EAGER + 1
    assert captured._generator is not torch.default_generator


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_eager_step_goes_on_from_a_captured_one_and_the_other_way_round(optimizer: str) -> None:
    recipe = recipe_of(optimizer=optimizer, average=0.9)
    state = deepcopy(taken(Captured(network(), recipe, images()), 6).state_dict())
    rates = [
        (group["lr"], group.get("capturable"))
        for name, part in state.items()
        if name.startswith("optimizer")
        for group in part["param_groups"]
    ]
    assert set(rates) <= {(LEARNING_RATE, False), (LEARNING_RATE, None)}
    steps = EagerStep(network(), recipe, images()), Captured(network(), recipe, images())
    for step in steps:
        step.load_state_dict(deepcopy(state))
    eager, captured = (taken(step, 7) for step in steps)
    assert captured._graph.n_replays == 3
    assert_same(captured.state_dict(), eager.state_dict())


@pytest.mark.parametrize(
    ("failure", "obstacle"),
    [
        (
            RuntimeError("operation not permitted\nwhen a stream captures"),
            "RuntimeError: operation not permitted",
        ),
        (AssertionError("capturable"), "AssertionError: capturable"),
    ],
)
def test_what_cannot_be_captured_is_trained_eagerly_and_says_so(failure: Exception, obstacle: str) -> None:
    step = Captured(network(), recipe_of(), images())
    step.failure = failure
    eager = taken(EagerStep(network(), recipe_of(), images()), 9)
    assert_same(taken(step, 9).state_dict(), eager.state_dict())
    assert step.obstacle == obstacle
    assert torch.equal(step.take_loss(), eager.take_loss())


def test_images_that_fill_no_batch_are_trained_eagerly_and_say_so() -> None:
    recipe = Recipe(batch_size=N_IMAGES + 1, learning_rate=LEARNING_RATE)
    assert Captured(network(), recipe, images()).obstacle == "28 images are less than a batch"
    recipe = Recipe(batch_size=N_IMAGES, learning_rate=LEARNING_RATE)
    assert Captured(network(), recipe, images()).obstacle == ""


def test_memory_that_is_exhausted_once_while_capturing_is_found_in_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = Captured(network(), recipe_of(), images())
    step.failure = torch.OutOfMemoryError("CUDA out of memory")
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: setattr(step, "failure", None))
    assert taken(step, 5)._graph.n_replays == 1
    assert step.obstacle == ""


def test_the_obstacle_is_what_stopped_the_capture_and_not_the_failed_end_of_it() -> None:
    step = Captured(network(), recipe_of(), images())
    step.failure = RuntimeError("operation failed due to a previous error during capture")
    step.failure.__context__ = RuntimeError("item() needs to wait")
    assert taken(step, 5).obstacle == "RuntimeError: item() needs to wait"


@pytest.mark.parametrize("is_hidden", [False, True])
def test_memory_exhausted_while_capturing_is_no_obstacle_but_a_failure(is_hidden: bool) -> None:
    step = Captured(network(), recipe_of(), images())
    exhausted = torch.OutOfMemoryError("CUDA out of memory")
    step.failure = RuntimeError("operation failed") if is_hidden else exhausted
    step.failure.__context__ = exhausted if is_hidden else None
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        taken(step, 5)
