"""The [space] table: alleles, limits, founders, and which segments evolve."""

from dataclasses import fields
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from evocnn.config.allele_tables import gene_alleles_from, layer_alleles_from
from evocnn.config.backbone import BackboneSettings
from evocnn.config.settings import Settings, guarded
from evocnn.config.toml import Mistakes
from evocnn.errors import ExperimentError
from evocnn.genotype import (
    LAYERS,
    Choice,
    Chromosome,
    GeneAlleles,
    Head,
    Held,
    LayerGene,
    Range,
    Recipe,
    parse_gene,
    parse_layers,
    reference_network,
)
from evocnn.genotype.founders import PRIORS
from evocnn.genotype.pool_order import POOL_ORDERS
from evocnn.genotype.space import check_types

SEGMENTS = ("layers", "head", "recipe")

HeadAlleles = Annotated[GeneAlleles[Head], guarded(lambda value, _: gene_alleles_from(value, Head))]
RecipeAlleles = Annotated[GeneAlleles[Recipe], guarded(lambda value, _: gene_alleles_from(value, Recipe))]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class LimitSettings(Settings):
    """The largest permitted network."""

    parameters: int | None = Field(default=None, ge=1)
    flops: int | None = Field(default=None, ge=1)
    activations: int | None = Field(default=None, ge=1)
    depth: int = Field(default=12, ge=1, le=200)


class HoldSettings(Settings):
    """Segments that do not evolve, in the text form of chromosomes."""

    layers: str | None = None
    head: str | None = None
    recipe: str | None = None


class SpaceSettings(Settings):
    """Alleles, limits and founders."""

    source: str = ""  # where the space comes from, for people
    layers: Annotated[tuple[GeneAlleles[LayerGene], ...], guarded(layer_alleles_from)] = ()
    head: HeadAlleles = GeneAlleles(Head, {})
    recipe: RecipeAlleles = GeneAlleles(Recipe, {})
    evolve: Annotated[tuple[Literal[SEGMENTS], ...], BeforeValidator(_as_tuple)] = SEGMENTS  # type: ignore[valid-type]
    hold: HoldSettings = HoldSettings()
    founders: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    founder_prior: Literal[PRIORS] = "informed"  # type: ignore[valid-type]
    founder_depth: Annotated[tuple[int, int], BeforeValidator(_as_tuple)] = (2, 6)
    pool_order: Literal[POOL_ORDERS] = "early"  # type: ignore[valid-type]
    backbone: BackboneSettings | None = None
    limits: LimitSettings = LimitSettings()

    @cached_property
    def held(self) -> Held:
        """The segments that do not evolve: as they are held, or the only value that their alleles give."""
        fixed = [segment for segment in SEGMENTS if segment not in self.evolve]
        return Held(**{segment: self._held(segment) for segment in fixed})

    def _held(self, segment: str) -> Any:
        text = getattr(self.hold, segment)
        if text is None:
            return getattr(self, segment).smallest()
        if segment == "layers":
            return parse_layers(text, self._genes)
        return parse_gene(text, (Head,) if segment == "head" else (Recipe,))

    @cached_property
    def all_layers(self) -> tuple[GeneAlleles[LayerGene], ...]:
        """Alleles of layer genes; types that are held alone have the values of the first held gene."""
        first = {type(gene): gene for gene in reversed(self.held.layers or ())}
        for alleles in self.layers:
            first.pop(alleles.gene, None)
        held = (GeneAlleles(kind, _values(gene)) for kind, gene in reversed(first.items()))
        return (*self.layers, *held)

    @cached_property
    def given_founders(self) -> tuple[Chromosome, ...]:
        """The chromosomes that a search begins with; reference networks with the nearest recipe."""
        return tuple(self._founder(text) for text in self.founders)

    def _founder(self, text: str) -> Chromosome:
        if "|" in text:
            return Chromosome.parse(text, self._genes)
        network = reference_network(text)
        recipe, rates = self.recipe.nearest(network.recipe), self.recipe.fields.get("learning_rate")
        if recipe.optimizer != network.recipe.optimizer and isinstance(rates, Range):
            recipe = recipe.having(learning_rate=rates.at(0.5))  # another optimizer wants another rate
        return Chromosome(network.layers, network.head, recipe)

    @property
    def _genes(self) -> tuple[type[LayerGene], ...]:
        own = (alleles.gene for alleles in (*self._begin, *self.layers))
        return tuple(dict.fromkeys([*own, *LAYERS]))

    @property
    def _begin(self) -> tuple[GeneAlleles[Any], ...]:
        """The alleles of the backbone, if there is one."""
        return () if self.backbone is None else (self.backbone.alleles,)

    @property
    def segments(self) -> tuple[str, ...]:
        """What evolves: the segments, and the backbone if there is one."""
        return (*self.evolve, *(() if self.backbone is None else ("backbone",)))

    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high = self.founder_depth
        mistakes = Mistakes()
        with mistakes.at("founder_depth"):
            if not 1 <= low <= high <= self.limits.depth:
                message = (
                    f"founder_depth must rise within 1 and the depth limit {self.limits.depth}, but it was "
                    f"[{low}, {high}]; correct either"
                )
                raise ExperimentError(message)
        with mistakes.at("evolve"):
            if not self.evolve:
                message = "evolve must name a segment, but it was []; name layers, head or recipe"
                raise ExperimentError(message)
        for segment in SEGMENTS:
            with mistakes.at("hold", segment):
                self._check_segment(segment)
        mistakes.raise_any()  # what follows needs the held layers
        for number, text in enumerate(self.founders):
            with mistakes.at("founders", number):
                founder = self._founder(text)
                check_types(founder.layers, (*self._begin, *self.all_layers))
        mistakes.raise_any()
        if not self.all_layers and (self.backbone is None or self.held.layers != ()):
            message = (
                "a space must have a layer gene, but it had none; name a preset or add [space.layers.conv]"
            )
            raise ValueError(message)
        return self

    @property
    def least_kernel(self) -> int:
        """Pixels of the smallest kernel that is an allele; 1 where layers have none, or follow a backbone."""
        alleles = [layer.fields.get("kernel") for layer in self.all_layers if self.backbone is None]
        kernels = [own.values[0] for own in alleles if isinstance(own, Choice)]
        return min((kernel for kernel in kernels if isinstance(kernel, int)), default=1)

    @property
    def states_epochs(self) -> bool:
        """Whether a recipe of this space has a number of epochs of its own."""
        stated = [founder.recipe.epochs for founder in self.given_founders]
        if self.held.recipe is not None:
            return any([*stated, self.held.recipe.epochs])
        return any(stated) or self.recipe.fields.get("epochs", Choice((0,))) != Choice((0,))

    def _check_segment(self, segment: str) -> None:
        """Raise where a segment is held and evolves, or does neither."""
        text = getattr(self.hold, segment)
        if segment in self.evolve:
            if text is not None:
                message = f"{segment} must be held or evolve, but it does both; take it out of evolve"
                raise ExperimentError(message)
            return
        if text is not None:
            self._held(segment)
            return
        free = () if segment == "layers" else getattr(self, segment).free
        if segment == "layers" or free:
            message = (
                f"{segment} must have a value where it does not evolve, but it had none; write its text "
                f'form, such as {segment} = "{_EXAMPLES[segment]}"'
            )
            raise ExperimentError(message)


_EXAMPLES = {
    "layers": "conv32k3 · pool2 · conv64k3",
    "head": "gap dense64",
    "recipe": "adamw lr=.001 batch=64",
}


def _values(gene: LayerGene) -> dict[str, Choice]:
    return {f.name: Choice((getattr(gene, f.name),)) for f in fields(gene)}
