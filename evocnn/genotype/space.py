"""The space of CNN chromosomes: alleles of layers, head and recipe, and limits on the network."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from evocnn.errors import GeneError, SpaceError
from evocnn.genotype.backbone import Backbone
from evocnn.genotype.chromosome import ActiveGene, Chromosome, counts_of
from evocnn.genotype.compose import composed
from evocnn.genotype.cost import CostModel
from evocnn.genotype.descriptors import descriptors
from evocnn.genotype.founders import PRIORS, informed, uniform
from evocnn.genotype.gene import LayerGene, Shape
from evocnn.genotype.gene_alleles import GeneAlleles, GeneType, drawn
from evocnn.genotype.genome import JSON, Choose, Fidelity, Repaired
from evocnn.genotype.head import Head
from evocnn.genotype.limits import Limits, repair
from evocnn.genotype.pool_order import POOL_ORDERS
from evocnn.genotype.recipe import Recipe


def check_types(layers: Iterable[LayerGene], alleles: Iterable[GeneAlleles[LayerGene]]) -> None:
    """Raise where a given chromosome's layers have a gene type without alleles.

    Raises:
        SpaceError: One has.
    """
    types = {own.gene: own.gene.name() for own in alleles}
    for gene in layers:
        if type(gene) not in types:
            message = (
                f"genes of given chromosomes must be among {sorted(types.values())}, but one was "
                f"'{gene.text}' ({gene.name()}); add its type to the space's layers"
            )
            raise SpaceError(message)


@dataclass(frozen=True)
class Held:
    """Segments that do not evolve, with their values; None for those that do.

    A backbone evolves by itself: held layers are those behind it.
    """

    layers: tuple[LayerGene, ...] | None = None
    head: Head | None = None
    recipe: Recipe | None = None

    def applied(self, chromosome: Chromosome) -> Chromosome:
        """Return the chromosome with the held segments put in; itself where it has them."""
        layers = None if self.layers is None else (*chromosome.root, *self.layers)
        values = {"layers": layers, "head": self.head, "recipe": self.recipe}
        held = {
            name: value
            for name, value in values.items()
            if value is not None and getattr(chromosome, name) != value
        }
        return replace(chromosome, **held) if held else chromosome  # type: ignore[arg-type]


@dataclass(frozen=True)
class SearchSpace:
    """The chromosomes that a search may breed for images of one shape.

    Attributes:
        input_shape: Channels, height and width of an image.
        n_classes: Number of classes.
        layers: Layer gene types with their alleles.
        head: Alleles of the head.
        recipe: Alleles of the recipe.
        held: Segments that do not evolve.
        founders: Chromosomes that a search begins with, ahead of any that are drawn.
        founder_prior: `informed`: drawn by known good practice; `uniform`: every allele alike.
        founder_depth: Least and greatest number of layer genes that are drawn.
        limits: The largest permitted network.
        pool_order: `early` computes a pool right after the convolution ahead of it, before
            normalization and activation, which is less work; `textbook` after them.
        cost_model: The formula that predicts training seconds.
        backbone: Alleles of the backbone that every chromosome begins with; None for none.

    Raises:
        SpaceError: No network lies within the limits, two gene types share a name, the backbone cannot
            read such images, or a setting is none of those permitted.
    """

    input_shape: Shape
    n_classes: int
    layers: tuple[GeneAlleles[LayerGene], ...]
    head: GeneAlleles[Head]
    recipe: GeneAlleles[Recipe]
    held: Held = field(default_factory=Held)
    founders: tuple[Chromosome, ...] = ()
    founder_prior: str = "informed"
    founder_depth: tuple[int, int] = (2, 6)
    limits: Limits = field(default_factory=Limits)
    pool_order: str = "early"
    cost_model: CostModel = field(default_factory=CostModel)
    backbone: GeneAlleles[Backbone] | None = None

    def __post_init__(self) -> None:
        """Check that names are distinct and that some network lies within the limits."""
        object.__setattr__(self, "input_shape", Shape(*self.input_shape))
        for what in ("name", "code_of"):
            names = [getattr(gene, what)() for gene in self.genes]
            if not names or len(set(names)) < len(names):
                message = (
                    "a space must have layer gene types of different names and codes, but they were "
                    f"{names}; rename or add one"
                )
                raise SpaceError(message)
        if self.pool_order not in POOL_ORDERS:
            message = f"pool_order must be one of {POOL_ORDERS}, but it was '{self.pool_order}'; choose one"
            raise SpaceError(message)
        if self.founder_prior not in PRIORS:
            message = f"founder_prior must be one of {PRIORS}, but it was '{self.founder_prior}'; choose one"
            raise SpaceError(message)
        for layers in (*(founder.layers for founder in self.founders), self.held.layers or ()):
            check_types(layers, self._all_layers)
        self._check_backbone()
        if self.held.layers is not None:  # in canonical form, or every repair would put them back
            held = Chromosome(self.held.layers, self.smallest.head, self.smallest.recipe)
            object.__setattr__(self, "held", replace(self.held, layers=self.canonical(held).layers))
            if len(self.held.layers) > self.limits.depth:
                message = (
                    f"held layers must be within the depth limit {self.limits.depth}, but they were "
                    f"{len(self.held.layers)}; raise the limit"
                )
                raise SpaceError(message)
        low, high = self.founder_depth
        if not 1 <= low <= high <= self.limits.depth:
            message = (
                f"founder_depth must rise within 1 and the depth limit {self.limits.depth}, "
                f"but it was [{low}, {high}]; correct either"
            )
            raise SpaceError(message)
        counts = self.smallest.counts(self.input_shape, self.n_classes)
        if self.limits.excess(counts)[0] > 1:
            message = (
                f"limits must permit some network, but the smallest has {counts.parameters} parameters, "
                f"{counts.flops} FLOPs and {counts.activations} activations and the limits are "
                f"{self.limits}; raise them or add smaller alleles"
            )
            raise SpaceError(message)

    @cached_property
    def smallest(self) -> Chromosome:
        """The smallest network that the alleles give: a narrow layer or none, and pools."""
        return self.smallest_behind(
            [()] if self.backbone is None else [(gene,) for gene in self.backbone.by_width()]
        )

    def smallest_behind(self, roots: Sequence[tuple[LayerGene, ...]]) -> Chromosome:
        """Return the smallest network that begins with one of some roots: a backbone, or nothing."""
        types = [alleles.smallest() for alleles in self.layers]
        shape = self.input_shape
        head, recipe = self._smallest_heads[0], self.held.recipe or self.recipe.smallest()
        alone = [list(Chromosome((gene,), head, recipe).trace(shape)) for gene in types]
        pools = [active[0].gene for active in alone if active and counts_of(active).parameters == 0]
        stacks = [
            (*start, *[pool] * n)
            for start in [(), *((t,) for t in types)]
            for pool in pools or types
            for n in range(8)
        ]
        if self.held.layers is not None:
            stacks = [self.held.layers]
        candidates = [
            Chromosome((*root, *layers)[: self.limits.depth], head, recipe).canonical(self.input_shape)
            for root in roots
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
        return tuple(alleles.gene for alleles in self._all_layers)

    def alleles_of(self, gene: LayerGene) -> GeneAlleles[LayerGene] | None:
        """Return the alleles of a gene's type, or None where the type is none of this space's."""
        return self._by_type.get(type(gene))

    def sample_layer(self, rng: np.random.Generator) -> LayerGene:
        """Return a layer gene, its type drawn by weight and its fields from their alleles."""
        return drawn(self.layers, rng).sample(rng)

    def draw(self, rng: np.random.Generator) -> Chromosome:
        """Return a founder, drawn by this space's prior, before repair."""
        root = () if self.backbone is None else (self.backbone.sample(rng),)
        draw = informed if self.founder_prior == "informed" else uniform
        return self.held.applied(draw(self, rng, root))

    def rooted(self, chromosome: Chromosome, parent: Chromosome | None = None) -> Chromosome:
        """Return the chromosome with this space's backbone ahead of all else, and once.

        That is its own first one wherever it stands, else its parent's, else the smallest. Without a
        backbone in the space, and where all is so, it is the chromosome itself.
        """
        if self.backbone is None:
            return chromosome
        own = [gene for gene in chromosome.layers if gene.begins]
        others = tuple(gene for gene in chromosome.layers if not gene.begins)
        root = (*own, *(parent.root if parent else ()), self.backbone.smallest())[0]
        layers = (root, *others)
        return chromosome if layers == chromosome.layers else replace(chromosome, layers=layers)

    def compose(self, choose: Choose) -> Chromosome:
        """Return the chromosome that decisions lead to, before repair; see `composed`."""
        return composed(self, choose)

    def describe(self, chromosome: Chromosome) -> dict[str, float]:
        """Return numbers that describe a repaired chromosome; see `descriptors`."""
        return descriptors(chromosome, self)

    def sample(self, rng: np.random.Generator) -> Chromosome:
        """Return a founder, repaired."""
        return self.repair(self.draw(rng)).genome

    def canonical(self, chromosome: Chromosome) -> Chromosome:
        """Return the simplest chromosome of this space that is the same network.

        Inert genes go; fields are simplified as far as alleles permit; where a single position is
        left, flattening is global pooling.
        """
        return self.canonical_of(chromosome, list(chromosome.trace(self.input_shape)))

    def canonical_of(self, chromosome: Chromosome, active: Sequence[ActiveGene]) -> Chromosome:
        """Return the canonical form of a chromosome whose active genes are known; itself if it is that."""
        layers = tuple(
            _simplified(step.gene, step.gene.canonical(*step.inputs), self.alleles_of(step.gene))
            for step in active
        )
        head = chromosome.head
        if not self.held.head:
            features = active[-1].output if active else self.input_shape
            head = _simplified(head, head.canonical(features), self.head)
        if head is chromosome.head and [*map(id, layers)] == [*map(id, chromosome.layers)]:
            return chromosome
        return replace(chromosome, layers=layers, head=head)

    def repair(self, chromosome: Chromosome) -> Repaired[Chromosome]:
        """Return the nearest chromosome within the limits, in canonical form, and what was changed."""
        return repair(chromosome, self)

    def fidelity(self, chromosome: Chromosome, fidelity: Fidelity) -> Fidelity:
        """Return a fidelity with the epochs of a chromosome's recipe, where it has such."""
        return chromosome.recipe.at(fidelity)

    def cost(self, chromosome: Chromosome, fidelity: Fidelity) -> float:
        """Return the predicted seconds of training a chromosome."""
        counts, recipe = chromosome.counts(self.input_shape, self.n_classes), chromosome.recipe
        return self.cost_model.seconds(counts, self.fidelity(chromosome, fidelity), recipe.batch_size)

    def from_json(self, value: JSON) -> Chromosome:
        """Return the chromosome that `to_json` wrote; gene types resolve through this space alone."""
        return Chromosome.from_json(value, self.genes)

    def parse(self, text: str) -> Chromosome:
        """Return the chromosome that its one-line text form describes."""
        return Chromosome.parse(text, self.genes)

    def _excess(self, chromosome: Chromosome) -> float:
        counts = chromosome.counts(self.input_shape, self.n_classes)
        return max(self.limits.excess(counts)[0], counts.parameters * 1e-12)

    @cached_property
    def _smallest_heads(self) -> list[Head]:
        if self.held.head is not None:
            return [self.held.head]
        smallest = self.head.smallest()
        poolings = self.head.fields.get("pooling")
        values = getattr(poolings, "values", (smallest.pooling,))
        return [smallest.having(pooling=pooling) for pooling in values]

    @cached_property
    def _by_type(self) -> Mapping[type[LayerGene], GeneAlleles[LayerGene]]:
        return {alleles.gene: alleles for alleles in self._all_layers}

    @property
    def _all_layers(self) -> tuple[GeneAlleles[Any], ...]:
        """Alleles of all gene types that may stand among the layers."""
        return self.layers if self.backbone is None else (self.backbone, *self.layers)

    def _check_backbone(self) -> None:
        """Raise where the backbone cannot read the images, or what follows it is held."""
        if self.backbone is None:
            return
        network, shape = self.backbone.gene.network, "x".join(map(str, self.input_shape))
        if network.channels != self.input_shape.channels:
            message = (
                f"images must have the {network.channels} channels that the backbone reads, but they were "
                f'{shape}; set data.channels to "{"grey" if network.channels == 1 else "rgb"}"'
            )
            raise SpaceError(message)
        if len(network.trace(self.input_shape)) < len(network.layers):
            message = (
                f"images must be large enough for all layers of the backbone, but they were {shape}; set "
                "data.size, or describe fewer layers"
            )
            raise SpaceError(message)
        if self.held.layers:
            message = (
                "behind a backbone layers must evolve, or be held at no layers, but they were held; set "
                'space.hold.layers to "no layers"'
            )
            raise SpaceError(message)


def _simplified(gene: GeneType, simplest: GeneType, alleles: GeneAlleles[GeneType] | None) -> GeneType:
    """Return a gene with those fields of its simplest form that the alleles permit."""
    if simplest is gene or alleles is None or alleles.permits(simplest):
        return gene if alleles is None else simplest
    for f in fields(gene):
        value = getattr(simplest, f.name)
        if alleles.permits_value(f.name, value):
            with suppress(GeneError):  # the fields that stay may contradict it
                gene = gene.having(**{f.name: value})
    return gene
