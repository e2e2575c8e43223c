"""What an algorithm is: it answers tickets with candidates and hears what became of them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from evocnn.evaluation import Evaluation, EvaluationRequest
from evocnn.operators import Offspring


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an algorithm asks for under one ticket.

    Attributes:
        request: The evaluation.
        parents: Tickets of the parents; empty for a founder.
        operators: Names of the operators that made it, in order of application.
    """

    request: EvaluationRequest
    parents: tuple[int, ...] = ()
    operators: tuple[str, ...] = ()


class Algorithm(Protocol):
    """A search strategy. What it does may depend on what it was told and on the streams, nothing else."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | None:
        """Return the candidate of a ticket, or None where more must be told before.

        Args:
            ticket: 0-based, rising by one; asked again with the same number after None.
            rng: The ticket's own stream.
        """
        ...

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; failed ones, too."""
        ...


class Variation(Protocol):
    """How offspring are made; `evocnn.operators.Variation` for chromosomes."""

    def breed(self, mother: Any, father: Any, space: Any, rng: np.random.Generator, /) -> Offspring:
        """Return one offspring, repaired, with the operators that made it."""
        ...
