"""The optimizer and the learning rate's course that a recipe names."""

from math import cos, pi

import torch
from torch import nn

from evocnn.genotype import Recipe


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return a recipe's optimizer; normalizations and biases are spared the weight decay."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True, foreach=True)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=recipe.learning_rate, foreach=True)


def learning_rate_share(step: int, n_steps: int, warmup: float) -> float:
    """Return the share of the peak learning rate at a step: a linear rise, then a half cosine to 0.

    Args:
        step: 0-based.
        n_steps: Steps of the full training.
        warmup: Share of the steps in which it rises.
    """
    n_rising = round(warmup * n_steps)
    if step < n_rising:
        return (step + 1) / (n_rising + 1)
    return 0.5 * (1 + cos(pi * (step - n_rising) / max(1, n_steps - n_rising)))
