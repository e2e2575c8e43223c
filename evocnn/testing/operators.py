"""Conformance checks of crossovers and mutations."""

import json
import pickle
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NoReturn

import numpy as np

from evocnn.config.references import to_plain
from evocnn.errors import ConformanceError
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import Chromosome, Fidelity, Head, LayerGene, Recipe, SearchSpace
from evocnn.operators import Crossover, Mutation
from evocnn.testing.example_space import example_space
from evocnn.testing.purity import borrowed_process, moved, random_states, seed_everything
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.protocol import Protocol

N_TRAINED = 20  # offspring that take a training step, of all that are bred
MANY = 3  # layer genes beyond the space's limit on depth that the deepest parents have
Parents = tuple[Chromosome, ...]


def check_crossover(
    crossover: Crossover, space: SearchSpace | None = None, *, n: int = 100, seed: int = 0
) -> None:
    """Check that a crossover keeps the rules that evocnn relies on.

    It returns a pair of chromosomes of the space's gene types, whatever the depth of its parents,
    and leaves those as they are; it draws from the given stream alone, and again the same in a
    second call and after pickling; what it returns can be written down, repaired, built and trained;
    some of it is no copy of a parent; and its name prints without an address.

    Args:
        crossover: A function or a frozen callable `(mother, father, space, rng) -> (child, child)`.
        space: Where parents come from; `example_space()` if not given.
        n: Number of pairs of parents: some of no layer, some of one, some of too many.
        seed: Of parents and streams.

    Raises:
        ConformanceError: It breaks a rule.
    """
    _Subject("crossover", crossover, 2, space or example_space()).check(n, seed)


def check_mutation(
    mutation: Mutation, space: SearchSpace | None = None, *, n: int = 100, seed: int = 0
) -> None:
    """Check that a mutation keeps the rules that evocnn relies on: those of `check_crossover`.

    Args:
        mutation: A function or a frozen callable `(parent, space, rng) -> child`.
        space: Where parents come from; `example_space()` if not given.
        n: Number of parents: some of no layer, some of one, some of too many.
        seed: Of parents and streams.

    Raises:
        ConformanceError: It breaks a rule.
    """
    _Subject("mutation", mutation, 1, space or example_space()).check(n, seed)


@dataclass(frozen=True)
class _Subject:
    """An operator under check."""

    kind: str
    operator: Any
    n_parents: int
    space: SearchSpace

    def check(self, n: int, seed: int) -> None:
        if not callable(self.operator) or isinstance(self.operator, type):
            self._refuse(
                "be a function or a frozen callable", repr(self.operator), "hand over an instance of it"
            )
        self._check_name()
        copy = self._pickled()
        space_before = repr(self.space)
        has_effect, step = False, -(-n // N_TRAINED)
        with borrowed_process():
            for trial in range(n):
                parents = self._parents(trial, seed)
                offspring = self._check_purity(parents, copy, (seed, trial))
                has_effect |= any(child not in parents for child in offspring)
                for number, child in enumerate(offspring):
                    is_trained = trial % step == 0 and number == trial // step % self.n_parents
                    self._check_decodes(child, parents, is_trained=is_trained)
        if repr(self.space) != space_before:
            self._refuse("leave the space as it is", "changed", "read the space, never write to it")
        if not has_effect:
            self._refuse(
                "change something" if self.n_parents == 1 else "mix its parents",
                f"without effect on {n} draws of parents",
                "let it return offspring of other genes, or hand over a space in which it finds something "
                "to do",
            )

    @cached_property
    def name(self) -> str:
        """The name that errors use."""
        function = self.operator.func if isinstance(self.operator, partial) else self.operator
        return str(getattr(function, "__qualname__", type(function).__qualname__))

    def _check_name(self) -> None:
        """Refuse what the record of a run could not name."""
        whole = self.operator
        parts = {"use": whole.func, **whole.keywords} if isinstance(whole, partial) else {"use": whole}
        printed = json.dumps(to_plain(parts))
        if '"<' in printed or "=<" in printed:
            self._refuse(
                "have a name that prints without an address",
                repr(self.operator),
                "define a function at the top of a module, or a frozen dataclass with __call__",
            )

    def _pickled(self) -> Any:
        try:
            return pickle.loads(pickle.dumps(self.operator))  # noqa: S301 - what was just written
        except Exception as error:  # noqa: BLE001 - whatever the class's own code raises
            self._refuse(
                "pickle",
                f"{type(error).__name__}: {error}",
                "define it at the top of a module, with fields that pickle",
                cause=error,
            )

    def _parents(self, trial: int, seed: int) -> Parents:
        """Return parents of no, one, usual and too many layers in turn, now and then twice the same."""
        space, rng = self.space, np.random.default_rng((seed, trial))

        def parent(kind: int) -> Chromosome:
            depth = {0: 0, 1: 1, 2: space.limits.depth + MANY}.get(kind)
            if depth is None:
                return space.draw(rng) if kind == 3 else space.sample(rng)
            layers = tuple(space.sample_layer(rng) for _ in range(depth))
            return Chromosome(layers, space.head.sample(rng), space.recipe.sample(rng))

        first = parent(trial % 5)
        if self.n_parents == 1:
            return (first,)
        return (first, first if trial % 11 == 10 else parent(trial // 5 % 5))

    def _check_purity(self, parents: Parents, copy: Any, address: tuple[int, int]) -> Parents:
        """Return the offspring of a stream, if it always is the same and nothing else has changed."""
        before = [json.dumps(parent.to_json()) for parent in parents]
        texts = [parent.text for parent in parents]
        results = []
        for operator, other_seed in ((self.operator, 1), (self.operator, 2), (copy, 2)):
            seed_everything(other_seed)
            states = random_states()
            results.append(self._applied(operator, parents, np.random.default_rng(address), texts))
            if drawn := moved(states):
                self._refuse("draw from rng alone", f"drawn from {drawn}", "call rng's methods", parents)
            after = [json.dumps(parent.to_json()) for parent in parents]
            if after != before:
                value = _texts(tuple(map(replace, parents)))  # copies, which have no text from before
                self._refuse(
                    "leave its parents as they are", value, "make offspring with dataclasses.replace", texts
                )
        first, second, third = results
        if first != second:
            value = f"{_texts(first)}, then {_texts(second)}"
            remedy = "draw from rng alone, and keep nothing between calls"
            self._refuse("breed the same from the same rng state", value, remedy, parents)
        if first != third:
            value = f"{_texts(first)}, and {_texts(third)} after pickling"
            remedy = "keep all its settings in fields that pickle"
            self._refuse("breed the same after pickling", value, remedy, parents)
        return first

    def _applied(
        self, operator: Any, parents: Parents, rng: np.random.Generator, texts: list[str]
    ) -> Parents:
        """Return what an operator returns, as a tuple, if it is made of chromosomes of the space."""
        try:
            result = operator(*parents, self.space, rng)
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            value = f"{type(error).__name__}: {error}, raised"
            remedy = "return parents as they are where there is nothing to do"
            self._refuse("return offspring of any parents", value, remedy, texts, cause=error)
        if self.n_parents == 1:
            result = (result,)
        if not isinstance(result, tuple) or len(result) != self.n_parents:
            self._refuse("return a pair of chromosomes", repr(result), "return (daughter, son)", texts)
        for child in result:
            self._check_type(child, texts)
        return result

    def _check_type(self, child: Any, texts: list[str]) -> None:
        if not isinstance(child, Chromosome):
            self._refuse("return chromosomes", repr(child), "make one with dataclasses.replace", texts)
        if not isinstance(child.layers, tuple):
            value = f"layers of type {type(child.layers).__name__}"
            self._refuse("return chromosomes whose layers are a tuple", value, "call tuple(layers)", texts)
        for gene in child.layers:
            if not isinstance(gene, LayerGene) or self.space.alleles_of(gene) is None:
                names = ", ".join(kind.name() for kind in self.space.genes)
                remedy = f"take genes of {names}, for instance from space.sample_layer(rng)"
                self._refuse("return genes of the space's types", repr(gene), remedy, texts)
        if type(child.head) is not Head or type(child.recipe) is not Recipe:
            value = f"{child.head!r} and {child.recipe!r}"
            self._refuse("return chromosomes with a Head and a Recipe", value, "keep a parent's", texts)

    def _check_decodes(self, child: Chromosome, parents: Parents, *, is_trained: bool) -> None:
        """Refuse a child that cannot be written down, repaired, built or trained."""
        remedy = "change genes with dataclasses.replace, which checks their fields"
        try:
            is_read_back = self.space.from_json(json.loads(json.dumps(child.to_json()))) == child
            repaired = self.space.repair(child).genome
            is_read_back &= self.space.parse(repaired.text) == repaired
            is_repaired = self.space.repair(repaired).genome == repaired
        except Exception as error:  # noqa: BLE001 - whatever a gene with forced values raises
            value = f"{type(error).__name__}: {error}, raised for {child!r}"
            self._refuse("breed what can be written down and repaired", value, remedy, parents, cause=error)
        if not is_read_back:
            self._refuse("breed what its JSON and text forms give back", repr(child), remedy, parents)
        if not is_repaired:
            self._refuse("breed what repair leaves as it is once repaired", child.text, remedy, parents)
        if is_trained and (reason := self._failure(repaired)):
            value = f"{repaired.text}, and {reason}"
            self._refuse("breed what builds and trains with finite loss", value, remedy, parents)

    def _failure(self, chromosome: Chromosome) -> str:
        """Return why a chromosome's training on a small batch failed; empty where it did not."""
        chromosome = replace(chromosome, recipe=chromosome.recipe.having(epochs=0))  # as many as asked for: 1
        try:
            evaluation = self._evaluator(EvaluationRequest(chromosome, Fidelity(1, len(self._images))))
        except Exception as error:  # noqa: BLE001 - whatever building and training raise
            return f"{type(error).__name__}: {error}"
        return "" if evaluation.status is Status.OK else evaluation.reason

    @cached_property
    def _evaluator(self) -> TrainingEvaluator:
        return TrainingEvaluator(self._images, self._images, Protocol(0, self.space.pool_order))

    @cached_property
    def _images(self) -> ImageSet:
        rng, n = np.random.default_rng(0), 4
        pixels = rng.integers(0, 256, (n, *self.space.input_shape), dtype=np.uint8)
        classes = tuple(f"class {index}" for index in range(self.space.n_classes))
        return ImageSet(pixels, np.arange(n, dtype=np.int64) % self.space.n_classes, classes, "noise")

    def _refuse(
        self,
        rule: str,
        value: str,
        remedy: str,
        parents: Parents | list[str] = (),
        *,
        cause: Exception | None = None,
    ) -> NoReturn:
        """Raise ConformanceError with a rule, the value that breaks it, the parents and the way out."""
        texts = [parent.text if isinstance(parent, Chromosome) else parent for parent in parents]
        origin = f" from {' and '.join(map(repr, texts))}" if texts else ""
        message = f"{self.kind} '{self.name}' must {rule}, but it was {value}{origin}; {remedy}"
        raise ConformanceError(message) from cause


def _texts(chromosomes: Parents) -> str:
    return " and ".join(chromosome.text for chromosome in chromosomes)
