"""Breeding: which operators are applied to which parents, and what is recorded of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from evocnn.errors import OperatorError
from evocnn.genotype import Chromosome, Head, LayerGene, Recipe, SearchSpace
from evocnn.operators.protocols import Crossover, Mutation

OperatorType = TypeVar("OperatorType", bound=Callable[..., Any])


@dataclass(frozen=True)
class Weighted(Generic[OperatorType]):
    """An operator under its name, with its share among its kind."""

    name: str
    operator: OperatorType
    weight: float = 1.0


class Offspring(NamedTuple):
    """What breeding gives.

    Attributes:
        genome: The offspring, repaired.
        operators: Names of the operators, in order of application.
        n_parents: 1 if the mother alone was used, 2 with the father.
    """

    genome: Any
    operators: tuple[str, ...]
    n_parents: int


@dataclass(frozen=True)
class Variation:
    """Crossover at a rate, then mutation; what comes out is repaired.

    Attributes:
        crossovers: Crossovers; one is drawn by weight.
        mutations: Mutations; one is drawn by weight for each change.
        crossover_rate: Probability that an offspring has two parents.
        mutation_rate: Probability that an offspring of two parents is mutated, too; one of a
            single parent always is.
    """

    crossovers: Sequence[Weighted[Crossover]]
    mutations: Sequence[Weighted[Mutation]]
    crossover_rate: float = 0.5
    mutation_rate: float = 0.7

    def breed(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator
    ) -> Offspring:
        """Return one offspring, with the operators that made it.

        Raises:
            OperatorError: An operator raised, or returned something that is no chromosome.
        """
        names: tuple[str, ...] = ()
        child = mother
        is_crossed = bool(self.crossovers) and rng.random() < self.crossover_rate
        if is_crossed:
            crossover = _draw(self.crossovers, rng)
            pair = _applied(crossover, mother, father, space, rng)
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise OperatorError(_complaint(crossover.name, "a pair of chromosomes", pair))
            child = _checked(pair[int(rng.integers(2))], crossover.name, space)
            names += (crossover.name,)
        if self.mutations and (not is_crossed or rng.random() < self.mutation_rate):
            mutation = _draw(self.mutations, rng)
            child = _checked(_applied(mutation, child, space, rng), mutation.name, space)
            names += (mutation.name,)
        return Offspring(space.repair(child), names, 2 if is_crossed else 1)


def _draw(operators: Sequence[Weighted[OperatorType]], rng: np.random.Generator) -> Weighted[OperatorType]:
    cumulative = np.cumsum([operator.weight for operator in operators])
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    return operators[min(index, len(operators) - 1)]


def _applied(operator: Weighted[Any], *arguments: Any) -> Any:
    """Return what an operator returns.

    Raises:
        OperatorError: It raised; the error names the operator and chains what it raised.
    """
    try:
        return operator.operator(*arguments)
    except Exception as error:
        parents = "; ".join(a.text for a in arguments if isinstance(a, Chromosome))
        message = (
            f"operator '{operator.name}' must return offspring, but it raised {error!r} on {parents}; "
            "correct the operator"
        )
        raise OperatorError(message) from error


def _checked(child: Any, name: str, space: SearchSpace) -> Chromosome:
    """Return what an operator made if it is a chromosome of the space's layer genes."""
    if not isinstance(child, Chromosome) or not isinstance(child.layers, tuple):
        raise OperatorError(_complaint(name, "a chromosome", child))
    for gene in child.layers:
        if not isinstance(gene, LayerGene) or space.alleles_of(gene) is None:
            raise OperatorError(_complaint(name, "a chromosome of the space's layer genes", gene))
    if not isinstance(child.head, Head) or not isinstance(child.recipe, Recipe):
        raise OperatorError(_complaint(name, "a chromosome with a head and a recipe", child))
    return child


def _complaint(name: str, rule: str, value: object) -> str:
    return f"operator '{name}' must return {rule}, but it was {value!r}; correct the operator"
