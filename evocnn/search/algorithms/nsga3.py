"""NSGA-III (Deb and Jain 2014): a generation spreads over reference points, not by crowding."""

from functools import partial

from evocnn.evaluation import Objectives
from evocnn.operators import reference_points, select_nsga3
from evocnn.search.algorithms.generational import Generational
from evocnn.search.breeding import Breeding
from evocnn.search.rungs import Rungs


class NSGA3(Generational):
    """Keeps the best by front and by evenly spread directions between the objectives; see `select_nsga3`.

    There are as many directions as the population has room for. Weights matter by their signs alone.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Survivors of a generation, and candidates that are looked at in it.
        rungs: Where training is halted to be judged.
    """

    def __init__(
        self, breeding: Breeding, objectives: Objectives, population: int, rungs: Rungs | None = None
    ) -> None:
        points = reference_points(len(objectives.items), population)
        super().__init__(breeding, objectives, population, rungs, partial(select_nsga3, points=points))
