"""What Ray says when something goes wrong: its words, and what is made of them."""

import sys
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


class Fine:
    """An evaluator to which all is well."""

    context = "fine"

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        return Evaluation(Status.OK)


@pytest.fixture
def executor(cluster: RayExecutor, tools: Any) -> Iterator[RayExecutor]:
    """Return two workers, which take both cores of the cluster, with a candidate to evaluate."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    executor = RayExecutor(Fine(), 2)
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers")
    executor.submit(0, EvaluationRequest(Named("fine"), Fidelity(1, 1)))
    yield executor
    executor.close()


def test_a_worker_out_of_reach_gives_its_core_to_the_next(
    executor: RayExecutor, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `ray.kill` in `_replace`: the worker that lives on leaves no core for another."""
    get, errors = ray.get, iter([ray.exceptions.ActorUnavailableError("the connection was lost", None)])

    def get_or_lose(reference: Any) -> Any:
        if error := next(errors, None):
            raise error
        return get(reference)

    monkeypatch.setattr(ray_executor.ray, "get", get_or_lose)
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


def test_ray_says_that_a_node_has_died_in_these_words() -> None:
    """Fails where Ray changes its message, and so a machine that leaves would count against candidates."""
    server = Path(ray.__file__).parent / "core/src/ray/gcs/gcs_server"
    assert NODE_DIED.encode() in server.read_bytes()
