"""One executor for many threads: each waits for its own evaluation, one drives them all."""

from concurrent.futures import Future
from itertools import count
from queue import SimpleQueue

from evocnn.evaluation import Evaluation, EvaluationRequest
from evocnn.workers.executor import Executor

ARRIVAL_SECONDS = 0.05  # after which a request that came in meanwhile is noticed


class SharedExecutor:
    """Evaluates what threads ask for, by an executor that is no business of theirs.

    Args:
        executor: Evaluates; only the thread that drives touches it.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._arrivals: SimpleQueue[tuple[EvaluationRequest, Future[Evaluation]]] = SimpleQueue()

    def evaluate(self, request: EvaluationRequest) -> Evaluation:
        """Return the evaluation once somebody who drives has made it."""
        answer: Future[Evaluation] = Future()
        self._arrivals.put((request, answer))
        return answer.result()

    def drive(self) -> None:
        """Evaluate for ever what is asked for; raises what the executor raises."""
        tickets = count()
        answers: dict[int, Future[Evaluation]] = {}
        while True:
            while self._executor.n_idle > 0 and not (answers and self._arrivals.empty()):
                request, answer = self._arrivals.get()  # waits where there is nothing else to do
                ticket = next(tickets)
                answers[ticket] = answer
                self._executor.submit(ticket, request)
            for ticket, evaluation in self._executor.wait(ARRIVAL_SECONDS):
                answers.pop(ticket).set_result(evaluation)
