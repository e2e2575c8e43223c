"""Vectors of real numbers in [0, 1]: genome, space, variation, and an evaluator of functions."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evocnn.errors import GeneError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import JSON, Choose, Fidelity, Range, Repaired
from evocnn.operators import Offspring, deap_operator, seeded_random

_CROSSOVER = deap_operator("cxSimulatedBinaryBounded")
_MUTATION = deap_operator("mutPolynomialBounded")


@dataclass(frozen=True)
class RealVector:
    """A genome of real numbers."""

    values: tuple[float, ...]

    @cached_property
    def key(self) -> str:
        """Content hash: the first 32 hex digits of the SHA-256 of the JSON form."""
        return hashlib.sha256(json.dumps(self.values).encode()).hexdigest()[:32]

    @property
    def text(self) -> str:
        """The values to three digits, separated by spaces."""
        return " ".join(f"{value:.3g}" for value in self.values)

    def to_json(self) -> JSON:
        """Return the values as a list."""
        return list(self.values)


@dataclass(frozen=True)
class RealSpace:
    """Vectors in the unit cube; evaluating each costs the same.

    Attributes:
        n_variables: Their length.
    """

    n_variables: int

    @property
    def founders(self) -> tuple[RealVector, ...]:
        """None."""
        return ()

    def draw(self, rng: np.random.Generator, /) -> RealVector:
        """Return a vector, uniform in the cube."""
        return RealVector(tuple(rng.random(self.n_variables).tolist()))

    def compose(self, choose: Choose, /) -> RealVector:
        """Return the vector of the decisions `x1`, `x2`, ..., each a number in [0, 1]."""
        unit = Range(0.0, 1.0)
        return RealVector(tuple(float(choose(name, unit)) for name in self._names))

    def describe(self, genome: RealVector, /) -> dict[str, float]:
        """Return the values as `x1`, `x2`, ...."""
        return dict(zip(self._names, genome.values, strict=True))

    def repair(self, genome: RealVector, /) -> Repaired[RealVector]:
        """Return the nearest vector in the cube; `clipped` counts the values that lay outside."""
        clipped = tuple(min(max(value, 0.0), 1.0) for value in genome.values)
        n_clipped = sum(one != other for one, other in zip(clipped, genome.values, strict=True))
        return Repaired(RealVector(clipped), {"clipped": n_clipped}) if n_clipped else Repaired(genome, {})

    def fidelity(self, genome: RealVector, fidelity: Fidelity, /) -> Fidelity:
        """Return the fidelity itself."""
        del genome
        return fidelity

    def cost(self, genome: RealVector, fidelity: Fidelity, /) -> float:
        """Return a second for each epoch."""
        del genome
        return float(fidelity.stop)

    def from_json(self, value: JSON, /) -> RealVector:
        """Return the vector that `to_json` wrote.

        Raises:
            GeneError: It is no list of as many numbers.
        """
        if not isinstance(value, list) or len(value) != self.n_variables or not _are_numbers(value):
            message = (
                f"a vector must be a list of {self.n_variables} numbers, but it was {value!r}; correct it"
            )
            raise GeneError(message)
        return RealVector(tuple(map(float, value)))  # type: ignore[arg-type]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(f"x{number + 1}" for number in range(self.n_variables))


def _are_numbers(values: Sequence[JSON]) -> bool:
    return all(type(value) in (int, float) for value in values)


@dataclass(frozen=True)
class RealVariation:
    """Simulated binary crossover at a rate, then polynomial mutation, both DEAP's within bounds.

    Deb and Agrawal (1995), "Simulated Binary Crossover for Continuous Search Space"; Deb and Goyal
    (1996), "A Combined Genetic Adaptive Search (GeneAS) for Engineering Design".

    Attributes:
        crossover_rate: Probability that an offspring has two parents.
        crossover_index: The crossover's distribution index; higher stays nearer to the parents.
        mutation_index: The mutation's distribution index.
        mutation_rate: Probability that a value is mutated; 1 / their number if not given.
    """

    crossover_rate: float = 0.9
    crossover_index: float = 15.0
    mutation_index: float = 20.0
    mutation_rate: float | None = None

    def breed(
        self, mother: RealVector, father: RealVector, space: RealSpace, rng: np.random.Generator, /
    ) -> Offspring:
        """Return one offspring, with the operators that changed something."""
        with seeded_random(rng):
            names, pair = self._crossed(mother, father, rng)
            takes_after = int(rng.integers(2)) if names else 0
            return self._finished(pair[takes_after], names, space)._replace(takes_after=takes_after)

    def breed_both(
        self, mother: RealVector, father: RealVector, space: RealSpace, rng: np.random.Generator, /
    ) -> tuple[Offspring, Offspring]:
        """Return both offspring of a crossover, or one of each parent; the second has the father first."""
        with seeded_random(rng):
            names, (first, second) = self._crossed(mother, father, rng)
            return self._finished(first, names, space), self._finished(second, names, space)

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Learn nothing."""

    def _crossed(
        self, mother: RealVector, father: RealVector, rng: np.random.Generator
    ) -> tuple[tuple[str, ...], tuple[list[float], list[float]]]:
        """Return the crossover's name and what it made, or no name and the parents' values."""
        pair = list(mother.values), list(father.values)
        if mother == father or rng.random() >= self.crossover_rate:
            return (), pair
        return ("simulated_binary",), _CROSSOVER(*pair, self.crossover_index, 0.0, 1.0)

    def _finished(self, values: list[float], names: tuple[str, ...], space: RealSpace) -> Offspring:
        """Return an offspring after mutation, of two parents if it was crossed."""
        rate = 1 / space.n_variables if self.mutation_rate is None else self.mutation_rate
        before = tuple(values)
        child = RealVector(tuple(_MUTATION(values, self.mutation_index, 0.0, 1.0, rate)[0]))
        n_parents = 2 if names else 1
        return Offspring(child, (*names, "polynomial") if child.values != before else names, n_parents, {})


@dataclass(frozen=True)
class FunctionEvaluator:
    """Computes a function of a vector; its values are the metrics `f1`, `f2`, ....

    Attributes:
        context: The function's name and numbers, which its values follow from.
        function: From the vector's values to those of the objectives; a function of a module, so that
            it pickles.
    """

    context: str
    function: Callable[[Sequence[float]], Sequence[float]]

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return the function's values."""
        genome: RealVector = request.genome  # type: ignore[assignment]
        values = self.function(genome.values)
        return Evaluation(Status.OK, {f"f{number + 1}": value for number, value in enumerate(values)})
