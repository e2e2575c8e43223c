"""The classic genetic algorithm of one objective: (mu + lambda) on a weighted sum."""

from evocnn.evaluation import Objectives
from evocnn.operators import select_weighted_sum
from evocnn.search.algorithms.generational import Generational
from evocnn.search.breeding import Breeding
from evocnn.search.rungs import Rungs


class WeightedSum(Generational):
    """Keeps those of parents and offspring whose weighted sum of all objectives is largest.

    Each objective counts its weight times its value on the scale on which it is compared, such as
    `accuracy - 0.1 * log10(parameters)` for weights of 1 and -0.1. Those that miss floors or ceilings come
    after all others. There are as many offspring as parents: (mu + mu).

    Args:
        breeding: Makes founders and offspring.
        objectives: What is summed.
        population: Survivors of a generation, and candidates that are looked at in it.
        rungs: Where training is halted to be judged.

    Baeck, Fogel and Michalewicz (1997), "Handbook of Evolutionary Computation", section B1.3.
    """

    def __init__(
        self, breeding: Breeding, objectives: Objectives, population: int, rungs: Rungs | None = None
    ) -> None:
        super().__init__(breeding, objectives, population, rungs, select_weighted_sum)
