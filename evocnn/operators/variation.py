"""Breeding: which operators are applied to which parents, and what is recorded of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from evocnn.errors import OperatorError, own_line
from evocnn.genotype import Chromosome, Head, LayerGene, Recipe, Repaired, SearchSpace
from evocnn.operators.protocols import Crossover, Mutation
from evocnn.operators.rates import FixedRates, Rates, Strategy, Weighted


class Offspring(NamedTuple):
    """What breeding gives.

    Attributes:
        genome: The offspring, repaired.
        operators: Names of the operators that changed something, in order of application.
        n_parents: 1 if the mother alone was used, 2 with the father.
        repairs: What repair had to change, counted by kind.
        takes_after: 0 if its layers begin as the mother's, 1 if as the father's.
    """

    genome: Any
    operators: tuple[str, ...]
    n_parents: int
    repairs: Mapping[str, int]
    takes_after: int = 0


@dataclass(frozen=True)
class Variation:
    """Crossover at a rate, then mutation; what comes out is repaired. One that is both parents is mutated.

    An offspring that would be the same network as a parent is mutated; a mutation that changes
    nothing gives way to another one, each tried once. So hardly any offspring repeats its parents.

    Attributes:
        crossovers: Crossovers; one is drawn by weight.
        mutations: Mutations; one is drawn by weight for each offspring.
        crossover_rate: Probability that an offspring has two parents.
        mutation_rate: Probability that an offspring of two parents is mutated, too; one of a
            single parent always is.
        rates: What decides how often each operator is drawn.
    """

    crossovers: Sequence[Weighted[Crossover]]
    mutations: Sequence[Weighted[Mutation]]
    crossover_rate: float = 0.5
    mutation_rate: float = 0.7
    rates: Rates = field(default_factory=FixedRates)

    def breed(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator
    ) -> Offspring:
        """Return one offspring, with the operators that made it.

        Raises:
            OperatorError: An operator raised, or returned something that is no chromosome.
        """
        strategy = self.rates.inherited(mother, self.mutations, rng)
        name, pair = self._crossed(mother, father, strategy, space, rng)
        takes_after = 0 if name is None else int(rng.integers(2))
        made = self._finished(pair[takes_after], name, (mother, father), space, rng, strategy=strategy)
        # a mother's copy is the mother's, whoever's place it took
        return made._replace(takes_after=takes_after * (made.n_parents - 1))

    def breed_both(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator
    ) -> tuple[Offspring, Offspring]:
        """Return both offspring of a crossover, or one of each parent; the second has the father first.

        Raises:
            OperatorError: An operator raised, or returned something that is no chromosome.
        """
        mothers, fathers = (self.rates.inherited(one, self.mutations, rng) for one in (mother, father))
        name, (first, second) = self._crossed(mother, father, mothers, space, rng)
        return (
            self._finished(first, name, (mother, father), space, rng, strategy=mothers),
            self._finished(second, name, (father, mother), space, rng, strategy=fathers),
        )

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Take whether an offspring made by these operators survived selection."""
        self.rates.learn(operators, succeeded=succeeded)

    def _crossed(
        self,
        mother: Chromosome,
        father: Chromosome,
        strategy: Strategy,
        space: SearchSpace,
        rng: np.random.Generator,
    ) -> tuple[str | None, tuple[Any, Any]]:
        """Return a crossover's name and what it returned, or None and the parents."""
        is_drawn = bool(self.crossovers) and rng.random() < self.crossover_rate
        if not is_drawn or mother.key == father.key:
            return None, (mother, father)
        crossover = self._drawn(self.crossovers, strategy, rng)[0]
        pair = _applied(crossover, mother, father, space, rng)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise OperatorError(_complaint(crossover.name, "a pair of chromosomes", pair, (mother, father)))
        return crossover.name, pair

    def _finished(
        self,
        made: Any,
        crossover: str | None,
        parents: tuple[Chromosome, Chromosome],
        space: SearchSpace,
        rng: np.random.Generator,
        *,
        strategy: Strategy,
    ) -> Offspring:
        """Return what a crossover made, or without one the first parent, after repair and mutation."""
        mother, father = parents
        names: tuple[str, ...] = ()
        known, child = {mother.key}, Repaired(mother, {})
        if crossover is not None:
            known.add(father.key)
            child = space.repair(space.rooted(_checked(made, crossover, parents, space), mother))
            names = (crossover,) if child.genome.key not in known else ()
        n_parents = 2 if child.genome.key != mother.key else 1
        if not names or rng.random() < self.mutation_rate:
            for mutation in self._drawn(self.mutations, strategy, rng):
                mutant = _applied(mutation, child.genome, space, rng)
                mutant = _checked(mutant, mutation.name, (child.genome,), space)
                repaired = space.repair(space.rooted(mutant, child.genome))
                if repaired.genome.key not in {*known, child.genome.key}:
                    changes = Counter(child.changes) + Counter(repaired.changes)
                    child, names = Repaired(repaired.genome, dict(changes)), (*names, mutation.name)
                    break
        child = space.repair(mother) if crossover is None and not names else child
        return Offspring(child.genome.carrying(strategy), names, n_parents, child.changes)

    def _drawn(
        self, operators: Sequence[Weighted[Any]], strategy: Strategy, rng: np.random.Generator
    ) -> list[Weighted[Any]]:
        """Return operators in the order of a draw by weight without replacement."""
        weights = np.array(self.rates.weights(operators, strategy))
        order = np.argsort(rng.standard_exponential(len(operators)) / weights)  # Efraimidis, Spirakis 2006
        return [operators[int(index)] for index in order]


def _applied(operator: Weighted[Any], *arguments: Any) -> Any:
    """Return what an operator returns.

    Raises:
        OperatorError: It raised or changed a parent; the error names operator and parents, and chains what
            it raised.
    """
    parents = [argument for argument in arguments if isinstance(argument, Chromosome)]
    before = [hash(parent) for parent in parents]
    try:
        made = operator.operator(*arguments)
    except Exception as error:
        message = (
            f"operator '{operator.name}' must return offspring, but it raised {error!r}{own_line(error)} on "
            f"{'; '.join(parent.text for parent in parents)}; correct the operator"
        )
        raise OperatorError(message) from error
    for parent, digest in zip(parents, before, strict=True):
        if _is_other(parent, digest):
            message = (
                f"operator '{operator.name}' must leave its parents as they are, but it changed {parent.text}"
                "; build the offspring with dataclasses.replace"
            )
            raise OperatorError(message)
    return made


def _is_other(parent: Chromosome, digest: int) -> bool:
    """Return whether a chromosome no longer has a hash that it had."""
    try:
        return hash(parent) != digest
    except TypeError:  # a list in place of a tuple
        return True


def _checked(child: Any, name: str, parents: Sequence[Chromosome], space: SearchSpace) -> Chromosome:
    """Return what an operator made of parents if it is a chromosome of the space's layer genes."""
    if not isinstance(child, Chromosome) or not isinstance(child.layers, tuple):
        raise OperatorError(_complaint(name, "a chromosome", child, parents))
    for gene in child.layers:
        if not isinstance(gene, LayerGene) or space.alleles_of(gene) is None:
            raise OperatorError(_complaint(name, "a chromosome of the space's layer genes", gene, parents))
    if not isinstance(child.head, Head) or not isinstance(child.recipe, Recipe):
        raise OperatorError(_complaint(name, "a chromosome with a head and a recipe", child, parents))
    return child


def _complaint(name: str, rule: str, value: object, parents: Sequence[Chromosome]) -> str:
    texts = "; ".join(parent.text for parent in parents)
    return f"operator '{name}' must return {rule}, but it was {value!r} on {texts}; correct the operator"
