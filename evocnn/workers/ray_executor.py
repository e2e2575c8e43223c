"""Workers of a Ray cluster: who evaluates what, and what becomes of it where one dies.

Ray's own retries stay off: with them a candidate that exhausts the memory is retried for ever.
Deadlines, retries and the replacement of dead actors are decided here.
"""

import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

import ray
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError, RayError, RayTaskError

from evocnn.errors import WorkerError
from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, Status
from evocnn.workers.plan import n_places, plan_workers
from evocnn.workers.ray_cluster import check_listens, connect, nodes
from evocnn.workers.ray_worker import N_THREADS, Worker
from evocnn.workers.uninterrupted import uninterrupted

START_SECONDS = 180.0  # a cluster that starts no worker within this time has no room for one
LOOK_SECONDS = 2.0  # between two looks whether the head of the cluster is there
LOST_SECONDS = 15.0  # it is lost after these; after 60 Ray ends the process without a word
MAX_DEATHS = 2  # a candidate that kills this many workers, alone on each, is recorded as crashed
NODE_DIED = "its node has died"  # in Ray's message of an actor that ended with its machine


@dataclass
class _Slot:
    """A worker with what it is doing: while it has no lanes, it starts, or is asked whether it lives."""

    actor: Any
    n_gpus: float
    starting: Any  # the object reference that resolves to the number of lanes
    since: float  # the start, a submission to the idle worker, or the last result
    n_lanes: int = 0
    place: str = ""  # its GPU and its machine, as it told when it had started
    running: dict[Any, int] = field(default_factory=dict)  # object reference: ticket
    has_answered: bool = False  # in this look
    alone: Any = None  # the object reference of a candidate that is tried again

    @property
    def is_retrying(self) -> bool:
        """Whether a candidate is tried again, alone."""
        return self.alone in self.running

    @property
    def n_idle(self) -> int:
        """Candidates that it can take now."""
        return 0 if self.is_retrying else self.n_lanes - len(self.running)

    @property
    def pending(self) -> list[Any]:
        """What resolves next."""
        return list(self.running) if self.n_lanes else [self.starting]


class RayExecutor:
    """Workers of a Ray cluster, a local one unless an address is given.

    Candidates whose worker died wait for the next worker that has nothing to do, each to be alone on it, and
    that worker is asked first whether it lives: only one that did when it took the candidate can be killed by
    it, and only one that had no other is known to be. So the first death counts for nothing, and those of
    such trials do. They wait for no worker of their own: it may never start where a machine has left.

    Args:
        evaluator: Evaluates each request; put into the object store once.
        n_workers: Actors, each with one CPU; None for as many as the cluster has room for.
        gpus_per_worker: Share of a GPU that each actor asks for, 0.25 for four on one; None for a
            whole one as long as there are such.
        address: Address of a running cluster.
        deadline: Seconds after which a candidate's worker is ended; None for never.
        candidate_bytes: What a typical candidate takes of a GPU's memory; the number of lanes
            follows from it.
        on_plan: Told, once all workers have started, which they are, and how many candidates they
            take at a time.
        declared_gpus: GPUs that a local cluster is told it has, where Ray shall not look itself.

    Raises:
        WorkerError: The cluster cannot be reached, or has no room for so many workers.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        n_workers: int | None,
        *,
        gpus_per_worker: float | None = 0.0,
        address: str | None = None,
        deadline: float | None = None,
        candidate_bytes: int = 2**30,
        on_plan: Callable[[str, int], None] | None = None,
        declared_gpus: int | None = None,
    ) -> None:
        self._deadline = deadline
        self._candidate_bytes = candidate_bytes
        self._on_plan = on_plan
        self._owns_cluster = not ray.is_initialized()
        if self._owns_cluster:
            connect(n_workers, address, declared_gpus)
        self._head: str = ray.get_runtime_context().gcs_address
        self._looked = self._heard = monotonic()
        self._is_lost = False
        machines = nodes()
        self._plan = plan_workers(machines, n_workers, gpus_per_worker)
        is_too_much = address is None and (gpus_per_worker or 0) > sum(node.n_gpus for node in machines)
        if not self._plan.gpus or (self._owns_cluster and is_too_much):
            if self._owns_cluster:
                ray.shutdown()
            message = (
                f"a worker must get a core and {gpus_per_worker or 0:g} of a GPU, but Ray found {machines}; "
                "leave out --gpus-per-worker or see that PyTorch and Ray find the GPU"
            )
            raise WorkerError(message)
        places = n_places(machines, gpus_per_worker)
        if len(self._plan.gpus) > places:
            if self._owns_cluster:
                ray.shutdown()
            message = (
                f"workers must have a place each, with a core and {gpus_per_worker or 0:g} of a GPU, but "
                f"{len(self._plan.gpus)} were asked for and Ray found {places}; ask for at most {places}, or "
                "for a smaller share of a GPU"
            )
            raise WorkerError(message)
        self._evaluator = ray.put(evaluator)
        self._requests: dict[int, EvaluationRequest] = {}
        self._retries: deque[int] = deque()
        self._deaths: dict[int, int] = {}  # of workers on which a ticket was tried again
        self._failed_starts = 0
        self._slots = [self._start(n_gpus) for n_gpus in self._plan.gpus]

    @property
    def n_idle(self) -> int:
        """Candidates that can be taken now, by all workers that have started."""
        return sum(slot.n_idle for slot in self._slots)

    @property
    def n_running(self) -> int:
        """Tickets submitted and not returned, those that wait for a retry included."""
        return len(self._requests)

    @property
    def running(self) -> dict[int, str]:
        """The worker of each ticket, with its GPU and its machine, unless it waits for a retry."""
        names = {
            ticket: f"worker {number}{slot.place}"
            for number, slot in enumerate(self._slots)
            for ticket in slot.running.values()
        }
        return {ticket: names.get(ticket, "waits") for ticket in self._requests}

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Hand a request to the worker that has most lanes idle."""
        self._requests[ticket] = request
        self._give(max(self._slots, key=lambda slot: slot.n_idle), ticket)

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Return what has finished within `timeout` seconds, deaths and deadlines included.

        What cannot be mended is raised once nothing that finished is left to return: the next look meets it
        again.

        Raises:
            WorkerError: No worker starts, or the cluster is gone or cannot go on.
        """
        pending = [reference for slot in self._slots for reference in slot.pending]
        if not pending:
            return []
        finished: list[tuple[int, Evaluation]] = []
        try:
            done, _ = ray.wait(pending, timeout=timeout)
            if monotonic() - self._looked > LOOK_SECONDS:
                self._hears_head()
            for slot in tuple(self._slots):
                resolved = [reference for reference in slot.pending if reference in done]
                if resolved:
                    finished += self._finish(slot, resolved[0])
                elif self._is_late(slot):
                    finished += self._end_late(slot)
            self._retry()
            self._check_start()
        except WorkerError:
            if not finished:
                raise
        except RayError as error:
            if not finished:
                raise self._stuck(error) from error
        return finished

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        with uninterrupted():
            for slot in () if self._is_lost else self._slots:  # without its head Ray ends no worker
                with suppress(RayError):  # the cluster may be gone
                    ray.kill(slot.actor)
            if self._owns_cluster:
                ray.shutdown()

    def _start(self, n_gpus: float) -> _Slot:
        options = {"num_cpus": 1, "num_gpus": n_gpus, "max_restarts": 0, "max_task_retries": 0}
        if n_gpus:
            options["max_concurrency"] = N_THREADS
        remote: Any = ray.remote(Worker)
        candidate_bytes = self._candidate_bytes if n_gpus else None
        actor = remote.options(**options).remote([self._evaluator], sys.path, candidate_bytes)
        return _Slot(actor, n_gpus, actor.start.remote(), monotonic())

    def _give(self, slot: _Slot, ticket: int) -> Any:
        """Hand a ticket's request to a worker and return the object reference of what it will come to."""
        if not slot.running:
            slot.since = monotonic()
        reference = slot.actor.evaluate.remote(self._requests[ticket])
        slot.running[reference] = ticket
        return reference

    def _finish(self, slot: _Slot, reference: Any) -> list[tuple[int, Evaluation]]:
        """Take what a reference resolved to: lanes, an evaluation, or the worker's death."""
        try:
            result = ray.get(reference)
        except RayTaskError as error:  # a request or result that does not pickle
            reason = str(error).splitlines()[-1]
            if not slot.n_lanes:
                return self._bury(slot, reason)
            result = Evaluation(Status.CRASHED, seconds=monotonic() - slot.since, reason=reason)
        except RayError as error:
            if self._hears_head():
                return self._take_loss(slot, reference, error)
            sleep(LOOK_SECONDS)  # it will be found again; starting a worker would wait for the head
            return []
        finished = []
        if slot.n_lanes:
            slot.since = monotonic()
            finished = [self._returned(slot.running.pop(reference), result)]
        else:
            (slot.n_lanes, slot.place), self._failed_starts = result, 0
            slot.has_answered = True
            self._tell_plan()
        return finished

    def _take_loss(self, slot: _Slot, reference: Any, error: RayError) -> list[tuple[int, Evaluation]]:
        """Take the loss of a worker, or of a result that had been returned on a machine that has left."""
        lines = str(error).strip().splitlines()
        if isinstance(error, OutOfMemoryError):  # Ray's memory monitor ended the worker
            return self._bury(slot, lines[0], Status.OUT_OF_MEMORY)
        if isinstance(error, RayActorError):
            is_node_lost = NODE_DIED in str(error)
            return self._bury(slot, lines[0 if slot.n_lanes else -1], is_node_lost=is_node_lost)
        if isinstance(error, ObjectLostError) and slot.n_lanes:
            self._retries.append(slot.running.pop(reference))
            return []
        raise error

    def _retry(self) -> None:
        """Give what waits for another trial to workers that have nothing else to do, once they answered."""
        for slot in self._slots:
            if self._retries and slot.n_lanes and not slot.running:
                if slot.has_answered:
                    slot.alone = self._give(slot, self._retries.popleft())
                else:
                    slot.starting, slot.n_lanes, slot.since = slot.actor.start.remote(), 0, monotonic()
            slot.has_answered = False

    def _bury(
        self, slot: _Slot, cause: str, status: Status = Status.CRASHED, *, is_node_lost: bool = False
    ) -> list[tuple[int, Evaluation]]:
        """Replace a dead worker; its candidates are tried again, each alone, or recorded as failed.

        A death counts against a candidate that was tried again, unless the machine died, too.
        """
        if not slot.place and not is_node_lost:  # it has never started
            self._failed_starts += 1
            if self._failed_starts > len(self._slots) + 1:
                message = (
                    f"a worker must start, but {self._failed_starts} died at once: {cause}; see Ray's logs"
                )
                raise WorkerError(message)
        self._replace(slot)
        tickets = list(slot.running.values())
        if slot.is_retrying and not is_node_lost:
            self._deaths[tickets[0]] = self._deaths.get(tickets[0], 0) + 1
            if self._deaths[tickets[0]] == MAX_DEATHS:
                reason = f"killed {MAX_DEATHS} workers: {cause}"
                evaluation = Evaluation(status, seconds=monotonic() - slot.since, reason=reason)
                return [self._returned(tickets[0], evaluation)]
        self._retries.extend(tickets)
        return []

    def _is_late(self, slot: _Slot) -> bool:
        """Return whether a worker has brought nothing for longer than any of its candidates may take."""
        return bool(slot.running) and self._deadline is not None and monotonic() - slot.since > self._deadline

    def _end_late(self, slot: _Slot) -> list[tuple[int, Evaluation]]:
        """End a worker that is past its deadline; of several candidates each is tried again alone."""
        tickets, seconds = list(slot.running.values()), monotonic() - slot.since
        self._replace(slot)
        if len(tickets) > 1:
            self._retries.extend(tickets)
            return []
        reason = f"past its deadline of {self._deadline:g} s; its worker was ended"
        return [self._returned(tickets[0], Evaluation(Status.TIMED_OUT, seconds=seconds, reason=reason))]

    def _replace(self, slot: _Slot) -> None:
        """Start a worker in the place of another, which gives its core back: it may be out of reach alone."""
        with suppress(RayError):
            ray.kill(slot.actor)
        self._slots[self._slots.index(slot)] = self._start(slot.n_gpus)

    def _returned(self, ticket: int, evaluation: Evaluation) -> tuple[int, Evaluation]:
        del self._requests[ticket]
        self._deaths.pop(ticket, None)
        return ticket, evaluation

    def _tell_plan(self) -> None:
        """Tell who asked for it, once, what all workers together are."""
        if self._on_plan is not None and all(slot.n_lanes for slot in self._slots):
            n_lanes = sum(slot.n_lanes for slot in self._slots if slot.n_gpus)
            n_candidates = sum(slot.n_lanes for slot in self._slots)
            self._on_plan(self._plan.describe(n_lanes), n_candidates)
            self._on_plan = None

    def _hears_head(self) -> bool:
        """Return whether something listens at the address of the cluster's head.

        Raises:
            WorkerError: Nothing has for too long.
        """
        self._looked = monotonic()
        try:
            check_listens(self._head)
        except OSError as error:
            if monotonic() - self._heard > LOST_SECONDS:
                raise self._lost(str(error)) from error
            return False
        self._heard = monotonic()
        return True

    def _stuck(self, error: RayError) -> WorkerError:
        """Return what to say of an error that Ray does not get over, if its head is there or not."""
        cause = (str(error).strip() or repr(error)).splitlines()[0]
        if not self._hears_head():
            return self._lost(cause)
        return WorkerError(
            f"the Ray cluster at {self._head} must be able to go on, but: {cause}; make room there or "
            "choose other workers, then resume the run"
        )

    def _lost(self, cause: str) -> WorkerError:
        self._is_lost = True
        return WorkerError(
            f"the Ray cluster at {self._head} must stay reachable, but: {cause}; start it again or choose "
            "other workers, then resume the run"
        )

    def _check_start(self) -> None:
        """Raise where no worker has started for too long: Ray itself would wait for ever in silence."""
        if any(slot.n_lanes for slot in self._slots):
            return
        waited = monotonic() - max(slot.since for slot in self._slots)
        if waited > START_SECONDS:
            resources = ray.cluster_resources()
            message = (
                f"a worker must start within {START_SECONDS:g} s, but none did; each needs 1 CPU and "
                f"{max(self._plan.gpus):g} GPUs, the cluster has {resources}; ask for fewer workers"
            )
            raise WorkerError(message)
