from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.workers import Executor, SerialExecutor, SimulatedExecutor


@dataclass(frozen=True)
class Number:
    """A genome that is a number."""

    value: float

    @property
    def key(self) -> str:
        return str(self.value)

    @property
    def text(self) -> str:
        return str(self.value)

    def to_json(self) -> float:
        return self.value


class Doubling:
    """Doubles; negative numbers are refused."""

    context = "doubling"

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        value: Any = request.genome
        if value.value < 0:
            raise ValueError("negative")
        return Evaluation(Status.OK, {"double": 2.0 * value.value})


def asking(value: float) -> EvaluationRequest:
    return EvaluationRequest(Number(value), Fidelity(1, 1))


def duration(ticket: int, request: EvaluationRequest) -> float:
    return float(ticket * 7 % 5 + 1)


MAKERS: dict[str, tuple[Callable[[], Executor], int]] = {
    "serial": (lambda: SerialExecutor(Doubling()), 1),
    "simulated-1": (lambda: SimulatedExecutor(Doubling(), 1, duration), 1),
    "simulated-4": (lambda: SimulatedExecutor(Doubling(), 4, duration), 4),
    "simulated-64": (lambda: SimulatedExecutor(Doubling(), 64, duration), 64),
}


@pytest.fixture(params=MAKERS)
def executor_and_size(request: pytest.FixtureRequest) -> tuple[Executor, int]:
    make, size = MAKERS[request.param]
    return make(), size


def test_every_ticket_comes_back_once_with_its_own_result(executor_and_size: tuple[Executor, int]) -> None:
    executor, size = executor_and_size
    waiting, back = list(range(30)), []
    running = 0
    while waiting or running:
        while waiting and executor.n_idle:
            ticket = waiting.pop(0)
            executor.submit(ticket, asking(-1.0 if ticket == 11 else ticket))
            running += 1
            assert (executor.n_running, executor.n_idle) == (running, size - running)
        finished = executor.wait(0.01)
        back += finished
        running -= len(finished)
        submitted = set(range(30)) - {*waiting, *(ticket for ticket, _ in back)}
        assert set(executor.running) == submitted
        assert (executor.n_running, executor.n_idle) == (running, size - running)
    assert sorted(ticket for ticket, _ in back) == list(range(30))
    for ticket, evaluation in back:
        if ticket == 11:
            assert evaluation.status is Status.CRASHED
            assert evaluation.reason.startswith("ValueError: negative at ")
        else:
            assert evaluation == Evaluation(Status.OK, {"double": 2.0 * ticket})
    executor.close()


def test_waiting_for_nothing_gives_nothing_at_once(executor_and_size: tuple[Executor, int]) -> None:
    executor, size = executor_and_size
    assert executor.wait(60.0) == []
    assert (executor.n_idle, executor.n_running) == (size, 0)


def test_closing_twice_does_no_harm(executor_and_size: tuple[Executor, int]) -> None:
    executor, _ = executor_and_size
    executor.close()
    executor.close()


def test_an_interrupt_during_an_evaluation_passes_through() -> None:
    def interrupted(request: EvaluationRequest) -> Evaluation:
        raise KeyboardInterrupt("stop")

    executor = SerialExecutor(interrupted)
    executor.submit(0, asking(1.0))
    with pytest.raises(KeyboardInterrupt, match="stop"):
        executor.wait(0.01)


def test_simulated_workers_finish_by_their_durations() -> None:
    seconds = {0: 5.0, 1: 2.0, 2: 2.0, 3: 1.0, 4: 0.5}
    executor = SimulatedExecutor(Doubling(), 3, lambda ticket, request: seconds[ticket])
    for ticket in (0, 1, 2):
        executor.submit(ticket, asking(ticket))
    order = []

    def wait() -> None:
        ((ticket, _),) = executor.wait(0.01)
        order.append((executor.now, ticket))

    wait()
    executor.submit(3, asking(3))  # at 2, until 3
    wait()
    wait()
    executor.submit(4, asking(4))  # at 3, until 3.5
    wait()
    wait()
    assert order == [(2.0, 1), (2.0, 2), (3.0, 3), (3.5, 4), (5.0, 0)]
    assert executor.busy == sum(seconds.values())
    assert executor.n_idle == 3


def test_a_simulated_duration_may_follow_from_the_request() -> None:
    executor = SimulatedExecutor(Doubling(), 2, lambda ticket, request: float(request.genome.key))
    executor.submit(0, asking(7.0))
    executor.submit(1, asking(3.0))
    assert [executor.wait(0.01)[0][0] for _ in range(2)] == [1, 0]
    assert executor.now == 7.0
