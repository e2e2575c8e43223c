"""What needs a GPU: capture, streams, precision and memory. Run with `pytest -m gpu`.

Tolerances: kernels that add in any order and bf16 make two trainings of the same candidate differ.
Losses of the first epochs agree to a few thousandths, accuracies on 600 images to a few of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Chromosome, Conv, Fidelity, Head, Pool, Recipe, Residual, Shape
from evocnn.genotype.recipe import OPTIMIZERS
from evocnn.phenotype import build
from evocnn.training.captured_step import N_EAGER, CapturedStep
from evocnn.training.data import load, split
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.images import Images, resident
from evocnn.training.lanes import Lanes, lanes_of
from evocnn.training.memory import WORKSPACE, training_bytes
from evocnn.training.protocol import Protocol
from evocnn.training.step import EagerStep

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
LAYERS = (Conv(filters=16, kernel=3), Pool(), Residual(filters=32, kernel=3))
LOSS, ACCURACY = 0.02, 0.02  # absolute


def recipe_of(**fields: Any) -> Recipe:
    return Recipe(batch_size=64, learning_rate=0.01, **fields)


RECIPES = [recipe_of(optimizer=optimizer) for optimizer in OPTIMIZERS] + [
    recipe_of(flip=0.5, shift=0.1, rotate=10, elastic=0.02, noise=0.2, cutout=0.3, brightness=0.2),
    recipe_of(mixup=0.3, clip=1.0, smoothing=0.1),
    recipe_of(average=0.95, optimizer="adamw", weight_decay=0.01),
]


@pytest.fixture(scope="module")
def evaluator() -> TrainingEvaluator:
    training, validation = split(load("digits", "train"), validation=0.4, seed=1, n_images=1000)
    return TrainingEvaluator(training, validation, Protocol(seed=1))


@pytest.fixture
def own_stream() -> Iterator[None]:
    with torch.cuda.stream(torch.cuda.Stream()):
        yield


def asking(recipe: Recipe, epochs: int = 4) -> EvaluationRequest:
    return EvaluationRequest(Chromosome(LAYERS, Head(dropout=0.1), recipe), Fidelity(epochs, 600))


def trained(
    evaluator: TrainingEvaluator, requests: list[EvaluationRequest], n_lanes: int
) -> list[Evaluation]:
    """Return what candidates come to in so many lanes."""
    device = torch.device("cuda", 0)
    lanes = Lanes(evaluator, n_lanes, device, memory=2**33, memory_of=lambda request: 2**28)
    for ticket, request in enumerate(requests):
        lanes.submit(ticket, request)
    found: dict[int, Evaluation] = {}
    while lanes.n_running:
        found |= dict(lanes.wait(60))
    return [found[ticket] for ticket in range(len(requests))]


def assert_near(one: Evaluation, other: Evaluation) -> None:
    assert (one.status, other.status) == (Status.OK, Status.OK)
    assert one.curves["training_loss"] == pytest.approx(other.curves["training_loss"], abs=LOSS)
    for name in ("validation_accuracy", "training_accuracy"):
        assert one.metrics[name] == pytest.approx(other.metrics[name], abs=ACCURACY)


def images_on_gpu(evaluator: TrainingEvaluator) -> Images:
    return resident(evaluator.training, torch.device("cuda", 0))


def network_of(recipe: Recipe) -> Any:
    torch.manual_seed(3)
    network = build(Chromosome(LAYERS, Head(dropout=0.1), recipe), Shape(1, 8, 8), 10)
    return network.to("cuda", memory_format=torch.channels_last)


@pytest.mark.usefixtures("own_stream")
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_captured_steps_are_eager_steps(evaluator: TrainingEvaluator, recipe: Recipe) -> None:
    images = images_on_gpu(evaluator)
    order = torch.randperm(600, generator=torch.Generator().manual_seed(5)).cuda()
    steps = EagerStep(network_of(recipe), recipe, images), CapturedStep(network_of(recipe), recipe, images)
    losses = []
    for step in steps:
        step.network.train()
        for number in range(12):
            step(order[number * 40 % 500 :][:64], 0.01 / (1 + number % 3), number)
        losses.append(float(step.take_loss()) / (12 * 64))
    assert steps[1].obstacle == ""
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
    for one, other in zip(*(step.measured.state_dict().values() for step in steps), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("n_lanes", [1, 4])
def test_a_candidate_finds_in_a_lane_what_it_finds_alone(evaluator: TrainingEvaluator, n_lanes: int) -> None:
    requests = [asking(recipe) for recipe in RECIPES]
    together = trained(evaluator, requests, n_lanes)
    for request, found in zip(requests, together, strict=True):
        assert found.reason == ""  # captured
        assert_near(found, trained(evaluator, [request], 1)[0])


def test_lanes_draw_their_own_random_numbers(evaluator: TrainingEvaluator) -> None:
    """Two lanes of one candidate agree, and its replicate differs: no lane reads another's seeds."""
    request = asking(recipe_of(noise=0.5))
    one, other, replicate = trained(evaluator, [request, request, replace(request, replicate=1)], 3)
    assert_near(one, other)
    assert one.curves["training_loss"] != replicate.curves["training_loss"]


@pytest.mark.usefixtures("own_stream")
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_nothing_waits_for_the_device_inside_an_epoch(evaluator: TrainingEvaluator, recipe: Recipe) -> None:
    images = images_on_gpu(evaluator)
    step = CapturedStep(network_of(recipe), recipe, images)
    batches = torch.arange(600).cuda().split(64)[:-1]
    for number in range(N_EAGER + 1):
        step(batches[number], 0.01, number)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number, batch in enumerate(batches):
            step(batch, 0.01, number)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_what_synchronizes_is_trained_eagerly_and_says_so(
    evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = torch.nn.Flatten.forward

    def waiting(self: Any, images: torch.Tensor) -> torch.Tensor:
        images.sum().item()
        return forward(self, images)

    monkeypatch.setattr(torch.nn.Flatten, "forward", waiting)
    request = asking(recipe_of())
    first, second = trained(evaluator, [request, request], 2)
    assert first.reason.startswith("trained without a CUDA graph: ")
    monkeypatch.undo()
    assert_near(first, trained(evaluator, [request], 1)[0])
    assert_near(first, second)


@pytest.mark.usefixtures("own_stream")
def test_a_failed_capture_leaves_the_allocator_as_it_was(
    evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = torch.nn.Flatten.forward

    def waiting(self: Any, images: torch.Tensor) -> torch.Tensor:
        images.sum().item()
        return forward(self, images)

    monkeypatch.setattr(torch.nn.Flatten, "forward", waiting)
    images, recipe = images_on_gpu(evaluator), recipe_of()
    step = CapturedStep(network_of(recipe), recipe, images)
    for number in range(N_EAGER + 1):
        step(torch.arange(64).cuda(), 0.01, number)
    assert step.obstacle
    much = torch.empty(2**28, dtype=torch.uint8, device="cuda")
    before = torch.cuda.memory_reserved()
    del much
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() <= before - 2**28


@pytest.fixture
def one_gigabyte(evaluator: TrainingEvaluator) -> Iterator[None]:
    """Let this process have one gigabyte of the device."""
    trained(evaluator, [asking(recipe_of())], 1)  # the images; after them the share stays as it is
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**30 / torch.cuda.get_device_properties(0).total_memory)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.usefixtures("one_gigabyte")
def test_a_candidate_too_large_for_the_device_is_recorded_and_harms_no_other(
    evaluator: TrainingEvaluator,
) -> None:
    wide = tuple(Conv(filters=1024, kernel=3) for _ in range(8))
    huge = Chromosome(wide, Head(), replace(recipe_of(), batch_size=600))
    requests = [asking(recipe_of()), EvaluationRequest(huge, Fidelity(1, 600)), asking(RECIPES[1])]
    first, failed, last = trained(evaluator, requests, 3)
    assert failed.status is Status.OUT_OF_MEMORY
    assert_near(first, trained(evaluator, requests[:1], 1)[0])
    assert_near(last, trained(evaluator, requests[2:], 1)[0])


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_the_predicted_memory_covers_what_a_training_takes(
    evaluator: TrainingEvaluator, recipe: Recipe
) -> None:
    request = asking(replace(recipe, batch_size=256), epochs=3)
    genome: Any = request.genome
    trained(evaluator, [request], 1)  # the images
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    trained(evaluator, [request], 1)
    taken = torch.cuda.max_memory_reserved() - before
    predicted = training_bytes(genome, Shape(1, 8, 8), 10)
    assert taken < predicted < taken + WORKSPACE + 2**28


def test_lanes_of_an_evaluator(evaluator: TrainingEvaluator) -> None:
    lanes = lanes_of(evaluator, 2**28)
    assert lanes is not None
    assert lanes.n_idle >= 1
