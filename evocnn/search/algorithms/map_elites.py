"""MAP-Elites: the best network of each size and depth, so that there is one for every budget."""

from collections.abc import Collection, Mapping
from math import floor, log
from types import MappingProxyType

import numpy as np

from evocnn.errors import ExperimentError, did_you_mean
from evocnn.evaluation import Evaluation, Individual, Objectives, Status
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding

WIDTHS = MappingProxyType({"log parameters": log(2), "depth": 1.0})  # a cell for each doubling and each layer

Cell = tuple[int, ...]


class MapElites:
    """Keeps the best in each cell of a grid over what describes candidates, and breeds from all of them.

    The best of a cell has the best first objective; others count by their floors and ceilings alone. Parents
    are drawn alike from all cells. All candidates are trained in full.

    Args:
        breeding: Makes founders and offspring.
        objectives: The first of them is optimized.
        population: Number of founders.
        widths: The width of a cell by the name of what spans the grid: a number of the space's `describe`, or
            a metric, such as `flops`.

    Attributes:
        elites: The best found in each cell.

    Raises:
        ExperimentError: A width is not above 0.

    Mouret and Clune (2015), "Illuminating Search Spaces by Mapping Elites", figure 2.
    """

    def __init__(
        self,
        breeding: Breeding,
        objectives: Objectives,
        population: int,
        *,
        widths: Mapping[str, float] = WIDTHS,
    ) -> None:
        if not widths or min(widths.values()) <= 0:
            message = f"widths of map-elites must be above 0, but they were {dict(widths)}; correct them"
            raise ExperimentError(message)
        self._breeding = breeding
        self._objectives = objectives
        self._n_to_found = population
        self._widths = widths
        self._candidates: dict[int, Candidate] = {}  # asked, not yet told
        self.elites: dict[Cell, Individual] = {}

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return a founder, then offspring of elites."""
        if self._n_to_found > 0 or not self.elites:
            self._n_to_found -= 1
            candidate = self._breeding.founder(rng)
        else:
            elites = list(self.elites.values())
            candidate = self._breeding.offspring_of(
                lambda: [elites[int(index)] for index in rng.integers(len(elites), size=2)], rng
            )
        self._candidates[ticket] = candidate
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; unless it failed, it may take its cell.

        Raises:
            ExperimentError: What is to span the grid is unknown.
        """
        candidate = self._candidates.pop(ticket)
        is_elite = False
        if evaluation.status is Status.OK:
            genome = candidate.request.genome
            individual = Individual(ticket, genome, self._objectives.fitness(evaluation))
            cell = self._cell({**evaluation.metrics, **self._breeding.space.describe(genome)})
            is_elite = cell not in self.elites or _merit(individual) > _merit(self.elites[cell])
            if is_elite:
                self.elites[cell] = individual
        self._breeding.learn(candidate, succeeded=is_elite)

    def needed_states(self) -> Collection[int]:
        """Return the tickets of the elites, where their weights may be inherited."""
        return self._breeding.donors(self.elites.values())

    def _cell(self, described: Mapping[str, float]) -> Cell:
        for name in self._widths:
            if name not in described:
                hint = did_you_mean(name, described) or "; give widths = { NAME = WIDTH } with other names"
                message = (
                    f"a width of map-elites must belong to one of {sorted(described)}, but it was for "
                    f"'{name}'{hint}"
                )
                raise ExperimentError(message)
        return tuple(floor(described[name] / width) for name, width in self._widths.items())


def _merit(individual: Individual) -> tuple[float, float]:
    """Return what the best of a cell has most of: constraints kept, then the first objective."""
    return -individual.fitness.violation, individual.fitness.wvalues[0]
