"""Limits on a network's size, and the repair that enforces them before anything is trained."""

from collections import Counter
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from evocnn.errors import SpaceError
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import Counts
from evocnn.genotype.genome import Repaired

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest permitted network.

    Attributes:
        parameters: Trained values.
        flops: Floating-point operations for one image, forward.
        activations: Values written for one image, forward: training keeps most of them, at 4
            bytes each, for every image of a batch.
        depth: Layer genes.
    """

    parameters: float = inf
    flops: float = inf
    activations: float = inf
    depth: int = 12

    def __post_init__(self) -> None:
        """Check that each limit is above 0."""
        if not min(self.parameters, self.flops, self.activations, self.depth) > 0:
            message = f"limits must be above 0, but they were {self}; raise them or leave them out"
            raise SpaceError(message)

    def excess(self, counts: Counts) -> tuple[float, str]:
        """Return the largest ratio of a count to its limit, and which count that is."""
        return max(
            (counts.parameters / self.parameters, "parameters"),
            (counts.flops / self.flops, "flops"),
            (counts.activations / self.activations, "activations"),
        )


def repair(chromosome: Chromosome, space: "SearchSpace") -> Repaired[Chromosome]:
    """Return the nearest chromosome within a space's limits, in canonical form.

    It changes as little as possible and never draws: held segments are put back, inert genes go,
    then genes beyond the permitted depth, then the widest gene is shrunk to its next allele until
    the counts fit. Where all are at their narrowest, flattening becomes global pooling if the
    space has that, then the layer with the largest share goes. Idempotent.

    Returns:
        The chromosome, with the number of each kind of change: `held` segments, `inert` and `deep`
        genes left out, genes `simplified` to their canonical form, `narrowed` steps, `pooled`
        heads, `removed` layers, and `smallest` where nothing but the smallest network was left.
    """
    changes: Counter[str] = Counter()
    result = space.held.applied(chromosome)
    changes["held"] = int(result is not chromosome)
    active = result.canonical(space.input_shape)
    changes["inert"] = len(result.layers) - len(active.layers)
    kept = active.layers[: space.limits.depth]
    changes["deep"] = len(active.layers) - len(kept)
    result = space.canonical(replace(active, layers=kept))
    changes["simplified"] = sum(a is not b for a, b in zip(kept, result.layers, strict=True))
    changes["simplified"] += result.head != active.head
    while True:
        excess, measure = space.limits.excess(result.counts(space.input_shape, space.n_classes))
        if excess <= 1:
            return Repaired(result, {kind: n for kind, n in changes.items() if n})
        if (shrunk := _shrunk(result, space)) is not None:
            kind = "narrowed"
        elif (shrunk := _pooled(result, space)) is not None:
            kind = "pooled"
        elif (shrunk := _shortened(result, space, measure)) is not None:
            kind = "removed"
        else:
            kind, shrunk = "smallest", replace(space.smallest, recipe=result.recipe, rates=result.rates)
        changes[kind] += 1
        result = space.canonical(shrunk)


def _shrunk(chromosome: Chromosome, space: "SearchSpace") -> Chromosome | None:
    """Return the chromosome with its widest gene a step narrower, or None where none can be."""
    head = None if space.held.head else space.head.shrink(chromosome.head)
    head_width = _width(chromosome.head, "units")
    layers = () if space.held.layers is not None else chromosome.layers
    alleles = [space.alleles_of(gene) for gene in layers]
    widths = [_width(g, a.width if a else None) for g, a in zip(layers, alleles, strict=True)]
    for locus in sorted(range(len(widths)), key=lambda locus: -widths[locus]):  # of equals the first
        if head and head_width > widths[locus]:
            break
        own = alleles[locus]
        smaller = own.shrink(layers[locus]) if own else None
        if smaller:
            return replace(chromosome, layers=(*layers[:locus], smaller, *layers[locus + 1 :]))
    return replace(chromosome, head=head) if head else None


def _pooled(chromosome: Chromosome, space: "SearchSpace") -> Chromosome | None:
    """Return the chromosome with global pooling instead of flattening, or None where it cannot be."""
    if chromosome.head.pooling == "gap" or not space.permits_global_pooling:
        return None
    return replace(chromosome, head=replace(chromosome.head, pooling="gap"))


def _shortened(chromosome: Chromosome, space: "SearchSpace", measure: str) -> Chromosome | None:
    """Return the chromosome without the layer that counts most, or None where none counts."""
    trace = chromosome.trace(space.input_shape)
    shares: list[int] = [getattr(step.gene.counts(*step.inputs), measure) for step in trace]
    if space.held.layers is not None or not shares or max(shares) == 0:
        return None
    locus = shares.index(max(shares))
    return replace(chromosome, layers=chromosome.layers[:locus] + chromosome.layers[locus + 1 :])


def _width(gene: object, field: str | None) -> float:
    value = getattr(gene, field) if field else 0
    return float(max(value, default=0)) if isinstance(value, tuple) else float(value)
