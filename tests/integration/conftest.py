"""One Ray cluster for all tests."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from searches import CLUSTER_MARK, MARK, wait_for

from evocnn.evaluation import Evaluation, EvaluationRequest, Status


@dataclass
class Echo:
    """An evaluator that does nothing."""

    context: str = "echo"

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        return Evaluation(Status.OK, {"replicate": float(request.replicate)})


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Return the executor that started a cluster of two CPUs and one GPU, which is only declared.

    Its two workers, half a GPU each, have started and been ended: executors of the tests find a
    cluster with room for two.
    """
    import ray

    from evocnn.workers.ray_executor import RayExecutor

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, CLUSTER_MARK)
        owner = RayExecutor(Echo(), 2, gpus_per_worker=0.5, declared_gpus=1)
    try:
        wait_for(lambda: owner.wait(0.1) or owner.n_idle == 2, "two workers with half a GPU each")
        for slot in owner._slots:
            ray.kill(slot.actor)
        yield owner
    finally:
        owner.close()
