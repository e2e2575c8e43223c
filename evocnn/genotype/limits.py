"""Limits on a network's size, and the repair that enforces them before anything is trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from evocnn.errors import SpaceError
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import Counts

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest permitted network.

    Attributes:
        parameters: Trained values.
        flops: Floating-point operations for one image, forward.
        depth: Layer genes.
    """

    parameters: float = inf
    flops: float = inf
    depth: int = 12

    def __post_init__(self) -> None:
        """Check that each limit is above 0."""
        if not min(self.parameters, self.flops, self.depth) > 0:
            message = f"limits must be above 0, but they were {self}; raise them or leave them out"
            raise SpaceError(message)

    def exceeded(self, counts: Counts) -> "Callable[[Counts], int] | None":
        """Return the count that exceeds its limit the most, or None where all is within."""
        excess = [
            (counts.parameters / self.parameters, _parameters),
            (counts.flops / self.flops, _flops),
        ]
        worst, measure = max(excess, key=lambda pair: pair[0])
        return measure if worst > 1 else None


def repair(chromosome: Chromosome, space: "SearchSpace") -> Chromosome:
    """Return the nearest chromosome within a space's limits, in canonical form.

    It changes as little as possible and never draws: inert genes go, then genes beyond the
    permitted depth, then the widest gene is shrunk to its next allele until the counts fit. Where
    all are at their narrowest, flattening becomes global pooling if the space has that, then the
    layer with the largest share goes. Idempotent.
    """
    active = chromosome.canonical(space.input_shape).layers
    result = space.canonical(replace(chromosome, layers=active[: space.limits.depth]))
    while measure := space.limits.exceeded(result.counts(space.input_shape, space.n_classes)):
        shrunk = _shrunk(result, space) or _pooled(result, space) or _shortened(result, space, measure)
        result = space.canonical(shrunk)
    return result


def _shrunk(chromosome: Chromosome, space: "SearchSpace") -> Chromosome | None:
    """Return the chromosome with its widest gene a step narrower, or None where none can be."""
    head, head_width = space.head.shrink(chromosome.head), _width(chromosome.head, "units")
    alleles = [space.alleles_of(gene) for gene in chromosome.layers]
    widths = [_width(g, a.width if a else None) for g, a in zip(chromosome.layers, alleles, strict=True)]
    for locus in sorted(range(len(widths)), key=lambda locus: -widths[locus]):  # of equals the first
        if head and head_width > widths[locus]:
            break
        own = alleles[locus]
        smaller = own.shrink(chromosome.layers[locus]) if own else None
        if smaller:
            layers = (*chromosome.layers[:locus], smaller, *chromosome.layers[locus + 1 :])
            return replace(chromosome, layers=layers)
    return replace(chromosome, head=head) if head else None


def _pooled(chromosome: Chromosome, space: "SearchSpace") -> Chromosome | None:
    """Return the chromosome with global pooling instead of flattening, or None where it cannot be."""
    if chromosome.head.pooling == "gap" or not space.permits_global_pooling:
        return None
    return replace(chromosome, head=replace(chromosome.head, pooling="gap"))


def _shortened(chromosome: Chromosome, space: "SearchSpace", measure: Callable[[Counts], int]) -> Chromosome:
    """Return the chromosome without the layer that counts most; the smallest one where none counts."""
    shares = [measure(gene.counts(*inputs)) for gene, inputs, _ in chromosome.trace(space.input_shape)]
    if not shares or max(shares) == 0:
        return replace(space.smallest, recipe=chromosome.recipe)
    locus = shares.index(max(shares))
    return replace(chromosome, layers=chromosome.layers[:locus] + chromosome.layers[locus + 1 :])


def _width(gene: object, field: str | None) -> float:
    value = getattr(gene, field) if field else 0
    return float(max(value, default=0)) if isinstance(value, tuple) else float(value)


def _parameters(counts: Counts) -> int:
    return counts.parameters


def _flops(counts: Counts) -> int:
    return counts.flops
