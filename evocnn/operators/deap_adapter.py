"""Any stock DEAP operator over a list, as a crossover or mutation of the layer segment.

    DeapCrossover(tools.cxMessyOnePoint)
    DeapMutation(tools.mutShuffleIndexes, {"indpb": 0.2})

In an experiment file: `deap:cxTwoPoint`, and with arguments
`{ use = "deap:mutShuffleIndexes", indpb = 0.2 }`.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from deap import tools

from evocnn.errors import ExperimentError, did_you_mean
from evocnn.genotype import Chromosome, SearchSpace

MIN_GENES = 2  # DEAP's cuts need a place between two genes


@contextmanager
def seeded_random(rng: np.random.Generator) -> Iterator[None]:
    """Seed Python's global `random`, from which DEAP draws, out of a stream; put its state back after."""
    state = random.getstate()
    random.seed(int(rng.integers(2**63)))
    try:
        yield
    finally:
        random.setstate(state)


@dataclass(frozen=True)
class DeapCrossover:
    """A DEAP crossover over lists, applied to the layers; head and recipe stay with their parents.

    Parents with fewer than two layer genes pass unchanged.

    Attributes:
        operator: A function of two lists that returns two lists, such as `deap.tools.cxTwoPoint`.
        arguments: Further keyword arguments of the operator.
    """

    operator: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(
        self, mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator, /
    ) -> tuple[Chromosome, Chromosome]:
        """Return two offspring."""
        del space
        if min(len(mother.layers), len(father.layers)) < MIN_GENES:
            return mother, father
        with seeded_random(rng):
            daughter, son = self.operator(list(mother.layers), list(father.layers), **self.arguments)
        return replace(mother, layers=tuple(daughter)), replace(father, layers=tuple(son))


@dataclass(frozen=True)
class DeapMutation:
    """A DEAP mutation over a list, applied to the layers; fewer than two layer genes pass unchanged.

    Attributes:
        operator: A function of a list that returns a one-tuple, such as `deap.tools.mutShuffleIndexes`.
        arguments: Further keyword arguments of the operator.
    """

    operator: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, parent: Chromosome, space: SearchSpace, rng: np.random.Generator, /) -> Chromosome:
        """Return the offspring."""
        del space
        if len(parent.layers) < MIN_GENES:
            return parent
        with seeded_random(rng):
            (child,) = self.operator(list(parent.layers), **self.arguments)
        return replace(parent, layers=tuple(child))


def deap_operator(name: str) -> Callable[..., Any]:
    """Return the operator of `deap.tools` with this name.

    Raises:
        ExperimentError: There is none.
    """
    operators = _operators()
    if name not in operators:
        hint = did_you_mean(name, operators) or "; see deap.tools"
        message = f"a DEAP operator must be one of {sorted(operators)}, but it was '{name}'{hint}"
        raise ExperimentError(message)
    return operators[name]


def deap_name(operator: Callable[..., Any]) -> str | None:
    """Return the name of an operator in `deap.tools`, or None where it is not from there."""
    return next((name for name, known in _operators().items() if known is operator), None)


def _operators() -> dict[str, Callable[..., Any]]:
    return {name: value for name, value in vars(tools).items() if name.startswith(("cx", "mut"))}
