"""Which workers are planned for which machines."""

import pytest

from evocnn.workers.plan import Node, Plan, n_places, plan_workers

DESK = Node(8)
GPU_SERVER = Node(32, 4)


@pytest.mark.parametrize(
    ("nodes", "n_workers", "gpus_per_worker", "gpus"),
    [
        ([DESK], None, None, [0] * 8),
        ([GPU_SERVER, GPU_SERVER], None, None, [1] * 8),
        ([GPU_SERVER, DESK], None, None, [1] * 4 + [0] * 8),  # cores of a machine with GPUs feed those
        ([GPU_SERVER, DESK], None, 0.5, [0.5] * 8),
        ([GPU_SERVER], None, 0.3, [0.3] * 12),  # a worker's share is of one GPU
        ([GPU_SERVER], None, 2, [2, 2]),
        ([GPU_SERVER], None, 0, [0] * 32),
        ([Node(2, 4)], None, None, [1, 1]),  # a worker needs a core
        ([GPU_SERVER, DESK], 2, None, [1, 1]),
        ([GPU_SERVER, DESK], 6, None, [1] * 4 + [0] * 2),
        ([GPU_SERVER], 3, 0, [0] * 3),
        ([DESK], 3, 0.5, [0.5] * 3),  # what the cluster does not have, Ray tells
        ([DESK], None, 0.5, []),
        ([Node(0, 1)], None, None, []),
    ],
)
def test_workers_are_chosen_by_resources(
    nodes: list[Node], n_workers: int | None, gpus_per_worker: float | None, gpus: list[float]
) -> None:
    assert plan_workers(nodes, n_workers, gpus_per_worker).gpus == tuple(gpus)


@pytest.mark.parametrize(
    ("plan", "n_lanes", "line"),
    [
        (
            plan_workers([GPU_SERVER, GPU_SERVER], None, None),
            48,
            "2 nodes, 8 GPUs, 6 lanes each: 48 candidates at a time",
        ),
        (
            plan_workers([GPU_SERVER, DESK, Node(0)], None, None),
            24,
            "2 nodes, 4 GPUs, 6 lanes each, 8 CPU workers: 32 candidates at a time",
        ),
        (plan_workers([GPU_SERVER], 2, 0.5), 6, "1 node, 1 GPU, 6 lanes each: 6 candidates at a time"),
        (plan_workers([GPU_SERVER], 3, None), 20, "1 node, 3 GPUs, 6.67 lanes each: 20 candidates at a time"),
        (
            plan_workers([GPU_SERVER, GPU_SERVER, DESK], 4, None),
            24,
            "1 node, 4 GPUs, 6 lanes each: 24 candidates at a time",
        ),
        (plan_workers([DESK, DESK, DESK], 9, 0), 0, "2 nodes, 9 CPU workers: 9 candidates at a time"),
        (plan_workers([DESK], 1, None), 0, "1 node, 1 CPU worker: 1 candidate at a time"),
        (plan_workers([Node(4, 1)], None, None), 1, "1 node, 1 GPU, 1 lane each: 1 candidate at a time"),
    ],
)
def test_a_plan_in_a_line(plan: Plan, n_lanes: int, line: str) -> None:
    assert plan.describe(n_lanes) == line


@pytest.mark.parametrize(("gpus_per_worker", "n"), [(None, 40), (0, 40), (0.5, 8), (1, 4), (2, 2), (8, 0)])
def test_as_many_workers_as_there_are_places(gpus_per_worker: float | None, n: int) -> None:
    assert n_places([GPU_SERVER, DESK], gpus_per_worker) == n
