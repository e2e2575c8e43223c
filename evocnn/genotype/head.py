"""The head gene: how features become class scores."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, Gene, Shape, number, word
from evocnn.genotype.layers import ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Head(Gene):
    """Global average pooling or flattening, dense layers, dropout, the linear output.

    Attributes:
        pooling: `gap`, the mean over all positions of a channel, or `flatten`, all values.
        units: Units of each dense layer; none by default.
        dropout: Rate of the dropout ahead of the output layer.
        activation: Of the dense layers.
    """

    code: ClassVar[str] = ""
    pooling: str = word("gap", "flatten", prefix="", shown=True)
    units: tuple[int, ...] = number(" dense", default=(), width=True)
    dropout: float = number(" drop", default=0.0, below=1)
    activation: str = word(*ACTIVATIONS)

    def features(self, shape: Shape) -> int:
        """Return the number of values that the first linear layer reads."""
        return shape.channels if self.pooling == "gap" else shape.size

    def canonical(self, shape: Shape) -> Self:
        """Return the head without what has no effect: an activation of no layers, flattening one position."""
        single = shape.height == shape.width == 1
        return self.having(
            pooling="gap" if single else self.pooling, activation=self.activation if self.units else "relu"
        )

    def counts(self, shape: Shape, n_classes: int) -> Counts:
        """Return the counts of the head behind features of this shape."""
        widths = (self.features(shape), *self.units, n_classes)
        pairs = list(pairwise(widths))
        return Counts(
            parameters=sum((a + 1) * b for a, b in pairs),
            flops=sum(2 * a * b for a, b in pairs),
            activations=self.features(shape) + 2 * sum(self.units) + n_classes,
            operations=2 * len(pairs),
        )
