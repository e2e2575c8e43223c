"""How many networks a space holds: a bound counted exactly, and an estimate within the limits."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, inf, isinf, log, prod, sqrt
from typing import NamedTuple, TypeVar

import numpy as np

from evocnn.genotype.alleles import Alleles, Choice, Range
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import Counts, Gene, LayerGene, Shape
from evocnn.genotype.gene_alleles import GeneAlleles
from evocnn.genotype.space import SearchSpace
from evocnn.genotype.text_form import Value

GeneType = TypeVar("GeneType", bound=Gene)
N_BATCHES = 10  # independent estimates, whose spread gives the standard error
_GENES_DRAWN = 24_000  # at most: what an estimate may cost, a second or two
_SHARE_COMPLETED = 0.2  # of the bodies of a depth: heads matter less than layers, and repair is slow
_LEAST_DRAW = 2.0**-53  # of a range that touches 0: the resolution of a uniform double


@dataclass(frozen=True)
class SpaceSize:
    """How many chromosomes a space's alleles form, limits on counts and inert genes left aside.

    Attributes:
        n_genes: Different layer genes; 0 where layers are held.
        depth: The most layer genes of a chromosome, a backbone aside; the fewest are none. 0 where layers
            are held.
        n_heads: Different heads.
        n_recipes: Different recipes.
        n_backbones: Different backbones; 1 where there is none.
    """

    n_genes: int
    depth: int
    n_heads: int
    n_recipes: int
    n_backbones: int = 1

    @cached_property
    def n_architectures(self) -> int:
        """Upper bound of the distinct architectures: the sum of `n_genes**d` over all depths d, by heads."""
        bodies: int = sum(self.n_genes**depth for depth in range(self.depth + 1))
        return self.n_heads * self.n_backbones * bodies

    @property
    def n_networks(self) -> int:
        """Upper bound of the distinct networks: an architecture and a recipe."""
        return self.n_architectures * self.n_recipes


class Estimate(NamedTuple):
    """An estimated number, which may be too large for a float.

    Attributes:
        log10: Its decimal logarithm; minus infinity where none of the draws survived.
        relative_error: Its standard error, as a share of it.
        n_draws: Number of whole chromosomes of each depth that were put to the test.
    """

    log10: float
    relative_error: float
    n_draws: int


def count_values(alleles: Alleles) -> int:
    """Return how many values alleles permit; a range holds finitely many, since it rounds them.

    Of a range that touches 0, values nearer to it than a draw can come are left out.
    """
    if isinstance(alleles, Choice):
        return len(alleles.values)
    return _ordinal(alleles, alleles.high) - _ordinal(alleles, alleles.low) + 1


def value_at(alleles: Alleles, index: int) -> Value:
    """Return the value of an index from 0 to below `count_values`, in rising order for numbers."""
    if isinstance(alleles, Choice):
        return alleles.values[index]
    ordinal = _ordinal(alleles, alleles.low) + index
    if ordinal == 0:
        return 0.0
    exponent, digits = divmod(_least(alleles) + abs(ordinal) - 1, 900)
    value = float(f"{digits + 100}e{exponent - 2}")
    return min(max(value if ordinal > 0 else -value, alleles.low), alleles.high)


def count_genes(alleles: GeneAlleles[GeneType]) -> int:
    """Return how many different genes the alleles of a type's fields form."""
    return prod(map(count_values, alleles.fields.values()))


def draw_uniformly(alleles: GeneAlleles[GeneType], rng: np.random.Generator) -> GeneType:
    """Return a gene, each that its alleles form equally likely."""
    fields = {name: value_at(a, int(rng.integers(count_values(a)))) for name, a in alleles.fields.items()}
    return alleles.gene(**fields)


def size_of(space: SearchSpace) -> SpaceSize:
    """Return how many chromosomes the alleles of a space form; a held segment has one form."""
    held, backbone = space.held, space.backbone
    return SpaceSize(
        n_genes=sum(map(count_genes, space.layers)) if held.layers is None else 0,
        depth=space.limits.depth - (backbone is not None) if held.layers is None else 0,
        n_heads=1 if held.head else count_genes(space.head),
        n_recipes=1 if held.recipe else count_genes(space.recipe),
        n_backbones=1 if backbone is None else count_genes(backbone),
    )


def estimate_architectures(
    space: SearchSpace, rng: np.random.Generator, n_draws: int | None = None
) -> Estimate:
    """Return an unbiased estimate of the distinct architectures that lie within a space's limits.

    Repair leaves exactly one chromosome of each distinct network as it is: the canonical one, where
    it is within the limits. So the share of all chromosomes that repair leaves, times their number,
    is the number of networks. Among deep chromosomes that share is too small for plain draws;
    they are grown gene by gene instead, those that repair would change whatever follows are
    dropped, and the others multiplied to replace them (multilevel splitting, Kahn and Harris 1951):
    the number of one depth is `n_genes` times that of the depth before, times the share that lives.

    Args:
        space: The space.
        rng: The source of randomness.
        n_draws: Bodies of each depth, a fifth of which are completed by a head and put to the test;
            fewer the deeper the space is if not given.
    """
    size = size_of(space)
    n_draws = n_draws or max(100, min(2000, _GENES_DRAWN // (size.depth + 1)))
    n_a_batch = ceil(n_draws / N_BATCHES)
    n_completed = N_BATCHES * ceil(n_a_batch * _SHARE_COMPLETED)
    logs = [_log_of_batch(space, size, n_a_batch, rng) for _ in range(N_BATCHES)]
    greatest = max(logs)
    if isinf(greatest):
        return Estimate(-inf, 0.0, n_completed)
    shares = np.exp(np.array(logs) - greatest)
    mean = float(shares.mean())
    error = float(shares.std(ddof=1)) / sqrt(N_BATCHES) / mean
    return Estimate((greatest + log(mean)) / log(10), error, n_completed)


class _Body(NamedTuple):
    """Layer genes with which a network can begin, and the shapes and counts that they lead to."""

    layers: tuple[LayerGene, ...]
    shapes: tuple[Shape, ...]
    counts: Counts


def _log_of_batch(space: SearchSpace, size: SpaceSize, n: int, rng: np.random.Generator) -> float:
    """Return the logarithm of one estimate of the architectures of all depths."""
    shares = np.cumsum([count_genes(a) / max(1, size.n_genes) for a in space.layers])
    bodies = [_first_body(space, rng) for _ in range(n)]
    log_bodies, logs = log(size.n_backbones), [-inf]
    for depth in range(size.depth + 1):
        completed = bodies[: ceil(n * _SHARE_COMPLETED)]
        n_kept = sum(_is_kept(body, space, rng) for body in completed)
        if n_kept:
            logs.append(log_bodies + log(size.n_heads) + log(n_kept / len(completed)))
        if depth == size.depth:
            break
        types = np.minimum(np.searchsorted(shares, rng.random(n), side="right"), len(shares) - 1)
        genes = (draw_uniformly(space.layers[index], rng) for index in types)
        grown = [_grown(body, gene, space) for body, gene in zip(bodies, genes, strict=True)]
        alive = [body for body in grown if body]
        if not alive:
            break
        log_bodies += log(size.n_genes) + log(len(alive) / n)
        bodies = [alive[index] for index in rng.integers(len(alive), size=n)]
    greatest = max(logs)
    return greatest if isinf(greatest) else greatest + log(sum(exp(value - greatest) for value in logs))


def _first_body(space: SearchSpace, rng: np.random.Generator) -> _Body:
    """Return a body without layers, or with those that are held, behind any of the backbones."""
    root = () if space.backbone is None else (draw_uniformly(space.backbone, rng),)
    layers = (*root, *(space.held.layers or ()))
    shapes, counts = [space.input_shape], Counts()
    for step in Chromosome(layers, space.head.smallest(), space.recipe.smallest()).trace(space.input_shape):
        shapes = [step.output] if step.gene.begins else [*shapes, step.output]
        counts += step.gene.counts(*step.inputs)
    return _Body(layers, tuple(shapes), counts)


def _grown(body: _Body, gene: LayerGene, space: SearchSpace) -> _Body | None:
    """Return a body with a gene behind it; None where repair would change any network that begins so."""
    skip = gene.skip
    if skip >= len(body.shapes):
        return None
    inputs = (body.shapes[-1], body.shapes[-1 - skip]) if skip else (body.shapes[-1],)
    output = gene.output(*inputs)
    if output is None:
        return None
    simplest, alleles = gene.canonical(*inputs), space.alleles_of(gene)
    if simplest != gene and alleles and alleles.permits(simplest):
        return None
    counts = body.counts + gene.counts(*inputs)
    if space.limits.excess(counts)[0] > 1:
        return None  # counts only grow
    return _Body((*body.layers, gene), (*body.shapes, output), counts)


def _is_kept(body: _Body, space: SearchSpace, rng: np.random.Generator) -> bool:
    """Return whether repair changes nothing of a body with some head."""
    head = space.held.head or draw_uniformly(space.head, rng)
    counts = body.counts + head.counts(body.shapes[-1], space.n_classes)
    if space.limits.excess(counts)[0] > 1:
        return False  # quicker than repairing
    chromosome = Chromosome(body.layers, head, space.held.recipe or space.recipe.smallest())
    return space.repair(chromosome).genome == chromosome


def _ordinal(alleles: Range, value: float) -> int:
    """Return where a value, rounded as the range rounds it, stands among three-digit numbers; 0 for 0."""
    if value == 0:
        return 0
    ordinal = _index(abs(value)) - _least(alleles) + 1
    return ordinal if value > 0 else -ordinal


def _least(alleles: Range) -> int:
    """Return the index of the least absolute value but 0 that a range holds."""
    low, high = sorted((abs(alleles.low), abs(alleles.high)))
    return _index(high * _LEAST_DRAW if alleles.low <= 0 <= alleles.high else low)


def _index(value: float) -> int:
    """Return where a value above 0 stands among all numbers of three digits: 900 a decade."""
    digits, exponent = f"{value:.2e}".split("e")
    return 900 * int(exponent) + round(100 * float(digits)) - 100
