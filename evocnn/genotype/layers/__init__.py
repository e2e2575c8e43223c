"""The layer genes of the package: their fields, shape rules and counts, a gene a file.

Channels and shapes are inferred from what comes before, never stored. Counting needs no torch;
`tests/unit/phenotype/test_counts.py` holds every count against what torch itself counts.
"""

from evocnn.genotype.gene import LayerGene
from evocnn.genotype.layers.bottleneck import Bottleneck
from evocnn.genotype.layers.conv import Conv
from evocnn.genotype.layers.dense_concat import DenseConcat
from evocnn.genotype.layers.depthwise_separable import DepthwiseSeparable
from evocnn.genotype.layers.dropout import Dropout
from evocnn.genotype.layers.fields import ACTIVATIONS, NORMALIZATIONS
from evocnn.genotype.layers.inverted_residual import InvertedResidual
from evocnn.genotype.layers.link import Link
from evocnn.genotype.layers.pool import Pool
from evocnn.genotype.layers.residual import Residual

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "NORMALIZATIONS",
    "POOLING",
    "Bottleneck",
    "Conv",
    "DenseConcat",
    "DepthwiseSeparable",
    "Dropout",
    "InvertedResidual",
    "Link",
    "Pool",
    "Residual",
]

# Genes whose module computes the pool that follows inside, right after its last convolution.
POOLING: tuple[type[LayerGene], ...] = (Conv, Residual, Bottleneck, DepthwiseSeparable, InvertedResidual)

LAYERS: tuple[type[LayerGene], ...] = (
    Conv,
    Residual,
    Bottleneck,
    DepthwiseSeparable,
    InvertedResidual,
    DenseConcat,
    Pool,
    Dropout,
    Link,
)
