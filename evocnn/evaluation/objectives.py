"""Objectives, derived from raw metrics: changing them re-ranks a finished run without training."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation.evaluation import Evaluation
from evocnn.evaluation.fitness import Fitness
from evocnn.evaluation.metrics import SHARES, UNTRAINED

LEAST = 1e-6  # smaller values are alike on a log scale


@dataclass(frozen=True)
class Objective:
    """One thing that a search maximizes or minimizes.

    Attributes:
        name: A metric's name.
        weight: Above 0 to maximize, below 0 to minimize, as in DEAP.
        log: Whether the value is compared as its decimal logarithm.
        floor: A candidate below it is infeasible.
        ceiling: A candidate above it is infeasible.
        reference: The worst value that counts, in the metric's unit: the hypervolume's corner.
    """

    name: str
    weight: float
    log: bool = False
    floor: float | None = None
    ceiling: float | None = None
    reference: float = 0.0

    def raw(self, metrics: Mapping[str, float]) -> float:
        """Return the value in the metric's own unit.

        Raises:
            ExperimentError: There is no such metric.
        """
        if self.name not in metrics:
            message = (
                f"objective '{self.name}' must be a metric among {sorted(metrics)}; correct the name "
                "or give it a measure"
            )
            raise ExperimentError(message)
        return metrics[self.name]

    def scaled(self, value: float) -> float:
        """Return a raw value on the scale on which it is compared; on a log scale, 0 counts as LEAST."""
        return log10(max(value, LEAST)) if self.log else value

    def violation(self, value: float) -> float:
        """Return by what share a raw value misses floor or ceiling; 0 where it keeps both."""
        below = 0.0 if self.floor is None else max(0.0, self.floor - value) / (abs(self.floor) or 1.0)
        above = 0.0 if self.ceiling is None else max(0.0, value - self.ceiling) / (abs(self.ceiling) or 1.0)
        return below + above


@dataclass(frozen=True)
class Objectives:
    """The objectives of a search, in order."""

    items: tuple[Objective, ...]

    @property
    def weights(self) -> tuple[float, ...]:
        """DEAP's weights."""
        return tuple(objective.weight for objective in self.items)

    @property
    def alike(self) -> np.ndarray:
        """Which objectives are shares of images, on one scale, shape `(n_objectives,)`."""
        return np.array([o.name in SHARES and not o.log for o in self.items])

    @property
    def reference_point(self) -> dict[str, float]:
        """The hypervolume's corner, in the metrics' own units."""
        return {objective.name: objective.reference for objective in self.items}

    @property
    def reference_losses(self) -> np.ndarray:
        """The hypervolume's corner as losses, shape `(n_objectives,)`."""
        return self.losses([objective.scaled(objective.reference) for objective in self.items])

    @property
    def worst_losses(self) -> np.ndarray:
        """The worst losses that are feasible and count, shape `(n_objectives,)`: a bound or the reference."""
        worst = self.reference_losses
        for bound in ("floor", "ceiling"):
            values = [getattr(objective, bound) for objective in self.items]
            scaled = [
                objective.scaled(objective.reference if value is None else value)
                for objective, value in zip(self.items, values, strict=True)
            ]
            worst = np.minimum(worst, self.losses(scaled))
        return worst

    def fitness(self, evaluation: Evaluation, *, is_full: bool = True) -> Fitness:
        """Return the DEAP fitness of an evaluation whose status is ok.

        Args:
            evaluation: The evaluation.
            is_full: Whether training went to its end; before, floors and ceilings count only where
                training changes nothing any more.
        """
        raw = [objective.raw(evaluation.metrics) for objective in self.items]
        values = [o.scaled(value) for o, value in zip(self.items, raw, strict=True)]
        violations = [o.violation(value) for o, value in zip(self.items, raw, strict=True)]
        counted = [is_full or objective.name in UNTRAINED for objective in self.items]
        return Fitness(
            self.weights, values, sum(v for v, counts in zip(violations, counted, strict=True) if counts)
        )

    def losses(self, values: list[float] | tuple[float, ...]) -> np.ndarray:
        """Return scaled values as losses, lower is better, in units of the scale, shape `(n_objectives,)`."""
        losses: np.ndarray = -np.sign(self.weights) * np.asarray(values, dtype=float)
        return losses
