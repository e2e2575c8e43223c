"""Genes, chromosomes and the space they are drawn from; nothing here needs torch."""

from evocnn.genotype.alleles import Choice, GeneAlleles, Range
from evocnn.genotype.chromosome import ActiveGene, Chromosome
from evocnn.genotype.cost import CostModel
from evocnn.genotype.gene import Counts, LayerGene, Shape, number, word
from evocnn.genotype.genome import JSON, Fidelity, Genome, Space
from evocnn.genotype.head import Head
from evocnn.genotype.layers import (
    LAYERS,
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    InvertedResidual,
    Link,
    Pool,
    Residual,
)
from evocnn.genotype.limits import Limits
from evocnn.genotype.recipe import Recipe
from evocnn.genotype.space import SearchSpace

__all__ = [
    "JSON",
    "LAYERS",
    "ActiveGene",
    "Bottleneck",
    "Choice",
    "Chromosome",
    "Conv",
    "CostModel",
    "Counts",
    "DenseConcat",
    "DepthwiseSeparable",
    "Dropout",
    "Fidelity",
    "GeneAlleles",
    "Genome",
    "Head",
    "InvertedResidual",
    "LayerGene",
    "Limits",
    "Link",
    "Pool",
    "Range",
    "Recipe",
    "Residual",
    "SearchSpace",
    "Shape",
    "Space",
    "number",
    "word",
]
