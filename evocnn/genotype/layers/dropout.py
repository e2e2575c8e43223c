"""Dropout."""

from dataclasses import dataclass
from typing import ClassVar

from evocnn.genotype.gene import Counts, LayerGene, Shape, number
from evocnn.genotype.layers.counting import elementwise


@dataclass(frozen=True, slots=True)
class Dropout(LayerGene):
    """Zeroes values at random during training (Srivastava et al. 2014); inert at rate 0."""

    code: ClassVar[str] = "drop"
    rate: float = number("", below=1)

    def output(self, shape: Shape) -> Shape | None:
        """Return the same shape."""
        return shape if self.rate > 0 else None

    def counts(self, shape: Shape) -> Counts:
        """Return the counts: nothing but the values written."""
        return elementwise(shape)
