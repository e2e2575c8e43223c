"""The chromosome: layer genes, a head gene and a recipe gene."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

from evocnn.errors import GeneError, own_line
from evocnn.genotype.gene import Counts, Gene, LayerGene, Shape
from evocnn.genotype.genome import JSON
from evocnn.genotype.head import Head
from evocnn.genotype.recipe import Recipe

_NO_LAYERS = "no layers"
GeneType = TypeVar("GeneType", bound=Gene)


class ActiveGene(NamedTuple):
    """A layer gene that takes part in the network.

    Attributes:
        gene: The gene.
        inputs: The shape that arrives, and for a gene that skips, the shape that it reads from further back.
        output: The shape after it.
    """

    gene: LayerGene
    inputs: tuple[Shape, ...]
    output: Shape


@dataclass(frozen=True)
class Chromosome:
    """The genome of CNNs. Every chromosome decodes: a gene that cannot apply is inert.

    Attributes:
        layers: The layer genes; the index is the locus.
        head: How features become class scores.
        recipe: How the network is trained.
        rates: Weights of mutations that adapt themselves, by name; no part of its identity.
    """

    layers: tuple[LayerGene, ...]
    head: Head
    recipe: Recipe
    rates: tuple[tuple[str, float], ...] = field(default=(), compare=False)

    def trace(self, shape: Shape) -> Iterator[ActiveGene]:
        """Yield the genes that are not inert on images of a shape, with the shapes around them.

        Args:
            shape: The shape of an input image.

        Raises:
            GeneError: A gene's `output` raised; the error names the gene and chains what it raised.
        """
        states, is_begun = [shape], False
        for gene in self.layers:
            skip = gene.skip
            if skip >= len(states) or (gene.begins and is_begun):
                continue  # it reaches before the start, or does not stand there
            inputs = (states[-1], states[-1 - skip]) if skip else (states[-1],)
            try:
                output = gene.output(*inputs)
            except Exception as error:
                raise GeneError(_failed(gene, "output", inputs, error)) from error
            if output is not None:
                yield ActiveGene(gene, inputs, output)
                states = [output] if gene.begins else [*states, output]
                is_begun = True

    @property
    def root(self) -> tuple[LayerGene, ...]:
        """The gene that begins the network, such as a backbone, alone; nothing where none does."""
        return self.layers[:1] if self.layers and self.layers[0].begins else ()

    def canonical(self, shape: Shape) -> "Chromosome":
        """Return the chromosome without its inert genes: the same network on such images."""
        active = tuple(step.gene for step in self.trace(shape))
        return self if len(active) == len(self.layers) else replace(self, layers=active)

    def features(self, shape: Shape) -> Shape:
        """Return the shape that the head reads."""
        for step in self.trace(shape):
            shape = step.output
        return shape

    def counts(self, shape: Shape, n_classes: int, active: Sequence[ActiveGene] | None = None) -> Counts:
        """Return what the network costs for one image of a shape; counted once.

        Args:
            shape: The shape of an input image.
            n_classes: Number of classes.
            active: The genes that are not inert on such images, where they are known.
        """
        known = self._counts.get((shape, n_classes))
        if known is None:
            active = list(self.trace(shape)) if active is None else active
            features = active[-1].output if active else shape
            known = counts_of(active) + self.head.counts(features, n_classes)
            self._counts[shape, n_classes] = known
        return known

    def carrying(self, rates: tuple[tuple[str, float], ...]) -> "Chromosome":
        """Return the chromosome with these rates; itself without any."""
        if not rates:
            return self
        other = replace(self, rates=rates)
        if "key" in vars(self):  # which rates are no part of
            vars(other)["key"] = self.key
        return other

    @cached_property
    def key(self) -> str:
        """Content hash: the first 32 hex digits of the SHA-256 of the JSON form without rates."""
        layers = ",".join(map(_written, self.layers))
        text = f'{{"head":{_written(self.head)},"layers":[{layers}],"recipe":{_written(self.recipe)}}}'
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def text(self) -> str:
        """One line: `conv32k3 · pool · res64k3 | gap | sgd lr=.05`."""
        layers = " · ".join(gene.text for gene in self.layers) or _NO_LAYERS
        return f"{layers} | {self.head.text} | {self.recipe.text}"

    def to_json(self) -> dict[str, JSON]:
        """Return the chromosome as plain JSON; each layer names its gene type."""
        return {**self._segments(), **({"rates": dict(self.rates)} if self.rates else {})}

    @cached_property
    def _counts(self) -> dict[tuple[Shape, int], Counts]:
        return {}

    def _segments(self) -> dict[str, JSON]:
        return {
            "layers": [{"gene": gene.name(), **gene.to_json()} for gene in self.layers],
            "head": self.head.to_json(),
            "recipe": self.recipe.to_json(),
        }

    @classmethod
    def from_json(cls, value: JSON, genes: Iterable[type[LayerGene]]) -> "Chromosome":
        """Return the chromosome that `to_json` wrote.

        Args:
            value: What `to_json` returned.
            genes: The gene types that may occur.

        Raises:
            GeneError: The value is no chromosome, or names another gene type.
        """
        if not isinstance(value, dict) or set(value) - {"rates"} != {"layers", "head", "recipe"}:
            message = (
                f"a chromosome must have layers, head and recipe, but it was {value!r}; write it with to_json"
            )
            raise GeneError(message)
        if not isinstance(value["layers"], list):
            message = f"layers must be a list, but it was {value['layers']!r}; write it with to_json"
            raise GeneError(message)
        types = {gene.name(): gene for gene in genes}
        layers = tuple(_layer(layer, types) for layer in value["layers"])
        rates = _rates(value.get("rates", {}))
        return cls(layers, Head.from_json(value["head"]), Recipe.from_json(value["recipe"]), rates)

    @classmethod
    def parse(cls, text: str, genes: Iterable[type[LayerGene]]) -> "Chromosome":
        """Return the chromosome that `text` wrote.

        Args:
            text: The one-line form.
            genes: The gene types that may occur.

        Raises:
            GeneError: A part of the line cannot be read.
        """
        parts = [part.strip() for part in text.split("|")]
        if len(parts) != 3:
            message = (
                f"a chromosome must have three parts divided by '|', but it was {text!r}; layers | "
                "head | recipe"
            )
            raise GeneError(message)
        return cls(
            parse_layers(parts[0], genes), parse_gene(parts[1], (Head,)), parse_gene(parts[2], (Recipe,))
        )


def counts_of(active: Iterable[ActiveGene]) -> Counts:
    """Return what active genes cost for one image.

    Raises:
        GeneError: A gene's `counts` raised; the error names the gene and chains what it raised.
    """
    total = Counts()
    for gene, inputs, _ in active:
        try:
            total += gene.counts(*inputs)
        except Exception as error:
            raise GeneError(_failed(gene, "counts", inputs, error)) from error
    return total


def parse_layers(text: str, genes: Iterable[type[LayerGene]]) -> tuple[LayerGene, ...]:
    """Return the layer genes that `text` wrote: their text forms, divided by ` · ` or ` > `.

    Raises:
        GeneError: One of them cannot be read.
    """
    words = [] if text.strip() == _NO_LAYERS else [word.strip() for word in re.split("[·>]", text)]
    types = tuple(genes)
    return tuple(parse_gene(word, types) for word in words)


@lru_cache(maxsize=4096)  # a search has the same genes again and again
def _written(gene: Gene) -> str:
    """Return a gene as compact JSON, its fields in order of their names; a layer gene names its type."""
    name = {"gene": gene.name()} if isinstance(gene, LayerGene) else {}
    return json.dumps({**name, **gene.to_json()}, sort_keys=True, separators=(",", ":"))


def _failed(gene: LayerGene, method: str, inputs: tuple[Shape, ...], error: Exception) -> str:
    shapes = " and ".join("x".join(map(str, shape)) for shape in inputs)
    return (
        f"{method} of gene '{gene.text}' must return a value for an input of {shapes}, but it raised "
        f"{error!r}{own_line(error)}; correct {type(gene).__name__}.{method}"
    )


def _rates(value: JSON) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, dict) or not all(type(rate) in (int, float) for rate in value.values()):
        message = f"rates must be numbers by name, but they were {value!r}; write them with to_json"
        raise GeneError(message)
    return tuple((name, float(rate)) for name, rate in value.items())  # type: ignore[arg-type]


def _layer(value: JSON, types: dict[str, type[LayerGene]]) -> LayerGene:
    found = value.get("gene") if isinstance(value, dict) else value
    if not isinstance(value, dict) or not isinstance(found, str) or found not in types:
        message = (
            f"a layer's gene must be one of {sorted(types)}, but it was {found!r}; add the gene to the space"
        )
        raise GeneError(message)
    fields = {key: item for key, item in value.items() if key != "gene"}
    return types[found].from_json(fields)


def parse_gene(text: str, types: tuple[type[GeneType], ...]) -> GeneType:
    """Return the gene of one of some types that `text` wrote.

    Raises:
        GeneError: None of the types reads it.
    """
    for gene in types:
        parsed = gene.parse(text)
        if parsed is not None:
            return parsed
    near = [gene for gene in types if text.startswith(gene.code_of())]
    forms = " or ".join(gene.form() for gene in near)
    starts = ", ".join(gene.code_of() for gene in types)
    names = ", ".join(gene.name() for gene in types)
    between = ", with · or > between layers" if issubclass(types[0], LayerGene) else ""
    message = (
        f"'{text}' must be the text form of one of {names}, but none reads it; write "
        f"{forms or f'a gene that begins with {starts}'}{between}"
    )
    raise GeneError(message)
