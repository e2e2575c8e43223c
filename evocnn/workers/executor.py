"""What evaluates requests, one protocol for every kind of worker."""

from collections.abc import Mapping
from typing import Protocol

from evocnn.evaluation import Evaluation, EvaluationRequest


class Executor(Protocol):
    """Takes requests and yields evaluations as they finish, in any order.

    Retries, deadlines and the replacement of dead workers are its own business: every submitted
    ticket comes back exactly once, as an evaluation with some status.
    """

    @property
    def n_idle(self) -> int:
        """Requests that can be submitted now."""
        ...

    @property
    def n_running(self) -> int:
        """Requests that have been submitted and not returned."""
        ...

    @property
    def running(self) -> Mapping[int, str]:
        """Where each of them is being evaluated, in a few words, by ticket; for people to look at."""
        ...

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Start an evaluation; only where `n_idle` is above 0."""
        ...

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Return what has finished, after at most about `timeout` seconds; maybe nothing."""
        ...

    def close(self) -> None:
        """End the workers; what runs is dropped."""
        ...
