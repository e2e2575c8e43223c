"""The training loop: a network, resident images and a recipe in; measured figures out."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import isfinite
from time import monotonic
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.evaluation import Status
from evocnn.rng import derive_seed
from evocnn.training.images import Images
from evocnn.training.protocol import Protocol
from evocnn.training.schedule import learning_rate_share
from evocnn.training.step import Step, precision

EVALUATION_BATCH = 256  # more leave the processor's caches: 1.5 times slower at 512 and 64 filters
Result = TypeVar("Result")


class Epoch(NamedTuple):
    """What was measured of one epoch.

    Attributes:
        training_loss: Mean over its images, as they were trained on.
        validation_loss: After it.
        validation_accuracy: After it.
    """

    training_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True)
class Trained:
    """How far a training came.

    Attributes:
        status: ok, diverged or timed out.
        epochs: What was measured, epoch by epoch from the first.
        seconds: How long it took, over all the pieces it was trained in.
        n_inherited: Epochs along the line of donors whose weights it started from.
        reason: Why it failed.
    """

    status: Status = Status.OK
    epochs: tuple[Epoch, ...] = ()
    seconds: float = 0.0
    n_inherited: int = 0
    reason: str = ""


def training_steps(
    step: Step,
    validation: Images,
    *,
    epochs: int,
    seed: int,
    protocol: Protocol,
    stop: int | None = None,
    earlier: Trained = Trained(),
    clock: Callable[[], float] = monotonic,
) -> Generator[None, None, Trained]:
    """Train a network in place, handing over after each step that was put to the device.

    It also hands over before it reads an epoch's figures, which waits for the device. Nothing
    depends on what others draw or compute in between: the order of an epoch follows from seed and
    epoch alone, what a step draws from seed, epoch and step. So training in pieces equals training
    in one. Early stopping compares validation accuracies; the last epoch's weights are kept, so no
    epoch is picked by validation.

    Args:
        step: Takes the steps; has the network, its recipe and the training images.
        validation: Validation images.
        epochs: Passes over the training images in full training; the schedule has this length.
        seed: Seed of order, augmentation and dropout.
        protocol: Warm-up, early stopping and timeout.
        stop: Epochs after which training stops; all if not given.
        earlier: How far the network has been trained before.
        clock: Tells the time in seconds.

    Returns:
        How the training ended, `earlier` included.
    """
    began = clock() - earlier.seconds
    recipe, n_images = step.recipe, len(step.images)
    # A single image left over sits out: batch normalization cannot learn from one value a channel.
    n_used = n_images - (n_images > 1 and n_images % recipe.batch_size == 1)
    n_batches = -(-n_used // recipe.batch_size)
    done = list(earlier.epochs)

    def ended(status: Status, reason: str = "") -> Trained:
        return Trained(status, tuple(done), clock() - began, earlier.n_inherited, reason)

    while len(done) < (epochs if stop is None else stop) and not has_stalled(done, protocol):
        epoch = len(done)
        epoch_seed = derive_seed(seed, epoch)
        order = torch.randperm(n_images, generator=torch.Generator().manual_seed(epoch_seed))[:n_used]
        step.network.train()
        for number, index in enumerate(order.to(step.images.device).split(recipe.batch_size)):
            share = learning_rate_share(
                recipe.schedule, epoch * n_batches + number, epochs * n_batches, protocol.warmup
            )
            step(index, recipe.learning_rate * share, epoch_seed + 1 + number)  # the order has the first
            yield
            if protocol.timeout is not None and clock() - began > protocol.timeout:
                return ended(
                    Status.TIMED_OUT, f"past its timeout of {protocol.timeout:g} s in epoch {epoch + 1}"
                )
        figures = torch.stack([step.take_loss() / n_used, *measure(step.measured, validation)])
        yield
        done.append(Epoch(*figures.tolist()))
        for name, loss in ("training", done[-1].training_loss), ("validation", done[-1].validation_loss):
            if not isfinite(loss):
                return ended(Status.DIVERGED, f"the {name} loss was {loss} in epoch {epoch + 1}")
    return ended(Status.OK)


def drain(steps: Generator[None, None, Result]) -> Result:
    """Run a training to its end and return what it came to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def has_stalled(epochs: Sequence[Epoch], protocol: Protocol) -> bool:
    """Return whether the validation accuracy has not improved for as long as the protocol is patient."""
    best, best_epoch = 0.0, 0
    for number, epoch in enumerate(epochs):
        if epoch.validation_accuracy > best + protocol.least_improvement:
            best, best_epoch = epoch.validation_accuracy, number
    return protocol.patience is not None and len(epochs) > best_epoch + protocol.patience


@torch.inference_mode()
def measure(network: nn.Module, images: Images) -> Tensor:
    """Return mean loss and accuracy of a network in eval mode, float64 on the device, shape `(2,)`."""
    network.eval()
    total = torch.zeros(2, dtype=torch.float64, device=images.device)
    for index in torch.arange(len(images), device=images.device).split(EVALUATION_BATCH):
        batch, labels = images.batch(index)
        with precision(images.device):
            scores = network(batch)  # (b, n_classes)
            loss = functional.cross_entropy(scores, labels, reduction="sum")
        total += torch.stack([loss, (scores.argmax(dim=1) == labels).sum()])
    return total / len(images)
