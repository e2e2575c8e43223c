"""What a problem is: all that a search needs, and the answer that it should find."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evocnn.evaluation import Evaluator, Objectives, hypervolume
from evocnn.genotype import Fidelity, Space

ONCE = Fidelity(epochs=1, n_images=1)


@dataclass(frozen=True, eq=False)
class Problem:
    """A search problem whose true front is known and whose evaluations train nothing.

    Attributes:
        name: What it is called.
        space: The search space.
        evaluator: Computes a genome's metrics, or looks them up.
        objectives: What is optimized; their references are the hypervolume's corner.
        variation: How offspring are made, as `evocnn.search.Variation` says.
        front: The true front's losses, lower is better, on the objectives' scales, shape
            `(n_points, n_objectives)`; points along it, where it has no end of them.
        best_hypervolume: The volume that the whole true front dominates, up to the references.
        fidelity: The fidelity of every request; there are no rungs.
    """

    name: str
    space: Space[Any]
    evaluator: Evaluator
    objectives: Objectives
    variation: Any
    front: np.ndarray
    best_hypervolume: float
    fidelity: Fidelity = ONCE

    def gap(self, losses: np.ndarray) -> float:
        """Return 1 - hypervolume / hypervolume of the true front: 0 where all of it was found.

        Scaling an objective to [0, 1] between its best and its reference changes both volumes by the
        same factor, so this is the gap of min-max normalized objectives with the reference (1, 1, ...).

        Args:
            losses: What was found, such as a front's, shape `(n_points, n_objectives)`.
        """
        return 1 - hypervolume(losses, self.objectives.reference_losses) / self.best_hypervolume
