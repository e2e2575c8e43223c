"""Random search: the control that every claim must meet (Bergstra and Bengio 2012)."""

import numpy as np

from evocnn.evaluation import Evaluation
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding


class RandomSearch:
    """Asks for founders, nothing else.

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
