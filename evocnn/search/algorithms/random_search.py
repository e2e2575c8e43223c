"""Random search: the control that every claim must meet (Bergstra and Bengio 2012)."""

from collections.abc import Collection

import numpy as np

from evocnn.evaluation import Evaluation
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding


class RandomSearch:
    """Asks for founders, nothing else, and trains all of them in full.

    Args:
        breeding: Makes founders.
    """

    def __init__(self, breeding: Breeding) -> None:
        self._breeding = breeding

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return a sample of the space."""
        del ticket
        return self._breeding.founder(rng)

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Ignore what was found."""

    def needed_states(self) -> Collection[int]:
        """Return nothing: no candidate is continued."""
        return ()
