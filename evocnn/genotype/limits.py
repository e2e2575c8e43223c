"""Limits on a network's size, and the repair that enforces them before anything is trained."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from evocnn.errors import SpaceError
from evocnn.genotype.chromosome import Chromosome, counts_of
from evocnn.genotype.gene import Counts, LayerGene
from evocnn.genotype.genome import Repaired
from evocnn.genotype.splicing import spliced

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace


LIMITING = frozenset({"deep", "narrowed", "pooled", "removed", "smallest"})  # changes that limits ask for


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

    It changes as little as possible and never draws: the space's backbone, if it has one, is put first,
    held segments are put back, inert genes go, then genes beyond the permitted depth, then the widest
    gene is shrunk to its next allele, if that lowers what is too large, until the counts fit; the width
    of a backbone is its cut. Where that cannot be enough, flattening becomes global pooling if the space
    has that, then the layer with the largest share goes. Idempotent.

    Returns:
        The chromosome, with the number of each kind of change: backbones `rooted`, `held` segments,
        `inert` and `deep` genes left out, genes `simplified` to their canonical form, `narrowed` steps,
        `pooled` heads, `removed` layers, and `smallest` where nothing but the smallest network was left.
    """
    changes: Counter[str] = Counter()
    rooted = space.rooted(chromosome)
    changes["rooted"] = int(rooted is not chromosome)
    held = space.held.applied(rooted)
    changes["held"] = int(held is not rooted)
    result, counts = _settled(held, space, changes)
    while (excess := space.limits.excess(counts))[0] > 1:
        kind, smaller = _smaller(result, space, excess[1], getattr(counts, excess[1]))
        changes[kind] += 1
        result, counts = _settled(smaller, space, changes)
    return Repaired(result, {kind: n for kind, n in changes.items() if n})


def _settled(
    chromosome: Chromosome, space: "SearchSpace", changes: Counter[str]
) -> tuple[Chromosome, Counts]:
    """Return the canonical form within the depth limit, with its counts; count what was changed."""
    active = list(chromosome.trace(space.input_shape))
    kept = active[: space.limits.depth]
    result = space.canonical_of(chromosome, kept)
    changes["inert"] += len(chromosome.layers) - len(active)
    changes["deep"] += len(active) - len(kept)
    changes["simplified"] += sum(a.gene is not b for a, b in zip(kept, result.layers, strict=True))
    changes["simplified"] += result.head is not chromosome.head
    return result, result.counts(space.input_shape, space.n_classes, kept)


def _smaller(
    chromosome: Chromosome, space: "SearchSpace", measure: str, count: int
) -> tuple[str, Chromosome]:
    """Return a smaller chromosome, and which kind of change it took; `count` is of the measure, before."""
    narrower = _narrower(chromosome, space)
    narrowed = next((one for one in narrower if _count(one, space, measure) < count), None)
    pooled = _pooled(chromosome, space)
    if pooled and (narrowed is None or _excess(_narrowest(chromosome, space), space) > 1):
        return "pooled", pooled
    if narrowed:
        return "narrowed", narrowed
    if shortened := _shortened(chromosome, space, measure):
        return "removed", shortened
    return "smallest", replace(space.smallest, recipe=chromosome.recipe, rates=chromosome.rates)


def _narrower(chromosome: Chromosome, space: "SearchSpace") -> Iterator[Chromosome]:
    """Yield the chromosome with one gene a step narrower, the widest gene first, of equals the first."""
    layers = chromosome.root if space.held.layers is not None else chromosome.layers
    owners = [(gene, space.alleles_of(gene)) for gene in layers]
    widths = [_width(gene, own.width if own else None) for gene, own in owners]
    head = None if space.held.head else space.head.shrink(chromosome.head)
    widths.append(_width(chromosome.head, "units"))  # behind the last layer
    for locus in sorted(range(len(widths)), key=lambda locus: -widths[locus]):
        if locus == len(layers):
            if head:
                yield replace(chromosome, head=head)
        elif (own := owners[locus][1]) and (smaller := own.shrink(layers[locus])):
            yield replace(chromosome, layers=(*layers[:locus], smaller, *layers[locus + 1 :]))


def _narrowest(chromosome: Chromosome, space: "SearchSpace") -> Chromosome:
    """Return the chromosome with every gene that evolves at its narrowest."""
    layers: list[LayerGene] = []
    for gene in chromosome.layers:
        own = space.alleles_of(gene)
        evolves = gene.begins or space.held.layers is None
        layers.append(own.narrowest(gene) if own and evolves else gene)
    head = chromosome.head if space.held.head else space.head.narrowest(chromosome.head)
    return replace(chromosome, layers=tuple(layers), head=head)


def _pooled(chromosome: Chromosome, space: "SearchSpace") -> Chromosome | None:
    """Return the chromosome with global pooling instead of flattening, or None where it cannot be."""
    if chromosome.head.pooling == "gap" or not space.permits_global_pooling:
        return None
    return replace(chromosome, head=chromosome.head.having(pooling="gap"))


def _shortened(chromosome: Chromosome, space: "SearchSpace", measure: str) -> Chromosome | None:
    """Return the chromosome without the layer that counts most, or None where none counts."""
    trace = chromosome.trace(space.input_shape)
    shares: list[int] = [0 if step.gene.begins else getattr(counts_of([step]), measure) for step in trace]
    if space.held.layers is not None or not shares or max(shares) == 0:
        return None
    locus = shares.index(max(shares))
    return spliced(chromosome, space, locus, locus + 1)


def _count(chromosome: Chromosome, space: "SearchSpace", measure: str) -> int:
    count: int = getattr(chromosome.counts(space.input_shape, space.n_classes), measure)
    return count


def _excess(chromosome: Chromosome, space: "SearchSpace") -> float:
    return space.limits.excess(chromosome.counts(space.input_shape, space.n_classes))[0]


def _width(gene: object, field: str | None) -> float:
    value = getattr(gene, field) if field else 0
    return float(max(value, default=0)) if isinstance(value, tuple) else float(value)
