"""A chromosome as numbers, for a regression to learn from; no network is built."""

from collections.abc import Iterator, Sequence
from math import log
from statistics import fmean
from typing import TYPE_CHECKING, Any

from evocnn.genotype.alleles import Alleles, Choice
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene_alleles import GeneAlleles

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace


def descriptors(chromosome: Chromosome, space: "SearchSpace") -> dict[str, float]:
    """Return numbers that describe a chromosome, the same names for each chromosome of a space.

    The logarithms of the counts, the depth, and what the head reads; for each layer gene type the
    number of genes and their free fields; the free fields of head and recipe. A field of words is
    described by how many genes hold each word, one of numbers by their mean place among the alleles.

    Args:
        chromosome: A chromosome, repaired.
        space: The space that it belongs to.
    """
    counts = chromosome.counts(space.input_shape, space.n_classes)
    channels, height, width = chromosome.features(space.input_shape)
    described = {f"log {name}": log(1 + count) for name, count in counts._asdict().items()}
    described["depth"] = float(len(chromosome.layers))
    described |= {"log channels": log(channels), "log positions": log(height * width)}
    for alleles in (*(() if space.backbone is None else (space.backbone,)), *space.layers):
        genes = [gene for gene in chromosome.layers if type(gene) is alleles.gene]
        described[alleles.gene.name()] = float(len(genes))
        described |= _fields(alleles.gene.name(), alleles, genes)
    described |= _fields("head", space.head, [chromosome.head])
    return described | _fields("recipe", space.recipe, [chromosome.recipe])


def _fields(owner: str, alleles: GeneAlleles[Any], genes: Sequence[Any]) -> dict[str, float]:
    """Return what describes the free fields of genes of one type; zeros where there are none."""
    return {
        f"{owner}.{name}{word}": number
        for name in alleles.free
        for word, number in _field(alleles.fields[name], [getattr(gene, name) for gene in genes])
    }


def _field(alleles: Alleles, values: Sequence[Any]) -> Iterator[tuple[str, float]]:
    """Yield what describes a field: the number of genes with each word, or the mean place of numbers."""
    if isinstance(alleles, Choice) and alleles.is_words:
        for word in alleles.values:
            yield f"={word}", float(values.count(word))
    else:
        yield "", fmean(_place(alleles, value) for value in values) if values else 0.0


def _place(alleles: Alleles, value: Any) -> float:
    """Return where a number stands among its alleles."""
    nearest: Any = alleles.nearest(value)
    if isinstance(alleles, Choice):
        return float(alleles.values.index(nearest))
    return alleles.position(float(nearest))
