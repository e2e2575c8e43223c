"""Grid search: every combination of alleles, in a fixed order, each made when it is asked."""

from collections.abc import Collection, Iterator
from itertools import chain, islice
from math import log10, prod
from typing import Any, Literal

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation
from evocnn.genotype import Alleles, Choice, Space
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding
from evocnn.search.budget import Budget, Ending

N_COUNTED = 10_000  # combinations that are walked before a search begins; beyond, their number is estimated
N_PROBES = 1000  # random walks from which it is estimated


class Grid:
    """Asks every genome that the space's decisions lead to, each once, trained in full; then it is complete.

    The space's given founders come first, whether they are in the grid or not. In the grid the last decision
    changes fastest and the first one slowest: shallow networks come first, and of each architecture all
    recipes in a row. What repair makes equal to a network asked before is skipped when it comes up.

    Args:
        breeding: Makes candidates of genomes.
        steps: Values that stand for a range, evenly on its scale, both bounds among them.
        limit: Combinations above which a grid is refused; above 10,000 they are estimated.

    Raises:
        ExperimentError: There are more combinations, or fewer than two steps.
    """

    def __init__(self, breeding: Breeding, steps: int = 3, limit: int = N_COUNTED) -> None:
        if steps < 2:
            message = f"steps of a grid must be at least 2, but they were {steps}; raise them"
            raise ExperimentError(message)
        self._breeding = breeding
        self._steps = steps
        space = breeding.space
        n_walked = min(limit, N_COUNTED)
        n_combinations = sum(1 for _ in islice(walk(space, steps), n_walked + 1))
        self._is_exact = n_combinations <= n_walked
        if not self._is_exact:
            n_combinations = max(n_combinations, estimated_size(space, steps))
        if n_combinations > limit:
            message = (
                f"a grid must hold at most {limit:,} combinations, but it held about "
                f"{_counted(n_combinations)}; give fewer alleles or less depth, hold segments, or "
                "allow as many: { use = 'grid', limit = N }"
            )
            raise ExperimentError(message)
        self._n_combinations = n_combinations
        self._candidates = self._distinct()

    def plan(self, budget: Budget) -> str:
        """Return the size of the grid, and how much of it a budget leaves out, if that is soon."""
        n_founders = len(self._breeding.space.founders)
        about = "" if self._is_exact else "about "
        text = f"grid: {about}{_counted(self._n_combinations)} combinations"
        if n_founders:
            text += f" and {n_founders} given founders"
        text += "; what is the same after repair counts once"
        first = islice(self._distinct(), N_COUNTED)
        return text + budget.unpaid(candidate.request.fidelity.stop for candidate in first)

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | Literal[Ending.COMPLETE]:
        """Return the next genome of the grid."""
        del ticket, rng
        return next(self._candidates, Ending.COMPLETE)

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Ignore what was found."""

    def needed_states(self) -> Collection[int]:
        """Return nothing: no candidate is continued."""
        return ()

    def _distinct(self) -> Iterator[Candidate]:
        """Yield the founders and the combinations, each network once."""
        space = self._breeding.space
        keys: set[str] = set()
        for genome in chain(space.founders, walk(space, self._steps)):
            candidate = self._breeding.given(genome)
            if candidate.request.genome.key not in keys:
                keys.add(candidate.request.genome.key)
                yield candidate


def walk(space: Space[Any], steps: int) -> Iterator[Any]:
    """Yield every genome that a space's decisions lead to, before repair, the last decision fastest."""
    places: list[int] = []  # of the alleles chosen, one a decision
    while True:
        sizes: list[int] = []

        def choose(name: str, alleles: Alleles, sizes: list[int] = sizes) -> Any:
            del name
            values = _values(alleles, steps)
            if len(sizes) == len(places):
                places.append(0)
            sizes.append(len(values))
            return values[places[len(sizes) - 1]]

        yield space.compose(choose)
        while places and places[-1] + 1 == sizes[len(places) - 1]:
            places.pop()
        if not places:
            return
        places[-1] += 1


def estimated_size(space: Space[Any], steps: int) -> int:
    """Return about how many combinations a grid has: a mean over random walks, without bias.

    Knuth (1975), "Estimating the Efficiency of Backtrack Programs". The walks are the same each time.
    """
    rng = np.random.default_rng(0)
    total = 0
    for _ in range(N_PROBES):
        sizes: list[int] = []

        def choose(name: str, alleles: Alleles, sizes: list[int] = sizes) -> Any:
            del name
            values = _values(alleles, steps)
            sizes.append(len(values))
            return values[int(rng.integers(len(values)))]

        space.compose(choose)
        total += prod(sizes)
    return total // N_PROBES


def _values(alleles: Alleles, steps: int) -> tuple[Any, ...]:
    """Return the alleles that a grid takes; of a range, `steps` on its scale."""
    if isinstance(alleles, Choice):
        return alleles.values
    return tuple(dict.fromkeys(alleles.at(step / (steps - 1)) for step in range(steps)))


def _counted(number: int) -> str:
    """Return a number in full up to a million, as a power of ten beyond."""
    return f"{number:,}" if number < 1_000_000 else f"10^{log10(number):.0f}"
