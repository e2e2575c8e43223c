"""A chromosome as numbers, for a regression to learn from; no network is built."""

from collections.abc import Sequence
from math import log
from statistics import fmean
from typing import Any

from evocnn.genotype.alleles import Alleles, Choice, GeneAlleles
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.space import SearchSpace


def descriptors(chromosome: Chromosome, space: SearchSpace) -> tuple[float, ...]:
    """Return numbers that describe a chromosome, as many for each chromosome of a space.

    The logarithms of the counts, the depth, and what the head reads; for each layer gene type the
    number of genes and their free fields; the free fields of head and recipe. A field of words is
    described by how many genes hold each word, one of numbers by their mean place among the alleles.

    Args:
        chromosome: A chromosome, repaired.
        space: The space that it belongs to.
    """
    counts = chromosome.counts(space.input_shape, space.n_classes)
    channels, height, width = chromosome.features(space.input_shape)
    described = [log(1 + count) for count in counts]
    described += [float(len(chromosome.layers)), log(channels), log(height * width)]
    for alleles in space.layers:
        genes = [gene for gene in chromosome.layers if type(gene) is alleles.gene]
        described += [float(len(genes)), *_fields(alleles, genes)]
    return (*described, *_fields(space.head, [chromosome.head]), *_fields(space.recipe, [chromosome.recipe]))


def _fields(alleles: GeneAlleles[Any], genes: Sequence[Any]) -> list[float]:
    """Return what describes the free fields of genes of one type; zeros where there are none."""
    described: list[float] = []
    for name in alleles.free:
        own = alleles.fields[name]
        values = [getattr(gene, name) for gene in genes]
        if isinstance(own, Choice) and own.is_words:
            described += [float(values.count(word)) for word in own.values]
        else:
            described.append(fmean(_place(own, value) for value in values) if values else 0.0)
    return described


def _place(alleles: Alleles, value: Any) -> float:
    """Return where a number stands among its alleles."""
    nearest: Any = alleles.nearest(value)
    if isinstance(alleles, Choice):
        return float(alleles.values.index(nearest))
    return alleles.position(float(nearest))
