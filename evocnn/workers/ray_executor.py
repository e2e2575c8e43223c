"""Ray workers: persistent actors, one candidate at a time each.

Ray's own retries stay off: with them a candidate that exhausts the memory is retried for ever.
Deadlines, retries and the replacement of dead actors are decided here.
"""

import logging
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from evocnn.errors import WorkerError
from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, Status, evaluate_safely

START_SECONDS = 180.0  # a cluster that starts no worker within this time has no room for one
CONNECT_SECONDS = 10.0  # Ray itself tries an address where nothing listens for many minutes
MAX_DEATHS = 2  # a candidate that kills this many workers is recorded as crashed


@dataclass
class _Slot:
    """A worker with what it is doing: starting while `ready` is false, idle while `ticket` is None.

    A candidate whose worker died waits in `retry` for the replacement to be ready: only a worker
    that was alive when it took the candidate can be killed by it.
    """

    actor: Any
    pending: Any  # the object reference that resolves next
    since: float
    ready: bool = False
    ticket: int | None = None
    retry: int | None = None


class _Worker:
    """The actor: holds the evaluator with its data, and evaluates."""

    def __init__(self, evaluator: list[Any], path: list[str]) -> None:
        sys.path[:0] = [entry for entry in path if entry not in sys.path]  # before user code is unpickled
        self._evaluator: Evaluator = ray.get(evaluator[0])

    def is_ready(self) -> bool:
        """Return once the actor has started."""
        return True

    def evaluate(self, request: EvaluationRequest) -> Evaluation:
        """Return the evaluation; never raises for a bad candidate."""
        return evaluate_safely(self._evaluator, request)


class RayExecutor:
    """Workers of a Ray cluster, a local one unless an address is given.

    Args:
        evaluator: Evaluates each request; put into the object store once.
        n_workers: Actors, each with one CPU.
        gpus_per_worker: Share of a GPU that each actor asks for, 0.25 for four on one.
        address: Address of a running cluster.
        deadline: Seconds after which a candidate's worker is ended; None for never.
        declared_gpus: GPUs that a local cluster is told it has, where Ray shall not look itself.

    Raises:
        WorkerError: The cluster cannot be reached, or starts no worker.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        n_workers: int,
        *,
        gpus_per_worker: float = 0.0,
        address: str | None = None,
        deadline: float | None = None,
        declared_gpus: int | None = None,
    ) -> None:
        self._gpus_per_worker = gpus_per_worker
        self._deadline = deadline
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            _connect(n_workers, address, declared_gpus)
            if address is None and gpus_per_worker > ray.cluster_resources().get("GPU", 0):
                ray.shutdown()
                message = (
                    f"a worker must get {gpus_per_worker:g} of a GPU on this machine, but Ray found none; "
                    "leave out --gpus-per-worker or see that PyTorch and Ray find the GPU"
                )
                raise WorkerError(message)
        self._evaluator = ray.put(evaluator)
        self._requests: dict[int, EvaluationRequest] = {}
        self._deaths: dict[int, int] = {}
        self._failed_starts = 0
        self._slots = [self._start() for _ in range(n_workers)]

    @property
    def n_idle(self) -> int:
        """Workers that have started and have nothing to do."""
        return sum(slot.ready and slot.ticket is None for slot in self._slots)

    @property
    def n_running(self) -> int:
        """Tickets submitted and not returned, those that wait for a retry included."""
        return len(self._requests)

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Hand a request to an idle worker."""
        self._requests[ticket] = request
        self._give(next(slot for slot in self._slots if slot.ready and slot.ticket is None), ticket)

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Return what has finished within `timeout` seconds, deaths and deadlines included.

        Raises:
            WorkerError: No worker starts, or the cluster is gone.
        """
        busy = [slot for slot in self._slots if not slot.ready or slot.ticket is not None]
        if not busy:
            return []
        try:
            done, _ = ray.wait([slot.pending for slot in busy], timeout=timeout)
            finished = [self._finish(slot) for slot in busy if slot.pending in done]
            finished += [
                self._end_late(slot) for slot in busy if slot.pending not in done and self._is_late(slot)
            ]
        except RayError as error:
            message = (
                f"the Ray cluster must stay reachable, but: {error}; start it again, then resume the run"
            )
            raise WorkerError(message) from error
        self._check_start()
        return [result for result in finished if result is not None]

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        for slot in self._slots:
            with suppress(RayError):  # the cluster may be gone
                ray.kill(slot.actor)
        if self._owns_cluster:
            ray.shutdown()

    def _start(self) -> _Slot:
        options = {"num_cpus": 1, "num_gpus": self._gpus_per_worker, "max_restarts": 0, "max_task_retries": 0}
        remote: Any = ray.remote(_Worker)
        actor = remote.options(**options).remote([self._evaluator], sys.path)
        return _Slot(actor, actor.is_ready.remote(), monotonic())

    def _give(self, slot: _Slot, ticket: int) -> None:
        slot.ticket, slot.retry, slot.since = ticket, None, monotonic()
        slot.pending = slot.actor.evaluate.remote(self._requests[ticket])

    def _finish(self, slot: _Slot) -> tuple[int, Evaluation] | None:
        """Take what a slot's reference resolved to: readiness, an evaluation, or the worker's death."""
        ticket = slot.ticket
        try:
            result = ray.get(slot.pending)
        except OutOfMemoryError as error:  # Ray's memory monitor ended the worker
            return self._bury(slot, str(error).splitlines()[0], Status.OUT_OF_MEMORY)
        except RayActorError as error:
            return self._bury(slot, str(error).strip().splitlines()[0 if slot.ready else -1])
        except RayTaskError as error:  # a request or result that does not pickle
            if ticket is None:
                return self._bury(slot, str(error).splitlines()[-1])
            result = Evaluation(
                Status.CRASHED, seconds=monotonic() - slot.since, reason=str(error).splitlines()[-1]
            )
        if not slot.ready:
            slot.ready, self._failed_starts = True, 0
            if slot.retry is not None:
                self._give(slot, slot.retry)
            return None
        slot.ticket = None
        return self._returned(ticket, result)

    def _bury(
        self, slot: _Slot, cause: str, status: Status = Status.CRASHED
    ) -> tuple[int, Evaluation] | None:
        """Replace a dead worker; its candidate is tried again, or recorded as failed."""
        ticket, seconds = slot.ticket, monotonic() - slot.since
        if ticket is None:
            self._failed_starts += 1
            if self._failed_starts > len(self._slots) + 1:
                message = (
                    f"a worker must start, but {self._failed_starts} died at once: {cause}; see Ray's logs"
                )
                raise WorkerError(message)
        replacement = self._replace(slot)
        if ticket is None:
            replacement.retry = slot.retry
            return None
        self._deaths[ticket] = self._deaths.get(ticket, 0) + 1
        if self._deaths[ticket] < MAX_DEATHS:
            replacement.retry = ticket
            return None
        reason = f"killed {MAX_DEATHS} workers: {cause}"
        return self._returned(ticket, Evaluation(status, seconds=seconds, reason=reason))

    def _is_late(self, slot: _Slot) -> bool:
        return (
            slot.ticket is not None
            and self._deadline is not None
            and monotonic() - slot.since > self._deadline
        )

    def _end_late(self, slot: _Slot) -> tuple[int, Evaluation]:
        """End the worker of a candidate that is past its deadline."""
        ticket, seconds = slot.ticket, monotonic() - slot.since
        ray.kill(slot.actor)
        self._replace(slot)
        reason = f"past its deadline of {self._deadline:g} s; its worker was ended"
        return self._returned(ticket, Evaluation(Status.TIMED_OUT, seconds=seconds, reason=reason))

    def _replace(self, slot: _Slot) -> _Slot:
        replacement = self._start()
        self._slots[self._slots.index(slot)] = replacement
        return replacement

    def _returned(self, ticket: int | None, evaluation: Evaluation) -> tuple[int, Evaluation]:
        assert ticket is not None  # noqa: S101 - callers have a slot with work
        del self._requests[ticket]
        self._deaths.pop(ticket, None)
        return ticket, evaluation

    def _check_start(self) -> None:
        """Raise where no worker has started for too long: Ray itself would wait for ever in silence."""
        if any(slot.ready for slot in self._slots):
            return
        waited = monotonic() - max(slot.since for slot in self._slots)
        if waited > START_SECONDS:
            resources = ray.cluster_resources()
            message = (
                f"a worker must start within {START_SECONDS:g} s, but none did; each needs 1 CPU and "
                f"{self._gpus_per_worker:g} GPUs, the cluster has {resources}; ask for fewer workers"
            )
            raise WorkerError(message)


def _connect(n_workers: int, address: str | None, declared_gpus: int | None) -> None:
    """Connect to a cluster, or start a local one, without a dashboard."""
    logging.getLogger("ray").setLevel(logging.ERROR)  # or it announces that it turns on its token
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    at_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        if address:
            _check_listens(address)
            ray.init(address=address, **quiet)
        else:
            ray.init(
                num_cpus=n_workers,
                num_gpus=declared_gpus,
                include_dashboard=False,
                **quiet,
            )
    except (RayError, OSError, RuntimeError, ValueError, OverflowError) as error:
        place = f"at '{address}'" if address else "on this machine"
        cause = str(error).strip().splitlines()[0]
        message = f"a Ray cluster {place} must be reachable, but: {cause}; use --workers 0 to run without Ray"
        raise WorkerError(message) from error
    if callable(at_sigterm) and signal.getsignal(signal.SIGTERM) is not at_sigterm:
        signal.signal(signal.SIGTERM, at_sigterm)  # Ray's own handler would end the process at once


def _check_listens(address: str) -> None:
    """Raise OSError where nothing listens at an address of host and port."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
