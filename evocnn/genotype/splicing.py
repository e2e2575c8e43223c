"""Splicing of the layer segment: genes come and go, and links go on reading what they read."""

from dataclasses import replace
from typing import TYPE_CHECKING

from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import LayerGene

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace


def spliced(parent: Chromosome, space: "SearchSpace", start: int, stop: int, *genes: LayerGene) -> Chromosome:
    """Return the parent with `genes` in place of its loci from `start` up to `stop`.

    Genes behind that skip to ahead of the place go on reading the same layer, where the alleles of
    their field `back` permit; genes that are inert at the place do not count.

    Args:
        parent: A chromosome without inert genes.
        space: The search space.
        start: First locus that is replaced.
        stop: Locus after the last that is replaced.
        genes: What stands there instead.
    """
    ahead, behind = parent.layers[:start], parent.layers[stop:]
    spanning = [
        locus for locus, gene in enumerate(behind, start=stop) if gene.skip > 0 and gene.skip >= locus - start
    ]
    if spanning:
        inserted = replace(parent, layers=(*ahead, *genes)).canonical(space.input_shape)
        shift = len(inserted.layers) - stop
        behind = tuple(
            _stretched(gene, shift, space) if locus in spanning else gene
            for locus, gene in enumerate(behind, start=stop)
        )
    return replace(parent, layers=(*ahead, *genes, *behind))


def _stretched(gene: LayerGene, shift: int, space: "SearchSpace") -> LayerGene:
    alleles = space.alleles_of(gene)
    backs = alleles.fields.get("back") if alleles else None
    return gene.having(back=gene.skip + shift) if backs and gene.skip + shift in backs else gene
