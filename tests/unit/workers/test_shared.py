"""One executor for many threads."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Thread
from typing import Any

import pytest

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.workers.shared import SharedExecutor


class Lot:
    """An executor that answers only where as many as it takes at a time have come, the last one first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.running: dict[int, EvaluationRequest] = {}

    @property
    def n_idle(self) -> int:
        return self.size - len(self.running)

    @property
    def n_running(self) -> int:
        return len(self.running)

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        assert self.n_idle > 0
        assert ticket not in self.running
        self.running[ticket] = request

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        if self.n_idle:
            return []
        ticket, request = self.running.popitem()
        if request.replicate < 0:
            raise RuntimeError("the GPU is lost")
        return [(ticket, Evaluation(Status.OK, {"replicate": float(request.replicate)}))]

    def close(self) -> None:
        self.running.clear()


def asking(replicate: int) -> EvaluationRequest:
    genome: Any = None
    return EvaluationRequest(genome, Fidelity(1, 1), replicate)


def test_every_thread_gets_its_own_evaluation_and_they_run_at_the_same_time() -> None:
    shared = SharedExecutor(Lot(4))
    Thread(target=shared.drive, daemon=True).start()
    threads = ThreadPoolExecutor(7)
    answers = [threads.submit(shared.evaluate, asking(n)) for n in range(7)]
    assert len(wait(answers, 0.5).not_done) == 3  # with fewer than four there, nothing is answered
    answers += [threads.submit(shared.evaluate, asking(n)) for n in (7, 8, 9)]
    wait(answers[:7], 10, FIRST_COMPLETED)
    for n, answer in enumerate(answers):
        if answer.done():
            assert answer.result().metrics["replicate"] == n
    assert sum(answer.done() for answer in answers) >= 4


def test_what_ends_the_executor_ends_driving() -> None:
    shared = SharedExecutor(Lot(1))
    Thread(target=shared.evaluate, args=(asking(-1),), daemon=True).start()
    with pytest.raises(RuntimeError, match="the GPU is lost"):
        shared.drive()
