"""The classic genetic algorithm of one objective: (mu + lambda) on a weighted sum."""

from evocnn.evaluation import Objective, Objectives
from evocnn.operators import select_weighted_sum
from evocnn.search.algorithms.generational import Generational
from evocnn.search.breeding import Breeding
from evocnn.search.budget import Budget
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

    def plan(self, budget: Budget) -> str:
        """Return what is summed: its weights decide everything."""
        del budget
        terms = " ".join(map(_term, self._objectives.items)).removeprefix("+ ")
        return f"weighted-sum: seeks the largest {terms}, by the weights of [objectives]"

    def outcome(self) -> str:
        """Return which network has the largest sum."""
        told = [one for one in self._found() if self._asked[one.ticket].request.fidelity.is_full]
        found = select_weighted_sum([*self._survivors, *told], 1)
        if not found:
            return "weighted-sum: no network was trained in full"
        (best,) = found
        return f"weighted-sum: ticket {best.ticket} has the largest, {sum(best.fitness.wvalues):.4g}"


def _term(objective: Objective) -> str:
    """Return an objective as a summand, such as `- 0.1 log10(parameters)`."""
    factor = "" if abs(objective.weight) == 1 else f"{abs(objective.weight):g} "
    value = f"log10({objective.name})" if objective.log else objective.name
    return f"{'+' if objective.weight > 0 else '-'} {factor}{value}"
