"""The recipe gene: how a network is trained."""

from dataclasses import dataclass
from typing import ClassVar

from evocnn.genotype.gene import Gene, number, word

OPTIMIZERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True, slots=True)
class Recipe(Gene):
    """Optimizer, learning rate, weight decay and batch size.

    Attributes:
        optimizer: `sgd` (Nesterov momentum 0.9), `adam` or `adamw`.
        learning_rate: Peak learning rate.
        weight_decay: Decay of weights; normalizations and biases are spared.
        batch_size: Images in a step, at least 2: batch normalization cannot learn from one.
    """

    code: ClassVar[str] = ""
    optimizer: str = word(*OPTIMIZERS, prefix="", shown=True)
    learning_rate: float = number(" lr=", default=0.05, low=1e-12, shown=True)
    weight_decay: float = number(" wd=", default=0.0)
    batch_size: int = number(" batch=", default=64, low=2)
