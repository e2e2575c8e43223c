"""Which workers a cluster has room for: one for each GPU, one for each core where there is no GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster.

    Attributes:
        n_cpus: Its cores.
        n_gpus: Its GPUs.
    """

    n_cpus: int
    n_gpus: int = 0

    def room(self, share: float) -> int:
        """Return how many workers with a share of a GPU, or several, it has room for; each needs a core."""
        n = self.n_gpus * int(1 / share + 1e-9) if share <= 1 else int(self.n_gpus / share)
        return min(n, self.n_cpus)


@dataclass(frozen=True, slots=True)
class Plan:
    """The workers to start.

    Attributes:
        n_nodes: Machines that they fill, one after the other.
        n_gpus: GPUs that they use.
        gpus: What each worker asks for, those with a GPU first; 0 for one that trains on a core.
    """

    n_nodes: int
    n_gpus: int
    gpus: tuple[float, ...]

    def describe(self, n_lanes: int) -> str:
        """Return the plan in a line: `2 nodes, 8 GPUs, 6 lanes each: 48 candidates at a time`.

        Args:
            n_lanes: Candidates at a time of all workers with a GPU together.
        """
        n_cpu_workers = self.gpus.count(0.0)
        parts = [_counted(self.n_nodes, "node")]
        if self.n_gpus:
            lanes = n_lanes / self.n_gpus
            parts += [_counted(self.n_gpus, "GPU"), f"{lanes:.3g} {'lane' if lanes == 1 else 'lanes'} each"]
        if n_cpu_workers:
            parts.append(_counted(n_cpu_workers, "CPU worker"))
        return f"{', '.join(parts)}: {_counted(n_lanes + n_cpu_workers, 'candidate')} at a time"


def plan_workers(nodes: Sequence[Node], n_workers: int | None, gpus_per_worker: float | None) -> Plan:
    """Return the workers for a cluster.

    By default every GPU has a worker, and on machines without one every core has. Where fewer are
    wanted, those with a GPU come first; where more are, the others train on cores.

    Args:
        nodes: The machines.
        n_workers: How many workers; None for as many as there is room for.
        gpus_per_worker: GPUs that every worker asks for, whatever the cluster has: 0.25 for four
            workers on one, 0 for none; None for a whole one where there is one.
    """
    share = 1.0 if gpus_per_worker is None else gpus_per_worker
    rooms = [node.room(share) if share else 0 for node in nodes]
    cores = [0 if room or gpus_per_worker else node.n_cpus for node, room in zip(nodes, rooms, strict=True)]
    n_gpu_workers, n_cpu_workers = sum(rooms), sum(cores)
    if n_workers is not None:
        n_gpu_workers = n_workers if gpus_per_worker else min(n_gpu_workers, n_workers)
        n_cpu_workers = n_workers - n_gpu_workers
    gpus = (share,) * n_gpu_workers + (0.0,) * n_cpu_workers
    n_gpus = min(sum(node.n_gpus for node in nodes), ceil(share * n_gpu_workers))
    n_nodes, n_left = 0, [n_gpu_workers, n_cpu_workers]
    for node, room in zip(nodes, rooms, strict=True):
        on_gpus = min(room, n_left[0])
        has_cores = n_workers is not None or not on_gpus  # by default cores beside a GPU feed that
        on_cores = min(node.n_cpus - on_gpus, n_left[1]) if has_cores else 0
        n_nodes += on_gpus + on_cores > 0
        n_left = [n_left[0] - on_gpus, n_left[1] - on_cores]
    return Plan(max(1, n_nodes), n_gpus, gpus)


def n_places(nodes: Sequence[Node], gpus_per_worker: float | None) -> int:
    """Return how many workers at most can run on a cluster; see `plan_workers`."""
    return sum(node.room(gpus_per_worker) if gpus_per_worker else node.n_cpus for node in nodes)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
