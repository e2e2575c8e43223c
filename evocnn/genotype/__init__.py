"""Genes, chromosomes and the space they are drawn from; nothing here needs torch."""

from evocnn.genotype.alleles import Alleles, Choice, Range
from evocnn.genotype.backbone import Backbone, PretrainedLayers, backbone_type
from evocnn.genotype.baseline import baseline, unlimited_baseline
from evocnn.genotype.chromosome import ActiveGene, Chromosome, parse_gene, parse_layers
from evocnn.genotype.cost import CostModel
from evocnn.genotype.gene import Counts, LayerGene, Shape, number, word
from evocnn.genotype.gene_alleles import GeneAlleles
from evocnn.genotype.genome import JSON, Choose, Fidelity, Genome, Repaired, Space
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
from evocnn.genotype.reference_networks import REFERENCE_NETWORKS, ReferenceNetwork, reference_network
from evocnn.genotype.space import Held, SearchSpace
from evocnn.genotype.stage import Stage

__all__ = [
    "JSON",
    "LAYERS",
    "REFERENCE_NETWORKS",
    "ActiveGene",
    "Alleles",
    "Backbone",
    "Bottleneck",
    "Choice",
    "Choose",
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
    "Held",
    "InvertedResidual",
    "LayerGene",
    "Limits",
    "Link",
    "Pool",
    "PretrainedLayers",
    "Range",
    "Recipe",
    "ReferenceNetwork",
    "Repaired",
    "Residual",
    "SearchSpace",
    "Shape",
    "Space",
    "Stage",
    "backbone_type",
    "baseline",
    "number",
    "parse_gene",
    "parse_layers",
    "reference_network",
    "unlimited_baseline",
    "word",
]
