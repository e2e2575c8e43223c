"""What an algorithm is: it answers tickets with candidates and hears what became of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from evocnn.evaluation import Evaluation, EvaluationRequest
from evocnn.operators import Offspring
from evocnn.search.budget import Budget, Ending


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an algorithm asks for under one ticket.

    A continuation has the parents, operators and repairs of the candidate that it continues.

    Attributes:
        request: The evaluation.
        parents: Tickets of the parents; empty for a founder.
        operators: Names of the operators that made it, in order of application.
        repairs: What repair had to change, counted by kind.
    """

    request: EvaluationRequest
    parents: tuple[int, ...] = ()
    operators: tuple[str, ...] = ()
    repairs: Mapping[str, int] = field(default_factory=dict)


class Algorithm(Protocol):
    """A search strategy. What it does may depend on what it was told and on the streams, nothing else."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | Literal[Ending.COMPLETE] | None:
        """Return the candidate of a ticket, None where more must be told before, or that there is no more.

        Args:
            ticket: 0-based, rising by one; asked again with the same number after None.
            rng: The ticket's own stream.
        """
        ...

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; failed ones, too."""
        ...

    def needed_states(self) -> Collection[int]:
        """Return the tickets told whose saved states it may still ask for; the driver drops all others.

        One that is asked for after all is not lost: it is trained anew.
        """
        ...


@runtime_checkable
class Planned(Protocol):
    """An algorithm that knows ahead of a search what it will ask, or how it ends."""

    def plan(self, budget: Budget) -> str:
        """Return in a line what will be asked, and what of it a budget does not pay for."""
        ...


@runtime_checkable
class Concluding(Protocol):
    """An algorithm that has more to say of how a search ended than that it did."""

    def outcome(self) -> str:
        """Return in a line what was found, and why no more was asked."""
        ...


class Variation(Protocol):
    """How offspring are made; `evocnn.operators.Variation` for chromosomes."""

    def breed(self, mother: Any, father: Any, space: Any, rng: np.random.Generator, /) -> Offspring:
        """Return one offspring, repaired, with the operators that made it.

        Where mother and father are the same, it is a neighbour: one mutation, no crossover.
        """
        ...

    def breed_both(
        self, mother: Any, father: Any, space: Any, rng: np.random.Generator, /
    ) -> tuple[Offspring, Offspring]:
        """Return both offspring of a crossover, or one of each parent where nothing is crossed.

        Of the second, number of parents and `takes_after` count from the father: his are 1 and 0.
        """
        ...

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Take whether an offspring made by these operators survived selection."""
        ...
