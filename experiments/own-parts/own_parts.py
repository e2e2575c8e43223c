"""A layer gene, a mutation and an objective of one's own; the package is not touched.

`experiment.toml` beside this file names them as `own_parts:NAME`; `run.py` hands over the objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evocnn import Chromosome, LayerGene, SearchSpace
from evocnn.genotype import Counts, Shape, number


@dataclass(frozen=True, slots=True)
class SqueezeExcite(LayerGene):
    """Weighs each channel by what all channels hold on average (Hu et al. 2018, figure 2).

    Attributes:
        reduction: By how much the bottleneck between the two dense layers is narrower.
    """

    code: ClassVar[str] = "se"  # the text form is se4, or se alone for the default
    reduction: int = number("", default=4, low=1)

    def bottleneck(self, shape: Shape) -> int:
        """Return the units of the first dense layer."""
        return max(1, shape.channels // self.reduction)

    def output(self, shape: Shape) -> Shape:
        """Return the same shape."""
        return shape

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of two dense layers, the mean and the product."""
        channels, units = shape.channels, self.bottleneck(shape)
        return Counts(
            parameters=2 * channels * units + channels + units,
            flops=4 * channels * units,
            activations=3 * channels + 2 * units + shape.size,
            operations=6,
        )

    def module(self, shape: Shape) -> object:
        """Return the torch module for inputs of a shape."""
        from own_modules import ChannelGate  # noqa: PLC0415 - torch is imported when a network is built

        return ChannelGate(shape.channels, self.bottleneck(shape))


def narrow_widest(parent: Chromosome, space: SearchSpace, rng: np.random.Generator) -> Chromosome:
    """Mutation: the gene with the most filters gets the next smaller number of them."""
    del rng  # nothing is left to chance
    widths = [getattr(gene, "filters", 0) for gene in parent.layers]
    if not any(widths):
        return parent
    locus = widths.index(max(widths))
    alleles = space.alleles_of(parent.layers[locus])
    narrower = alleles.shrink(parent.layers[locus]) if alleles else None
    if narrower is None:
        return parent
    return replace(parent, layers=(*parent.layers[:locus], narrower, *parent.layers[locus + 1 :]))


def n_layers(metrics: Mapping[str, float], genome: Chromosome) -> float:
    """Objective: the number of layer genes. `metrics` holds everything that was measured."""
    del metrics
    return len(genome.layers)
