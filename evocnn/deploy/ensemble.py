"""The best small ensemble of networks: whose averaged probabilities find the most validation images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evocnn.deploy.judgement import Probabilities, probabilities
from evocnn.deploy.model import Model
from evocnn.training.data import ImageSet

_LEAST = 1e-12  # of a probability, below which its logarithm says nothing


@dataclass(frozen=True)
class Growth:
    """An ensemble on its way: what it was after one more member.

    Attributes:
        member: Index of the network that was added.
        accuracy: Of the ensemble then, on the images that chose it.
        loss: Likewise the mean cross-entropy.
    """

    member: int
    accuracy: float
    loss: float


def grow_ensemble(
    found: Sequence[Probabilities], labels: npt.NDArray[np.int64], size: int
) -> tuple[Growth, ...]:
    """Return how an ensemble grows from the best network, by the one that helps most at a time.

    A network is taken once: taken again it would gain weight, but a small ensemble is counted in
    networks and their parameters. Ties in accuracy go to the lower loss, then to the earlier network.

    Args:
        found: Class probabilities of each network for the same images, shape `(n_images, n_classes)`.
        labels: Classes of the images, shape `(n_images,)`.
        size: The most members.

    Returns:
        A row for each member that was added.

    Caruana et al. (2004), "Ensemble Selection from Libraries of Models", section 2, without
    replacement.
    """
    growth: list[Growth] = []
    total = np.zeros_like(found[0])
    for n_before in range(min(size, len(found))):
        taken = {row.member for row in growth}
        candidates = [
            Growth(number, *_figures((total + own) / (n_before + 1), labels))
            for number, own in enumerate(found)
            if number not in taken
        ]
        growth.append(min(candidates, key=lambda row: (-row.accuracy, row.loss)))
        total = total + found[growth[-1].member]
    return tuple(growth)


def best_ensemble(growth: Sequence[Growth]) -> tuple[int, ...]:
    """Return the members of the ensemble of the highest accuracy; the smallest of equals."""
    best = max(range(len(growth)), key=lambda number: (growth[number].accuracy, -number))
    return tuple(row.member for row in growth[: best + 1])


def averaged(models: Sequence[Model], images: ImageSet) -> Probabilities:
    """Return the mean of the class probabilities that models give images, shape `(n_images, n_classes)`."""
    found: Probabilities = np.mean([probabilities(model, images) for model in models], axis=0)
    return found


def _figures(averaged: Probabilities, labels: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy."""
    own = averaged[np.arange(len(labels)), labels]
    is_right = averaged.argmax(axis=1) == labels
    return float(is_right.mean()), float(-np.log(np.maximum(own, _LEAST)).mean())
