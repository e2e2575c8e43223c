"""Where candidates are trained: this process, its GPU, or Ray workers."""

from collections.abc import Callable
from dataclasses import dataclass

from evocnn.config import Parts
from evocnn.errors import ExperimentError
from evocnn.training.lanes import lanes_of, trains_on_gpus
from evocnn.training.memory import typical_bytes
from evocnn.workers import Executor, SerialExecutor
from evocnn.workers.plan import Plan

DEADLINE_GRACE = 30.0  # seconds beyond a candidate's own timeout before its worker is ended


@dataclass(frozen=True)
class Workers:
    """Where candidates are trained; no part of the experiment, for it changes no result.

    Attributes:
        count: Ray workers; 0 trains in this process, without Ray and with nothing to end code that never
            comes back, whatever the timeout; None has as many as there is room for: one a GPU, or one a core.
        gpus_per_worker: Share of a GPU for each Ray worker; None for a whole one as long as there are such.
        address: Address of a running Ray cluster; a local one is started otherwise.
    """

    count: int | None = 0
    gpus_per_worker: float | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        """Check that Ray can meet the numbers.

        Raises:
            ExperimentError: It cannot.
        """
        share = self.gpus_per_worker or 0.0
        if (self.count or 0) < 0 or share < 0 or (share > 1 and share != int(share)):
            message = (
                "workers must be 0 or more, each with a share of a GPU up to 1 or a whole number of them, "
                f"but were {self.count} with {share}; correct either"
            )
            raise ExperimentError(message)


def executor_of(parts: Parts, workers: Workers, on_plan: Callable[[str, int], None]) -> Executor:
    """Return what evaluates candidates; `on_plan` is told once of more than one at a time.

    A worker is ended that takes longer than the evaluator gives a candidate, and never where it gives all
    the time they take, as in full training.
    """
    if workers.count == 0:
        lanes = lanes_of(parts.evaluator, typical_bytes(parts.space))
        if lanes is None:
            return SerialExecutor(parts.evaluator)
        on_plan(Plan(1, 1, (1.0,)).describe(lanes.n_idle), lanes.n_idle)
        return lanes
    from evocnn.workers.ray_executor import RayExecutor  # noqa: PLC0415 - serial runs need no Ray

    share, timeout = workers.gpus_per_worker, parts.evaluator.protocol.timeout
    return RayExecutor(
        parts.evaluator,
        workers.count,
        gpus_per_worker=0.0 if share is None and not trains_on_gpus() else share,
        address=workers.address,
        deadline=None if timeout is None else timeout + DEADLINE_GRACE,
        candidate_bytes=typical_bytes(parts.space),
        on_plan=on_plan,
    )
