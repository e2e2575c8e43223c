"""The space of CNN chromosomes: alleles of layers, head and recipe, and limits on the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from evocnn.errors import SpaceError
from evocnn.genotype.alleles import GeneAlleles
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.cost import CostModel
from evocnn.genotype.gene import LayerGene, Shape
from evocnn.genotype.genome import JSON, Fidelity
from evocnn.genotype.head import Head
from evocnn.genotype.limits import Limits, repair
from evocnn.genotype.recipe import Recipe

POOL_ORDERS = ("early", "textbook")


@dataclass(frozen=True)
class SearchSpace:
    """The chromosomes that a search may breed for images of one shape.

    Attributes:
        input_shape: Channels, height and width of an image.
        n_classes: Number of classes.
        layers: Layer gene types with their alleles.
        head: Alleles of the head.
        recipe: Alleles of the recipe.
        founder_depth: Least and greatest number of layer genes that a sample draws.
        limits: The largest permitted network.
        pool_order: `early` computes a pool right after the convolution ahead of it, before
            normalization and activation (about twice as fast on a CPU); `textbook` after them.
        cost_model: The formula that predicts training seconds.

    Raises:
        SpaceError: No network lies within the limits, two gene types share a name, or a setting is
            none of those permitted.
    """

    input_shape: Shape
    n_classes: int
    layers: tuple[GeneAlleles[LayerGene], ...]
    head: GeneAlleles[Head]
    recipe: GeneAlleles[Recipe]
    founder_depth: tuple[int, int] = (2, 6)
    limits: Limits = field(default_factory=Limits)
    pool_order: str = "early"
    cost_model: CostModel = field(default_factory=CostModel)

    def __post_init__(self) -> None:
        """Check that names are distinct and that some network lies within the limits."""
        names = [alleles.gene.name() for alleles in self.layers]
        if not names or len(set(names)) < len(names):
            message = (
                f"a space must have layer gene types of different names, but they were {names}; rename "
                "or add one"
            )
            raise SpaceError(message)
        if self.pool_order not in POOL_ORDERS:
            message = f"pool_order must be one of {POOL_ORDERS}, but it was '{self.pool_order}'; choose one"
            raise SpaceError(message)
        low, high = self.founder_depth
        if not 1 <= low <= high <= self.limits.depth:
            message = (
                f"founder_depth must rise within 1 and the depth limit {self.limits.depth}, "
                f"but it was [{low}, {high}]; correct either"
            )
            raise SpaceError(message)
        counts = self.smallest.counts(self.input_shape, self.n_classes)
        if self.limits.exceeded(counts):
            message = (
                f"limits must permit some network, but the smallest has {counts.parameters} parameters and "
                f"{counts.flops} FLOPs and the limits are {self.limits}; raise them or add smaller alleles"
            )
            raise SpaceError(message)

    @cached_property
    def smallest(self) -> Chromosome:
        """The smallest network that the alleles give: a narrow layer or none, and pools."""
        types = [alleles.smallest() for alleles in self.layers]
        shape = self.input_shape
        pools = [gene for gene in types if gene.output(shape) and gene.counts(shape).parameters == 0]
        stacks = [
            (*start, *[pool] * n)
            for start in [(), *((t,) for t in types)]
            for pool in pools or types
            for n in range(8)
        ]
        recipe = self.recipe.smallest()
        candidates = [
            Chromosome(layers[: self.limits.depth], head, recipe).canonical(self.input_shape)
            for layers in stacks
            for head in self._smallest_heads
        ]
        return min(candidates, key=self._excess)

    @cached_property
    def permits_global_pooling(self) -> bool:
        """Whether a head of this space may average over all positions."""
        return any(head.pooling == "gap" for head in self._smallest_heads)

    @property
    def genes(self) -> tuple[type[LayerGene], ...]:
        """The layer gene types."""
        return tuple(alleles.gene for alleles in self.layers)

    def alleles_of(self, gene: LayerGene) -> GeneAlleles[LayerGene] | None:
        """Return the alleles of a gene's type, or None where the type is none of this space's."""
        return self._by_type.get(type(gene))

    def sample_layer(self, rng: np.random.Generator) -> LayerGene:
        """Return a layer gene, its type drawn by weight and its fields from their alleles."""
        index = int(np.searchsorted(self._cumulative_weights, rng.random(), side="right"))
        return self.layers[min(index, len(self.layers) - 1)].sample(rng)

    def sample(self, rng: np.random.Generator) -> Chromosome:
        """Return a founder: a depth, that many layer genes, a head and a recipe; repaired."""
        low, high = self.founder_depth
        depth = int(rng.integers(low, high + 1))
        layers = tuple(self.sample_layer(rng) for _ in range(depth))
        return self.repair(Chromosome(layers, self.head.sample(rng), self.recipe.sample(rng)))

    def canonical(self, chromosome: Chromosome) -> Chromosome:
        """Return the simplest chromosome of this space that is the same network: one key for each phenotype.

        Inert genes go; fields are simplified as far as alleles permit; where a single position is
        left, flattening is global pooling.
        """
        layers = []
        for gene, inputs, _ in chromosome.trace(self.input_shape):
            simplest, alleles = gene.canonical(*inputs), self.alleles_of(gene)
            layers.append(simplest if alleles and alleles.permits(simplest) else gene)
        head, features = chromosome.head, chromosome.features(self.input_shape)
        if features.height == features.width == 1 and self.permits_global_pooling:
            head = head.having(pooling="gap")
        return replace(chromosome, layers=tuple(layers), head=head)

    def repair(self, chromosome: Chromosome) -> Chromosome:
        """Return the nearest chromosome within the limits, in canonical form."""
        return repair(chromosome, self)

    def cost(self, chromosome: Chromosome, fidelity: Fidelity) -> float:
        """Return the predicted seconds of training a chromosome."""
        counts = chromosome.counts(self.input_shape, self.n_classes)
        return self.cost_model.seconds(counts, fidelity, chromosome.recipe.batch_size)

    def from_json(self, value: JSON) -> Chromosome:
        """Return the chromosome that `to_json` wrote; gene types resolve through this space alone."""
        return Chromosome.from_json(value, self.genes)

    def parse(self, text: str) -> Chromosome:
        """Return the chromosome that its one-line text form describes."""
        return Chromosome.parse(text, self.genes)

    def _excess(self, chromosome: Chromosome) -> float:
        counts = chromosome.counts(self.input_shape, self.n_classes)
        return max(
            counts.parameters / self.limits.parameters,
            counts.flops / self.limits.flops,
            counts.parameters * 1e-12,
        )

    @cached_property
    def _smallest_heads(self) -> list[Head]:
        smallest = self.head.smallest()
        poolings = self.head.fields.get("pooling")
        values = getattr(poolings, "values", (smallest.pooling,))
        return [Head(str(pooling), smallest.units, smallest.dropout) for pooling in values]

    @cached_property
    def _by_type(self) -> Mapping[type[LayerGene], GeneAlleles[LayerGene]]:
        return {alleles.gene: alleles for alleles in self.layers}

    @cached_property
    def _cumulative_weights(self) -> np.ndarray:
        weights = np.array([alleles.weight for alleles in self.layers])
        return np.cumsum(weights / weights.sum())
