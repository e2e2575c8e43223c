"""What Ray says when something goes wrong: its words, and what is made of them."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray

from evocnn.errors import WorkerError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.workers import ray_executor
from evocnn.workers.ray_executor import NODE_DIED, RayExecutor

pytestmark = [pytest.mark.fault, pytest.mark.ray, pytest.mark.xdist_group("ray")]


@dataclass(frozen=True)
class Named:
    """A genome that is its name."""

    key: str

    def to_json(self) -> str:
        return self.key


@dataclass(frozen=True)
class SlowOnce:
    """An evaluator that does not come back the first time."""

    marker: Path
    context: str = "slow once"

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        if not self.marker.exists():
            self.marker.touch()
            time.sleep(600)
        return Evaluation(Status.OK)


@pytest.fixture
def executor(cluster: RayExecutor, tools: Any, tmp_path: Path) -> Iterator[RayExecutor]:
    """Return two workers, which take both cores of the cluster, of which one is busy."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    executor = RayExecutor(SlowOnce(tmp_path / "begun"), 2)
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers")
    executor.submit(0, EvaluationRequest(Named("slow"), Fidelity(1, 1)))
    tools.wait_for((tmp_path / "begun").exists, "a worker at work")
    yield executor
    executor.close()


def test_a_worker_out_of_reach_gives_its_core_to_the_next(
    executor: RayExecutor, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `ray.kill` in `_replace`: the worker that works on leaves no core for another."""

    def lose(_: object) -> None:
        raise ray.exceptions.ActorUnavailableError("the connection was lost", None)

    with monkeypatch.context() as patch:
        patch.setattr(ray_executor.ray, "wait", lambda references, **_: (references, []))
        patch.setattr(ray_executor.ray, "get", lose)
        assert executor.wait(0.1) == []
    found: list[tuple[int, Evaluation]] = []
    tools.wait_for(lambda: found.extend(executor.wait(0.1)) or executor.n_idle == 2, "two workers again")
    assert [(ticket, evaluation.status) for ticket, evaluation in found] == [(0, Status.OK)]


@pytest.mark.parametrize(("text", "cause"), [("no room\nmore", "no room"), ("", r"RayError\(.*\)")])
def test_a_cluster_that_can_be_reached_is_not_said_to_be_lost(
    text: str, cause: str, executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where `wait` takes every error of Ray for the loss of the cluster."""

    def fail(*_: object, **__: object) -> None:
        raise ray.exceptions.RayError(text)

    with monkeypatch.context() as patch:
        patch.setattr(ray_executor.ray, "wait", fail)
        with pytest.raises(WorkerError, match=f"must be able to go on, but: {cause}; make room there or"):
            executor.wait(0.1)


def test_what_finished_is_returned_before_an_error_is_raised(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where `wait` raises at once: the evaluation would be lost that it had taken from Ray."""
    first = next(iter(slot for slot in executor._slots if slot.running))
    executor._slots.sort(key=lambda slot: slot is not first)
    (reference,) = first.running
    executor.submit(1, EvaluationRequest(Named("another"), Fidelity(1, 1)))

    def get(asked: object) -> Evaluation:
        if asked is reference:
            return Evaluation(Status.OK)
        raise ray.exceptions.RayError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(ray_executor.ray, "wait", lambda references, **_: (references, []))
        patch.setattr(ray_executor.ray, "get", get)
        assert executor.wait(0.1) == [(0, Evaluation(Status.OK))]
        with pytest.raises(WorkerError, match="must be able to go on, but: no room"):
            executor.wait(0.1)


def test_ray_says_that_a_node_has_died_in_these_words() -> None:
    """Fails where Ray changes its message, and so a machine that leaves would count against candidates."""
    server = Path(ray.__file__).parent / "core/src/ray/gcs/gcs_server"
    assert NODE_DIED.encode() in server.read_bytes()
