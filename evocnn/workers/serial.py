"""Evaluates in this process, one candidate after the other; needs no Ray."""

from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, evaluate_safely


class SerialExecutor:
    """One worker: the calling thread, inside `wait`.

    Args:
        evaluator: Evaluates each request.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._waiting: tuple[int, EvaluationRequest] | None = None

    @property
    def n_idle(self) -> int:
        """1 where nothing has been submitted, 0 otherwise."""
        return 0 if self._waiting else 1

    @property
    def n_running(self) -> int:
        """0 or 1."""
        return 1 if self._waiting else 0

    @property
    def running(self) -> dict[int, str]:
        """What was submitted, in this process."""
        return {self._waiting[0]: "this process"} if self._waiting else {}

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Keep the request for `wait`."""
        self._waiting = ticket, request

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Evaluate what was submitted, however long it takes, and return it."""
        del timeout
        if self._waiting is None:
            return []
        ticket, request = self._waiting
        evaluation = evaluate_safely(self._evaluator, request)
        self._waiting = None
        return [(ticket, evaluation)]

    def close(self) -> None:
        """Do nothing: there is no worker to end."""
