"""Conformance checks of layer genes."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NoReturn

import numpy as np

from evocnn.config.allele_tables import alleles_from
from evocnn.errors import ConformanceError, EvocnnError
from evocnn.genotype import Choice, Counts, GeneAlleles, LayerGene, SearchSpace, Shape
from evocnn.testing.example_space import example_space
from evocnn.testing.modules import measured
from evocnn.testing.purity import borrowed_process, moved, random_states, seed_everything

SHAPES = (Shape(1, 8, 8), Shape(3, 32, 32), Shape(16, 7, 7), Shape(4, 1, 17), Shape(8, 1, 1))
N_SAMPLES = 5  # genes with every field drawn, beside those that vary one field alone
SEPARATORS = ("·", "|")  # of layers and segments in a chromosome's text

Inputs = tuple[Shape, ...]


def check_gene(
    gene: type[LayerGene] | GeneAlleles[LayerGene], space: SearchSpace | None = None, /, **alleles: Any
) -> None:
    """Check that a layer gene keeps the rules that evocnn relies on.

    For instance::

        check_gene(SqueezeExcite, reduction=[2, 4, 8])

    Every allele is tried, on images and features of several shapes. The gene is a frozen value that
    pickles; its text and JSON forms give it back, and nobody else reads its text; its shape rule and
    counts are pure and hold for its module: output, parameters and FLOPs are those that torch finds;
    the module works for training and evaluation, on one image and on several, leaves its input as it
    is and passes gradients on; the canonical form is the same layer. A gene that skips is tried with
    second inputs of the same and of another shape.

    Args:
        gene: The gene type, or its alleles.
        space: The space whose other genes it must be told apart from; `example_space()`, with all
            genes of the package, if not given.
        alleles: Alleles by field, as in an experiment file: a list, a value, or a table of `low` and
            `high`. Fields that are not given are held at their defaults.

    Raises:
        ConformanceError: It breaks a rule.
    """
    _Subject(_alleles(gene, alleles), space or example_space()).check()


def _alleles(gene: Any, given: dict[str, Any]) -> GeneAlleles[LayerGene]:
    if isinstance(gene, GeneAlleles) and not given:
        return gene
    if not (isinstance(gene, type) and issubclass(gene, LayerGene)):
        message = f"a gene must be a subclass of LayerGene, but it was {gene!r}; hand over the class itself"
        raise ConformanceError(message)
    if not is_dataclass(gene) or "__dataclass_fields__" not in vars(gene):
        message = (
            f"gene {gene.__name__} must be a frozen dataclass, but it was a plain class; write "
            "@dataclass(frozen=True, slots=True) above it"
        )
        raise ConformanceError(message)
    try:
        return GeneAlleles(gene, {name: alleles_from(value) for name, value in given.items()})
    except EvocnnError as error:
        message = f"gene {gene.__name__} must accept its alleles, but it was refused: {error}"
        raise ConformanceError(message) from error


@dataclass(frozen=True)
class _Subject:
    """A gene type under check, by its alleles."""

    alleles: GeneAlleles[LayerGene]
    space: SearchSpace

    def check(self) -> None:
        with borrowed_process():
            self._check_name()
            for gene in self.examples:
                self._check_value(gene)
                self._check_forms(gene)
                self._check_skip(gene)
            if len(set(self.examples)) < len({repr(gene) for gene in self.examples}):
                value = "equal to one with other fields"
                self._refuse(self.examples[0], "differ where a field differs", value, "leave eq as it is")
            n_active = sum(
                self._check_layer(gene, inputs) for gene in self.examples for inputs in _inputs(gene)
            )
            if not n_active:
                shapes = ", ".join(map(_size, SHAPES))
                value = f"inert on each of {shapes}"
                remedy = "return a Shape from output where it applies, or hand over other alleles"
                self._refuse(self.examples[0], "apply to features of some shape", value, remedy)

    @cached_property
    def examples(self) -> tuple[LayerGene, ...]:
        """Genes in which one field takes each of its alleles, and some with all fields drawn."""
        rng = np.random.default_rng(0)
        first = self.alleles.smallest()
        varied = (
            first.having(**{name: value})
            for name, own in self.alleles.fields.items()
            for value in (own.values if isinstance(own, Choice) else map(own.at, (0.0, 0.3, 1.0)))
        )
        drawn = (self.alleles.sample(rng) for _ in range(N_SAMPLES))
        return tuple({repr(gene): gene for gene in chain([first], varied, drawn)}.values())

    @cached_property
    def others(self) -> tuple[GeneAlleles[LayerGene], ...]:
        """The other gene types of the space."""
        return tuple(own for own in self.space.layers if own.gene is not self.alleles.gene)

    def _check_name(self) -> None:
        kind = self.alleles.gene
        if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
            place = "__main__" if kind.__module__ == "__main__" else kind.__qualname__
            remedy = "define it at the top of a module of its own, which workers can import"
            self._refuse(kind, "be importable", f"defined in {place}", remedy)
        for other in self.others:
            if other.gene.name() == kind.name():
                value = f"'{kind.name()}', like that of {other.gene.__module__}.{other.gene.__qualname__}"
                self._refuse(kind, "have a name of its own", value, "rename the class")

    def _check_value(self, gene: LayerGene) -> None:
        """Refuse a gene that is no immutable, comparable, picklable value."""
        for f in fields(gene):
            try:
                setattr(gene, f.name, getattr(gene, f.name))
            except (AttributeError, TypeError):
                continue
            value = f"possible to set {f.name}"
            self._refuse(gene, "be frozen", value, "write @dataclass(frozen=True, slots=True) above it")
        twin = type(gene)(**{f.name: getattr(gene, f.name) for f in fields(gene)})
        if twin != gene or hash(twin) != hash(gene):
            value = "unequal to its own copy" if twin != gene else "of another hash than its equal copy"
            self._refuse(gene, "equal and hash like one with the same fields", value, "leave eq as it is")
        try:
            copy = pickle.loads(pickle.dumps(gene))  # noqa: S301 - what was just written
        except Exception as error:  # noqa: BLE001 - whatever the class's own code raises
            value = f"{type(error).__name__}: {error}"
            self._refuse(gene, "pickle", value, "define it at the top of a module", cause=error)
        if type(copy) is not type(gene) or copy != gene:
            self._refuse(gene, "be itself after pickling", repr(copy), "keep all values in its fields")

    def _check_forms(self, gene: LayerGene) -> None:
        """Refuse a text or JSON form that does not give the gene back, or gives another one."""
        text, kind = gene.text, type(gene)
        if text != text.strip() or any(mark in text for mark in SEPARATORS):
            remedy = f"leave spaces around it, {' and '.join(SEPARATORS)} out of code, prefixes and words"
            self._refuse(gene, "have a text form without separators", repr(text), remedy)
        remedy = "give each of its fields another prefix, and let no two share words"
        if (parsed := _parsed(kind, text)) != gene:
            self._refuse(gene, f"be what its text form {text!r} gives back", str(parsed), remedy)
        for other in self.others:
            if (read := _parsed(other.gene, text)) is not None:
                remedy = f"begin its text with a code that no text of {other.gene.name()} begins with"
                self._refuse(gene, f"alone read its text form {text!r}", f"read as {read!r}", remedy)
            theirs = other.smallest()
            if (read := _parsed(kind, theirs.text)) is not None:
                remedy = f"begin its text with a code that no text of {other.gene.name()} begins with"
                self._refuse(kind, f"leave {theirs.text!r} to {theirs!r}", f"read as {read!r}", remedy)
        try:
            copy: Any = kind.from_json(json.loads(json.dumps(gene.to_json())))
        except Exception as error:  # noqa: BLE001 - whatever the class's own code raises
            copy = f"{type(error).__name__}: {error}"
        if copy != gene:
            value = copy if isinstance(copy, str) else repr(copy)
            remedy = "leave to_json and from_json as they are, with numbers, words and tuples for fields"
            self._refuse(gene, "be what its JSON form gives back", value, remedy)

    def _check_skip(self, gene: LayerGene) -> None:
        """Refuse a number of skipped genes that is none, and a shape rule that cannot do without a source."""
        if type(gene.skip) is not int or gene.skip < 0:
            remedy = "return 0 where it reads no second input"
            self._refuse(gene, "skip a whole number of genes", repr(gene.skip), remedy)
        if gene.skip and (output := self._called(gene, "output", SHAPES[:1])) is not None:
            remedy = "write output(self, shape, source=None) and return None without a source"
            self._refuse(gene, "be inert without a source", repr(output), remedy)

    def _check_layer(self, gene: LayerGene, inputs: Inputs) -> bool:
        """Refuse shape rule, counts, canonical form or module; return whether the gene is active."""
        output = self._pure(gene, "output", inputs)
        if output is None:
            return False
        if type(output) is not Shape or not all(type(size) is int and size > 0 for size in output):
            remedy = "return Shape(channels, height, width) of whole numbers above 0, or None"
            self._refuse(gene, "output a Shape of positive whole numbers", repr(output), remedy, inputs)
        counts = self._pure(gene, "counts", inputs)
        if type(counts) is not Counts or not all(type(n) is int and n >= 0 for n in counts):
            remedy = "return Counts(...) of whole numbers; divide with //"
            self._refuse(gene, "have counts that are whole numbers", repr(counts), remedy, inputs)
        self._check_canonical(gene, inputs, output, counts)
        self._check_module(gene, inputs, output, counts)
        return True

    def _pure(self, gene: LayerGene, method: str, inputs: Inputs) -> Any:
        """Return what a method returns, if it does so again under other random states."""
        results = []
        for seed in (1, 2):
            seed_everything(seed)
            states = random_states()
            results.append(self._called(gene, method, inputs))
            if drawn := moved(states):
                value = f"drawn from {drawn}"
                self._refuse(gene, f"compute {method} without chance", value, "draw nothing", inputs)
        if results[0] != results[1]:
            value = f"{results[0]!r}, then {results[1]!r}"
            remedy = "compute it from fields and shapes alone"
            self._refuse(gene, f"compute the same {method} each time", value, remedy, inputs)
        return results[0]

    def _called(self, gene: LayerGene, method: str, inputs: Inputs) -> Any:
        try:
            return getattr(gene, method)(*inputs)
        except Exception as error:  # noqa: BLE001 - whatever the class's own code raises
            value = f"{type(error).__name__}: {error}"
            names = "shape, source=None" if gene.skip else "shape"
            remedy = f"write {method}(self, {names}) for every input"
            self._refuse(gene, f"have a method {method}", value, remedy, inputs, cause=error)

    def _check_canonical(self, gene: LayerGene, inputs: Inputs, output: Shape, counts: Counts) -> None:
        canonical = self._pure(gene, "canonical", inputs)
        remedy = "change only fields that have no effect on such an input, with self.having(...)"
        if type(canonical) is not type(gene):
            rule = "have a canonical form of its own type"
            self._refuse(gene, rule, repr(canonical), remedy, inputs)
        found = self._called(canonical, "output", inputs), self._called(canonical, "counts", inputs)
        if found != (output, counts):
            value = f"{canonical!r} with {found[0]} and {found[1]} instead of {output} and {counts}"
            self._refuse(gene, "be the same layer in canonical form", value, remedy, inputs)
        again = self._called(canonical, "canonical", inputs)
        if again != canonical:
            value = f"{canonical!r}, then {again!r}"
            self._refuse(gene, "have a canonical form that is its own", value, remedy, inputs)

    def _check_module(self, gene: LayerGene, inputs: Inputs, output: Shape, counts: Counts) -> None:
        seed_everything(0)
        try:
            found = measured(gene, inputs)
        except Exception as error:  # noqa: BLE001 - whatever the module's own code raises
            value = f"{type(error).__name__}: {error}"
            remedy = "return an nn.Module from module(shape) that takes images channels-last, too"
            self._refuse(gene, "have a module that trains", value, remedy, inputs, cause=error)
        counted = {
            "output what its module does": (output, found.output),
            "count parameters as torch does": (counts.parameters, found.parameters),
            "count FLOPs as torch does": (counts.flops, found.flops),
        }
        for rule, (stated, seen) in counted.items():
            if stated != seen:
                both = f"{_shown(stated)} where torch has {_shown(seen)}"
                self._refuse(gene, rule, both, "correct this method or the module", inputs)
        for complaint in found.complaints:
            self._refuse(gene, *complaint, inputs)

    def _refuse(
        self,
        gene: LayerGene | type[LayerGene],
        rule: str,
        value: str,
        remedy: str,
        inputs: Inputs = (),
        *,
        cause: Exception | None = None,
    ) -> NoReturn:
        """Raise ConformanceError with a rule, the gene and input that break it, and the way out."""
        name = gene.__name__ if isinstance(gene, type) else repr(gene)
        place = f" on {' and '.join(map(_size, inputs))}" if inputs else ""
        message = f"gene {name} must {rule}, but it was {value}{place}; {remedy}"
        raise ConformanceError(message) from cause


def _inputs(gene: LayerGene) -> Iterator[Inputs]:
    """Yield the inputs that a gene is tried on."""
    for shape in SHAPES:
        if not gene.skip:
            yield (shape,)
            continue
        yield shape, shape
        yield shape, Shape(shape.channels + 1, 2 * shape.height, 2 * shape.width)


def _parsed(kind: type[LayerGene], text: str) -> object:
    """Return what a gene type reads in a text, or the error if it claims the text and then refuses it."""
    try:
        return kind.parse(text)
    except EvocnnError as error:
        return str(error)


def _shown(value: object) -> str:
    return _size(value) if isinstance(value, Shape) else str(value)


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape))
