"""DEAP's fitness, with weights and constraint violation of its own: no `creator`, no global state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deap import base

from evocnn.genotype import Genome


class Fitness(base.Fitness):  # type: ignore[misc]
    """A DEAP fitness whose weights come from the objectives.

    Attributes:
        weights: As in DEAP.
        violation: By how much constraints are missed; 0 if feasible.
        crowding_dist: DEAP's name for the crowding distance, set by selection.
    """

    def __init__(
        self, weights: Sequence[float], values: Sequence[float] = (), violation: float = 0.0
    ) -> None:
        self.weights = tuple(weights)
        self.violation = violation
        self.rank = 0
        self.crowding_dist = 0.0
        super().__init__(values)

    def dominates(self, other: "Fitness", obj: slice = slice(None)) -> bool:
        """Return whether this fitness is better: constrained domination (Deb 2002, definition 1)."""
        if self.violation != other.violation:
            return self.violation < other.violation
        return bool(super().dominates(other, obj)) and self.violation == 0

    def __eq__(self, other: object) -> bool:
        """Return whether values and violation are equal."""
        return isinstance(other, Fitness) and (self.wvalues, self.violation) == (
            other.wvalues,
            other.violation,
        )

    def __hash__(self) -> int:
        """Return a hash of values and violation, as DEAP's sorting needs."""
        return hash((self.wvalues, self.violation))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Fitness":
        """Return a copy that keeps rank and crowding distance, which DEAP's own drops."""
        copy = Fitness(self.weights, violation=self.violation)
        copy.wvalues, copy.rank, copy.crowding_dist = self.wvalues, self.rank, self.crowding_dist
        return copy


@dataclass(eq=False, slots=True)
class Individual:
    """A told candidate in a population; it never leaves the driver.

    Attributes:
        ticket: Its ticket.
        genome: Its genome.
        fitness: Its fitness.
    """

    ticket: int
    genome: Genome
    fitness: Fitness
