"""How often each operator is drawn: as the experiment says, as chromosomes carry it, or as it pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from evocnn.genotype import Chromosome

OperatorType = TypeVar("OperatorType")


@dataclass(frozen=True)
class Weighted(Generic[OperatorType]):
    """An operator under its name, with its share among its kind."""

    name: str
    operator: OperatorType
    weight: float = 1.0


Operators = Sequence[Weighted[Any]]
Strategy = tuple[tuple[str, float], ...]


class Rates(Protocol):
    """What decides how often an operator is drawn."""

    def inherited(self, mother: Chromosome, mutations: Operators, rng: np.random.Generator, /) -> Strategy:
        """Return the weights of mutations that an offspring carries; empty where none are carried."""
        ...

    def weights(self, operators: Operators, strategy: Strategy, /) -> list[float]:
        """Return each operator's weight among these, for an offspring that carries a strategy."""
        ...

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Take whether an offspring made by these operators survived selection."""
        ...


@dataclass(frozen=True, slots=True)
class FixedRates:
    """Weights stay as the experiment gives them."""

    def inherited(self, mother: Chromosome, mutations: Operators, rng: np.random.Generator, /) -> Strategy:
        """Return nothing."""
        del mother, mutations, rng
        return ()

    def weights(self, operators: Operators, strategy: Strategy, /) -> list[float]:
        """Return the given weights."""
        del strategy
        return [operator.weight for operator in operators]

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Learn nothing."""


@dataclass(frozen=True, slots=True)
class SelfAdaptiveRates(FixedRates):
    """Each chromosome carries weights of mutations, which change by log-normal factors (Schwefel 1981).

    A weight is inherited from the mother, multiplied by `exp(N(0, 1) / sqrt(n))` for n mutations
    (Beyer and Schwefel 2002, section 4.2), and then takes part in drawing the mutation; weights
    that lead to survivors so survive with them. Before each draw they are scaled to the sum of 1, and
    none falls below `least / n`.

    Attributes:
        least: Least weight, as a share of an equal one.
    """

    least: float = 0.1

    def inherited(self, mother: Chromosome, mutations: Operators, rng: np.random.Generator, /) -> Strategy:
        """Return the mother's weights, each changed by a log-normal factor."""
        carried = dict(mother.rates)
        n = max(1, len(mutations))
        factors = np.exp(rng.standard_normal(len(mutations)) / sqrt(n))
        values = [carried.get(m.name, m.weight) * float(f) for m, f in zip(mutations, factors, strict=True)]
        total = sum(values)
        return tuple((m.name, max(v / total, self.least / n)) for m, v in zip(mutations, values, strict=True))

    def weights(self, operators: Operators, strategy: Strategy, /) -> list[float]:
        """Return the carried weights, the given ones where none are carried."""
        carried = dict(strategy)
        return [carried.get(operator.name, operator.weight) for operator in operators]


class CreditRates:
    """Operators whose offspring survive are drawn more often: probability matching (Thierens 2005).

    An operator's quality is a running mean of its successes, of which each new one counts
    `learning_rate`. Its weight is the given one times `least + (1 - least) * quality / best`.

    Args:
        learning_rate: Share of the newest success in the mean.
        least: Least factor of a weight.
    """

    def __init__(self, learning_rate: float = 0.1, least: float = 0.1) -> None:
        self._learning_rate = learning_rate
        self._least = least
        self._quality: dict[str, float] = {}

    def inherited(self, mother: Chromosome, mutations: Operators, rng: np.random.Generator, /) -> Strategy:
        """Return nothing."""
        del mother, mutations, rng
        return ()

    def weights(self, operators: Operators, strategy: Strategy, /) -> list[float]:
        """Return the given weights times what the operators have earned."""
        del strategy
        qualities = [self._quality.get(operator.name, 1.0) for operator in operators]
        best = max(qualities, default=1.0)
        return [
            operator.weight * (self._least + (1 - self._least) * (quality / best if best > 0 else 1.0))
            for operator, quality in zip(operators, qualities, strict=True)
        ]

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Count a success or a failure for each operator."""
        for name in operators:
            old = self._quality.get(name, 1.0)
            self._quality[name] = old + self._learning_rate * (float(succeeded) - old)


RATES: dict[str, type[Rates]] = {
    "fixed": FixedRates,
    "self-adaptive": SelfAdaptiveRates,
    "credit": CreditRates,
}
