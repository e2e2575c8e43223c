"""The training loop: a network, resident images and a recipe in; measured figures out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite
from time import monotonic

import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.evaluation import Status
from evocnn.genotype import Recipe
from evocnn.rng import derive_seed
from evocnn.training.augmentation import augmented, mixed
from evocnn.training.optimizer import optimizer_of
from evocnn.training.protocol import Protocol
from evocnn.training.recipe_check import check_trainable
from evocnn.training.schedule import learning_rate_share

EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Images:
    """Images and labels on the device that trains.

    Attributes:
        pixels: uint8, shape `(n, channels, height, width)`.
        labels: int64, shape `(n,)`.
        mean: Of the training images, per channel, shape `(1, channels, 1, 1)`.
        deviation: Likewise the standard deviation.
    """

    pixels: Tensor
    labels: Tensor
    mean: Tensor
    deviation: Tensor

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return normalized images, float32 and channels-last, and labels."""
        pixels = self.pixels[index].float().sub_(self.mean).div_(self.deviation)  # (b, c, h, w)
        return pixels.contiguous(memory_format=torch.channels_last), self.labels[index]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training ended.

    Attributes:
        status: ok, diverged or timed out.
        epochs: Epochs that were trained.
        training_losses: Mean training loss of each epoch.
        validation_losses: Validation loss after each epoch.
        validation_accuracies: Validation accuracy after each epoch.
        reason: Why it failed.
    """

    status: Status
    epochs: int
    training_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    validation_accuracies: tuple[float, ...]
    reason: str = ""


def train(
    network: nn.Module,
    recipe: Recipe,
    training: Images,
    validation: Images,
    *,
    epochs: int,
    seed: int,
    protocol: Protocol,
    clock: Callable[[], float] = monotonic,
) -> Trained:
    """Train a network in place.

    The randomness of an epoch follows from seed and epoch alone. Early stopping compares
    validation accuracies; the last epoch's weights are kept, so no epoch is picked by validation.

    Args:
        network: In channels-last layout, on the images' device.
        recipe: Everything but the initialization, which the network has.
        training: Training images.
        validation: Validation images.
        epochs: Passes over the training images, unless training stops early.
        seed: Seed of order and dropout.
        protocol: Warm-up, early stopping and timeout.
        clock: Tells the time in seconds.

    Raises:
        GeneError: The recipe names something that is not carried out yet.
    """
    check_trainable(recipe)
    began = clock()
    optimizer = optimizer_of(network, recipe)
    # A single image left over sits out: batch normalization cannot learn from one value a channel.
    is_left_over = len(training) > 1 and len(training) % recipe.batch_size == 1
    n_used = len(training) - is_left_over
    batches_per_epoch = -(-n_used // recipe.batch_size)
    n_steps = epochs * batches_per_epoch
    losses: list[float] = []
    curve: list[tuple[float, float]] = []  # validation loss and accuracy
    best, best_epoch = 0.0, 0

    def ended(status: Status, reason: str = "") -> Trained:
        found, accuracies = ([pair[i] for pair in curve] for i in (0, 1))
        return Trained(status, len(losses), tuple(losses), tuple(found), tuple(accuracies), reason)

    for epoch in range(epochs):
        torch.manual_seed(derive_seed(seed, epoch))
        order = torch.randperm(len(training), device=training.labels.device)[:n_used]
        total = torch.zeros((), device=training.labels.device)
        network.train()
        for number, index in enumerate(torch.split(order, recipe.batch_size)):
            step = epoch * batches_per_epoch + number
            share = learning_rate_share(recipe.schedule, step, n_steps, protocol.warmup)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * share
            images, labels = training.batch(index)  # (b, c, h, w), (b,)
            optimizer.zero_grad(set_to_none=True)
            loss = training_loss(network, images, labels, recipe)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
            if protocol.timeout is not None and clock() - began > protocol.timeout:
                return ended(
                    Status.TIMED_OUT, f"past its timeout of {protocol.timeout:g} s in epoch {epoch + 1}"
                )
        losses.append(float(total) / n_used)
        curve.append(measure(network, validation))
        for name, loss in ("training", losses[-1]), ("validation", curve[-1][0]):
            if not isfinite(loss):
                return ended(Status.DIVERGED, f"the {name} loss was {loss} in epoch {epoch + 1}")
        if curve[-1][1] > best + protocol.least_improvement:
            best, best_epoch = curve[-1][1], epoch
        if protocol.patience is not None and epoch - best_epoch >= protocol.patience:
            break
    return ended(Status.OK)


def training_loss(network: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Return the loss on a batch after augmentation, with smoothed labels.

    Args:
        network: In training mode.
        images: Normalized, `(b, channels, height, width)`.
        labels: Classes, `(b,)`.
        recipe: Augmentation and smoothing.
    """
    loss = partial(functional.cross_entropy, label_smoothing=recipe.smoothing)
    images = augmented(images, recipe)
    if recipe.mixup == 0:
        return loss(network(images), labels)
    images, others, weight = mixed(images, labels, recipe.mixup)
    scores = network(images)  # (b, n_classes)
    return weight * loss(scores, labels) + (1 - weight) * loss(scores, others)


@torch.no_grad()
def measure(network: nn.Module, images: Images) -> tuple[float, float]:
    """Return mean loss and accuracy of a network in eval mode."""
    network.eval()
    loss, hits = 0.0, 0
    for start in range(0, len(images), EVALUATION_BATCH):
        batch, labels = images.batch(slice(start, start + EVALUATION_BATCH))
        scores = network(batch)  # (b, n_classes)
        loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
        hits += int((scores.argmax(dim=1) == labels).sum())
    return loss / len(images), hits / len(images)
