"""Islands: several populations that exchange a member now and then."""

from collections.abc import Collection

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Objectives
from evocnn.search.algorithm import Candidate
from evocnn.search.algorithms.generational import MIN_PARENTS
from evocnn.search.algorithms.nsga2 import SteadyStateNSGA2
from evocnn.search.breeding import Breeding
from evocnn.search.rungs import Rungs


class Islands:
    """Gives tickets in turn to islands of steady-state NSGA-II; from each, one migrates to the next.

    The islands form a ring and know what any of them has asked. Migrants are any members of the front, and
    stay where they are, too. Machines know nothing of islands.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Individuals of all islands together.
        rungs: Where training is halted to be judged.
        n_islands: Number of islands.
        migrate_every: Tickets between two migrations.

    Raises:
        ExperimentError: An option is out of its range, or the population too small for its islands.

    Alba and Troya (1999), "A Survey of Parallel Distributed Genetic Algorithms", section 3.
    """

    def __init__(
        self,
        breeding: Breeding,
        objectives: Objectives,
        population: int,
        rungs: Rungs | None = None,
        *,
        n_islands: int = 4,
        migrate_every: int = 25,
    ) -> None:
        if n_islands < 1 or migrate_every < 1:
            message = (
                f"n_islands and migrate_every must be at least 1, but they were {n_islands} and "
                f"{migrate_every}; raise them"
            )
            raise ExperimentError(message)
        if population < MIN_PARENTS * n_islands:
            message = (
                f"a population must have at least {MIN_PARENTS} individuals for each of {n_islands} islands, "
                f"but it was {population}; raise it or take fewer islands"
            )
            raise ExperimentError(message)
        sizes = [population // n_islands + (place < population % n_islands) for place in range(n_islands)]
        self._islands = [
            SteadyStateNSGA2(breeding, objectives, size, rungs, local_search=0.0, proposals=1)
            for size in sizes
        ]
        self._migrate_every = migrate_every

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return what the island whose turn it is asks for."""
        if ticket % self._migrate_every == 0:
            self._migrate(rng)
        return self._island(ticket).ask(ticket, rng)

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Tell the island that asked."""
        self._island(ticket).tell(ticket, evaluation)

    def needed_states(self) -> Collection[int]:
        """Return the tickets that any island needs."""
        return {ticket for island in self._islands for ticket in island.needed_states()}

    def _island(self, ticket: int) -> SteadyStateNSGA2:
        return self._islands[ticket % len(self._islands)]

    def _migrate(self, rng: np.random.Generator) -> None:
        """Send one member of each front, drawn at random, to the next island; all leave at once."""
        fronts = [island.front() for island in self._islands]
        for place, front in enumerate(fronts):
            if front:
                migrant = front[int(rng.integers(len(front)))]
                self._islands[(place + 1) % len(self._islands)].welcome(migrant)
