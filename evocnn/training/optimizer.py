"""The optimizer and the learning rate's course that a recipe names."""

from math import cos, pi

import torch
from torch import nn

from evocnn.errors import GeneError
from evocnn.genotype import Recipe
from evocnn.genotype.recipe import AUGMENTATIONS

_TRAINED = {  # what the trainer carries out, of the fields that name more
    "optimizer": ("sgd", "adam", "adamw", "nadam", "rmsprop"),
    "schedule": ("cosine",),
    "initialization": ("torch",),
    **dict.fromkeys(AUGMENTATIONS, (0.0,)),
}


def check_trainable(recipe: Recipe) -> None:
    """Raise where a recipe names something that the trainer does not carry out yet.

    Raises:
        GeneError: It does.
    """
    for name, values in _TRAINED.items():
        value = getattr(recipe, name)
        if value not in values:
            message = (
                f"recipe.{name} must be {' or '.join(map(str, values))} to be trained, but it was {value}; "
                "the trainer does not carry it out yet, leave the field out"
            )
            raise GeneError(message)


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
    kinds: dict[str, type[torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "nadam": torch.optim.NAdam,
        "rmsprop": torch.optim.RMSprop,
    }
    return kinds[recipe.optimizer](groups, lr=recipe.learning_rate, foreach=True)


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
