"""A module of a network from a library: what it gives and costs is known for images of one size."""

import re
from dataclasses import dataclass

from evocnn.genotype.gene import Counts, LayerGene, Shape

LIBRARIES = ("timm", "torchvision")
NAME = re.compile(r"(timm|torchvision):[\w.-]+")  # nothing else is imported, or looked up on a hub


@dataclass(frozen=True, slots=True)
class Stage(LayerGene):
    """A module of a library's network, whose shapes and counts were measured on images of one size.

    It applies to an input of that shape alone, and stands in a backbone alone.

    Attributes:
        source: The network, `timm:resnet18.a1_in1k`.
        place: The module's name in it, `layer1.0`.
        takes: Channels, height and width of its input.
        gives: Likewise of its output.
        parameters: See `Counts`.
        flops: Likewise.
        activations: Likewise.
        operations: Likewise.
    """

    source: str
    place: str
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    parameters: int
    flops: int
    activations: int
    operations: int

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape after the module; None on another input than the one it was measured on."""
        return Shape(*self.gives) if shape == self.takes else None

    def counts(self, shape: Shape) -> Counts:
        """Return what the module was measured to cost."""
        del shape
        return Counts(self.parameters, self.flops, self.activations, self.operations)


def is_named(weights: str) -> bool:
    """Return whether weights are those of a library's network, `timm:NAME`, and no file."""
    return weights.partition(":")[0] in LIBRARIES and ":" in weights
