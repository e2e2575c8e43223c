"""Workers on a simulated clock, to study schedules without waiting for them."""

import heapq
from collections.abc import Callable

from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, evaluate_safely


class SimulatedExecutor:
    """Evaluates at once and pretends that each evaluation took a given time.

    Args:
        evaluator: Evaluates each request; cheap, a table for instance.
        n_workers: Simulated workers.
        duration: Simulated seconds of a ticket's evaluation.

    Attributes:
        now: The simulated time, in seconds.
        busy: Simulated seconds that workers were busy, all together.
    """

    def __init__(
        self, evaluator: Evaluator, n_workers: int, duration: Callable[[int, EvaluationRequest], float]
    ) -> None:
        self._evaluator = evaluator
        self._n_workers = n_workers
        self._duration = duration
        self._running: list[tuple[float, int, Evaluation]] = []
        self.now = 0.0
        self.busy = 0.0

    @property
    def n_idle(self) -> int:
        """Simulated workers without work."""
        return self._n_workers - len(self._running)

    @property
    def n_running(self) -> int:
        """Simulated workers at work."""
        return len(self._running)

    @property
    def running(self) -> dict[int, str]:
        """What was submitted and not returned."""
        return {ticket: "simulated" for _, ticket, _ in self._running}

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Evaluate at once; the result is held back until the clock reaches its end."""
        seconds = self._duration(ticket, request)
        self.busy += seconds
        evaluation = evaluate_safely(self._evaluator, request)
        heapq.heappush(self._running, (self.now + seconds, ticket, evaluation))

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Move the clock to the next end and return that evaluation."""
        del timeout
        if not self._running:
            return []
        self.now, ticket, evaluation = heapq.heappop(self._running)
        return [(ticket, evaluation)]

    def close(self) -> None:
        """Do nothing: there is no worker to end."""
