"""A Ray worker with several lanes, on a GPU that is only declared; no candidate is really trained."""

import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import ray

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.workers.ray_executor import RayExecutor

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
N_LANES = 3


@dataclass(frozen=True)
class Task:
    """A genome that says what its evaluation does."""

    text: str

    @property
    def key(self) -> str:
        return self.text

    def to_json(self) -> str:
        return self.text


class Stepper:
    """Does what a task says, in steps; the process that it is sent to has lanes."""

    def __init__(self) -> None:
        self.context = "stepper"

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        raise NotImplementedError

    def steps(self, request: EvaluationRequest, make_step: Any) -> Generator[None, None, Evaluation]:
        for turn in range(20):
            if request.genome.key == "die" and turn == 10:
                os.kill(os.getpid(), signal.SIGKILL)
            if request.genome.key == "hang" and turn == 10:
                time.sleep(600)
            time.sleep(0.01)
            yield
        return Evaluation(Status.OK, {"pid": float(os.getpid())})

    def __setstate__(self, state: dict[str, Any]) -> None:
        import torch

        from evocnn.training import lanes

        def lanes_of(evaluator: Any, candidate_bytes: int) -> lanes.Lanes:
            device = torch.device("cpu")
            return lanes.Lanes(evaluator, N_LANES, device, memory=N_LANES, memory_of=lambda request: 1)

        lanes.lanes_of = lanes_of  # type: ignore[assignment]


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, int]]:
    """Return what the workers of this file were said to be."""
    return []


@pytest.fixture
def make(cluster: RayExecutor, lines: list[tuple[str, int]]) -> Iterator[Callable[..., RayExecutor]]:
    """Return a function that makes an executor of one worker with a whole GPU."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    made = []

    def executor(**settings: Any) -> RayExecutor:
        told = lambda *plan: lines.append(plan)  # noqa: E731
        made.append(RayExecutor(Stepper(), 1, gpus_per_worker=1, on_plan=told, **settings))
        return made[-1]

    yield executor
    for one in made:
        one.close()


def finish(executor: RayExecutor, tools: Any, *tasks: str) -> list[Evaluation]:
    """Return the evaluations of tasks that are submitted together, as soon as there are lanes for all."""
    tools.wait_for(lambda: executor.wait(0.2) or executor.n_idle >= len(tasks), "lanes")
    for ticket, task in enumerate(tasks):
        executor.submit(ticket, EvaluationRequest(Task(task), Fidelity(1, 1)))
    found: dict[int, Evaluation] = {}
    tools.wait_for(
        lambda: found.update(executor.wait(0.2)) or len(found) == len(tasks), f"evaluations: {found}"
    )
    assert executor.n_running == 0
    return [found[ticket] for ticket in range(len(tasks))]


def test_a_worker_takes_several_at_once_and_a_death_counts_only_against_who_dies_alone(
    make: Callable[..., RayExecutor], tools: Any, lines: list[tuple[str, int]]
) -> None:
    executor = make()
    first, dead, last = finish(executor, tools, "ok", "die", "ok")
    assert (first.status, last.status) == (Status.OK, Status.OK)
    assert dead.status is Status.CRASHED
    assert dead.reason.startswith("killed 2 workers: ")
    tools.wait_for(lambda: executor.wait(0.2) or executor.n_idle == N_LANES, "all lanes again")
    one, two, three = finish(executor, tools, "ok", "ok", "ok")
    assert one.metrics["pid"] == two.metrics["pid"] == three.metrics["pid"]
    assert lines == [("1 node, 1 GPU, 3 lanes each: 3 candidates at a time", 3)]


def test_of_several_candidates_past_the_deadline_only_the_one_that_hangs_is_given_up(
    make: Callable[..., RayExecutor], tools: Any
) -> None:
    hung, *others = finish(make(deadline=2.0), tools, "hang", "ok", "ok")
    assert hung.status is Status.TIMED_OUT
    assert hung.reason == "past its deadline of 2 s; its worker was ended"
    assert [other.status for other in others] == [Status.OK, Status.OK]
