"""Ray workers that die, hang, or never start, on one cluster; no candidate is really trained."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import ray
from ray._private import ray_constants

from evocnn.errors import WorkerError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.workers import local_ray, ray_executor
from evocnn.workers.ray_cluster import connect
from evocnn.workers.ray_executor import RayExecutor

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
TITLE = "ray::Worker"
DEATHS = {"die once": ("died",), "die twice": ("died first", "died second")}  # by task


@dataclass(frozen=True)
class Task:
    """A genome that says what its evaluation does."""

    text: str

    @property
    def key(self) -> str:
        return self.text

    def to_json(self) -> str:
        return self.text


@dataclass
class Deadly:
    """Kills the first process that pickles it, and crosses from the second one as an empty text."""

    folder: Path

    def __reduce__(self) -> tuple[Any, ...]:
        die_once(self.folder, "died returning")
        return str, ()


def die_once(folder: Path, *places: str) -> None:
    """Kill this process, unless one was killed at each of these places before."""
    for place in places:
        if not (folder / place).exists():
            (folder / place).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def leave_once(marker: Path) -> None:
    """End this process, unless one was ended here before."""
    if not marker.exists():
        marker.touch()
        os._exit(3)


@dataclass
class Doer:
    """Does what a task says."""

    folder: Path
    context: str = "doer"

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        task = request.genome.key
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif task in DEATHS:
            die_once(self.folder, *DEATHS[task])
        elif task == "die returning once":
            return Evaluation(Status.OK, reason=Deadly(self.folder))  # type: ignore[arg-type]
        elif task == "leave once":
            leave_once(self.folder / "left")
        elif task == "exhaust":
            raise MemoryError
        elif task == "raise":
            raise ValueError("no such layer")
        elif task == "hang":
            time.sleep(600)
        elif task == "unpicklable":
            return Evaluation(Status.OK, reason=(word for word in ()))  # type: ignore[arg-type]
        elif task == "nan":
            return Evaluation(Status.OK, {"accuracy": float("nan")})
        return Evaluation(Status.OK, {"pid": float(os.getpid())})


@dataclass
class DiesWhenTold(Doer):
    """Kills its worker at once where a task says so, but when it is tried again, only once it is told to."""

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        if request.genome.key == "die":
            die_once(self.folder, "died untold")
            (self.folder / "tried again").touch()
            while not (self.folder / "told").exists():
                time.sleep(0.02)
        return super().__call__(request)


@dataclass
class DiesInStartUp(Doer):
    """Kills the first worker that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return loaded_or_dead, (self.folder,)


def loaded_or_dead(folder: Path) -> Doer:
    """Kill this process, or return what does tasks."""
    die_once(folder, "died in start-up")
    return Doer(folder)


class Unloadable:
    """An evaluator that no worker can unpickle."""

    context = "unloadable"

    def __call__(self, request: EvaluationRequest) -> Evaluation:
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def request(task: str) -> EvaluationRequest:
    return EvaluationRequest(Task(task), Fidelity(1, 1))


def finish(executor: RayExecutor, tools: Any, *tasks: str) -> list[Evaluation]:
    """Return the evaluations of tasks, all submitted as soon as a worker is idle."""
    waiting = list(enumerate(tasks))
    found: dict[int, Evaluation] = {}

    def step() -> bool:
        while waiting and executor.n_idle > 0:
            ticket, task = waiting.pop(0)
            executor.submit(ticket, request(task))
        for ticket, evaluation in executor.wait(0.2):
            assert ticket not in found
            found[ticket] = evaluation
        return len(found) == len(tasks)

    tools.wait_for(step, f"evaluations; found {found}")
    assert executor.n_running == 0
    return [found[ticket] for ticket in range(len(tasks))]


@pytest.fixture(autouse=True)
def own_classes(cluster: RayExecutor) -> None:
    """Let workers unpickle the classes of this file without importing it."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def executor(cluster: RayExecutor, tmp_path: Path) -> Iterator[RayExecutor]:
    executor = RayExecutor(Doer(tmp_path), 2)
    yield executor
    executor.close()


def test_two_workers_share_one_gpu(cluster: RayExecutor) -> None:
    assert cluster._owns_cluster
    assert ray.cluster_resources()["GPU"] == 1
    assert ray.cluster_resources()["CPU"] == 2
    assert [slot.n_gpus for slot in cluster._slots] == [0.5, 0.5]
    assert [slot.n_lanes for slot in cluster._slots] == [1, 1]


def test_a_local_cluster_has_nothing_in_it_but_what_trains(cluster: RayExecutor) -> None:
    """Fails where Ray calls otherwise what `_LocalNode` overrides or sets, or is not restored."""
    started = ray._private.worker._global_node
    beside = {
        ray_constants.PROCESS_TYPE_DASHBOARD,
        ray_constants.PROCESS_TYPE_MONITOR,
        ray_constants.PROCESS_TYPE_LOG_MONITOR,
    }
    assert ray_constants.PROCESS_TYPE_RAYLET in started.all_processes
    assert not beside & started.all_processes.keys()
    ports = {started.metrics_agent_port, started.metrics_export_port, started.runtime_env_agent_port}
    assert len(ports & {*local_ray.PORTS}) == 3
    assert ray._private.node.Node is not type(started)
    assert local_ray.BEFORE[1] == ray_constants.ENABLE_RAY_CLUSTER


@pytest.mark.fault
def test_no_candidate_harms_another(executor: RayExecutor, tools: Any, tmp_path: Path) -> None:
    """To see it fail: let one death be enough (`MAX_DEATHS`), or NaN pass in `evaluate_safely`."""
    assert (executor.n_idle, executor.n_running) == (0, 0)
    expected = [
        ("ok", Status.OK),
        ("die", Status.CRASHED),
        ("ok", Status.OK),
        ("exhaust", Status.OUT_OF_MEMORY),
        ("raise", Status.CRASHED),
        ("die once", Status.OK),  # a worker's death counts against a candidate that was alone on it,
        ("die twice", Status.OK),  # and only when it repeats
        ("unpicklable", Status.CRASHED),
        ("leave once", Status.OK),
        ("nan", Status.DIVERGED),
        ("die returning once", Status.OK),
        ("ok", Status.OK),
    ]
    tasks = [task for task, _ in expected]
    found = finish(executor, tools, *tasks)
    assert [(task, one.status) for task, one in zip(tasks, found, strict=True)] == expected
    evaluations = dict(zip(tasks, found, strict=True))
    assert {"died", "died second", "died returning", "left"} <= {path.name for path in tmp_path.iterdir()}
    assert evaluations["die"].reason.startswith("killed 2 workers: ")
    assert evaluations["raise"].reason.startswith("ValueError: no such layer at ")
    assert "pickle" in evaluations["unpicklable"].reason
    assert evaluations["nan"].reason == "metric accuracy was nan"
    assert not evaluations["die"].metrics
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two living workers again")


@pytest.mark.fault
def test_the_others_do_not_wait_for_a_candidate_that_kills(
    cluster: RayExecutor, tools: Any, tmp_path: Path
) -> None:
    """While it is tried again, which lasts until ten others have ended, the other worker takes what comes.

    To see it fail: say in `n_idle` that there is none while a slot is retrying.
    """
    executor = RayExecutor(DiesWhenTold(tmp_path), 2)
    tickets = count(1)
    ended: dict[int, Evaluation] = {}

    def step() -> bool:
        if (tmp_path / "tried again").exists() and executor.n_idle:
            executor.submit(next(tickets), request("ok"))
        ended.update(executor.wait(0.2))
        return len(ended) >= 10

    try:
        tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers")
        executor.submit(0, request("die"))
        tools.wait_for(step, "ten others")
        assert 0 not in ended
        (tmp_path / "told").touch()
        tools.wait_for(lambda: ended.update(executor.wait(0.1)) or not executor.n_running, "the last ones")
    finally:
        executor.close()
    assert ended[0].reason.startswith("killed 2 workers: ")


@pytest.mark.fault
def test_a_candidate_whose_worker_died_waits_for_no_other_to_start(
    executor: RayExecutor, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine of its worker may have left. Fails where `_retry` looks at none before all have started."""
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers")
    start = executor._start
    monkeypatch.setattr(executor, "_start", lambda _: start(64.0))  # as many GPUs are nowhere
    assert [one.status for one in finish(executor, tools, "die once", "ok")] == [Status.OK, Status.OK]


@pytest.mark.fault
def test_a_worker_that_is_killed_in_start_up_is_replaced(
    cluster: RayExecutor, tools: Any, tmp_path: Path
) -> None:
    """Fails where `_bury` gives up at the first death in start-up, or replaces nothing."""
    executor = RayExecutor(DiesInStartUp(tmp_path), 2)
    try:
        tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers")
        evaluations = finish(executor, tools, "ok", "ok", "ok")
    finally:
        executor.close()
    assert (tmp_path / "died in start-up").exists()
    assert [evaluation.status for evaluation in evaluations] == [Status.OK] * 3


@pytest.mark.fault
def test_a_candidate_past_its_deadline_is_ended_with_its_worker(
    cluster: RayExecutor, tools: Any, tmp_path: Path
) -> None:
    """To see it fail: end no worker in `_end_late`."""
    executor = RayExecutor(Doer(tmp_path), 2, deadline=1.0)
    try:
        hung, *others = finish(executor, tools, "hang", "ok", "ok")
        assert hung.status is Status.TIMED_OUT
        assert hung.reason == "past its deadline of 1 s; its worker was ended"
        assert 1.0 < hung.seconds < 30
        assert [evaluation.status for evaluation in others] == [Status.OK, Status.OK]
        tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "a new worker")
        hanging = f"{TITLE}.evaluate"  # Ray ends the process after it has said so
        tools.wait_for(lambda: not tools.of_cluster(hanging), "the worker that hung to be gone")
    finally:
        executor.close()
    tools.wait_for(lambda: not tools.of_cluster(TITLE), "workers are left after close()")


@pytest.mark.fault
def test_workers_that_die_while_they_have_nothing_to_do_harm_no_candidate(
    executor: RayExecutor, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where `_retry` gives a candidate to a worker that has not answered first.

    The first that dies under it brings it to the second, which is dead, too; there one death would be enough.
    """
    monkeypatch.setattr(ray_executor, "MAX_DEATHS", 1)
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers")
    for worker in tools.of_cluster(TITLE):
        os.kill(worker, signal.SIGKILL)
    tools.wait_for(lambda: not tools.of_cluster(TITLE), "the workers to be gone")
    assert [evaluation.status for evaluation in finish(executor, tools, "ok")] == [Status.OK]


@pytest.fixture
def lose_results(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, ray.exceptions.RayError], None]:
    """Return a function that has an error raised in place of some evaluations, where it is one of a worker
    with the death of that.
    """
    get = ray.get

    def lose(n_results: int, error: ray.exceptions.RayError) -> None:
        left = iter(range(n_results))

        def get_or_lose(reference: Any) -> Any:
            result = get(reference)
            if isinstance(result, Evaluation) and next(left, None) is not None:
                if not isinstance(error, ray.exceptions.ObjectLostError):
                    os.kill(int(result.metrics["pid"]), signal.SIGKILL)
                raise error
            return result

        monkeypatch.setattr(ray_executor.ray, "get", get_or_lose)

    return lose


@pytest.mark.fault
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            ray.exceptions.RayActorError(error_msg=f"lost\n{ray_executor.NODE_DIED}"), id="a machine"
        ),
        pytest.param(ray.exceptions.ObjectLostError("0" * 56, None, ""), id="a result"),
    ],
)
def test_what_is_lost_with_a_machine_counts_against_no_candidate(
    error: ray.exceptions.RayError, executor: RayExecutor, tools: Any, lose_results: Callable[..., None]
) -> None:
    """Fails where `_take_loss` knows neither `NODE_DIED` nor results that are lost."""
    lose_results(3, error)
    assert [evaluation.status for evaluation in finish(executor, tools, "ok")] == [Status.OK]
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two idle workers")


@pytest.mark.fault
def test_workers_that_rays_memory_monitor_ends_are_out_of_memory(
    executor: RayExecutor, tools: Any, lose_results: Callable[..., None]
) -> None:
    """Fails where `_take_loss` knows no `OutOfMemoryError`; `tests/faults` really fills the memory."""
    lose_results(3, ray.exceptions.OutOfMemoryError("1 worker was killed\nmore about memory"))
    first, second = finish(executor, tools, "ok")[0], finish(executor, tools, "ok")[0]
    assert (first.status, first.reason) == (Status.OUT_OF_MEMORY, "killed 2 workers: 1 worker was killed")
    assert second.status is Status.OK


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "ray://127.0.0.1:1", "nonsense"])
def test_an_address_where_nothing_listens_is_told_at_once(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(
        WorkerError, match=rf"a Ray cluster at '{re.escape(address)}' must be reachable, but: "
    ):
        connect(1, address, None)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("n_workers", "share", "n_places"), [(1, 2, 0), (4, 0.5, 2), (3, 0, 2)])
def test_more_workers_than_the_cluster_has_places_for_are_refused(
    cluster: RayExecutor, tmp_path: Path, n_workers: int, share: float, n_places: int
) -> None:
    asked = f"{n_workers} were asked for and Ray found {n_places}; ask for at most {n_places}"
    with pytest.raises(WorkerError, match=f"must have a place each, .* but {asked}"):
        RayExecutor(Doer(tmp_path), n_workers, gpus_per_worker=share)


def test_places_that_others_hold_end_in_an_error(
    executor: RayExecutor, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.wait_for(lambda: executor.wait(0.1) or executor.n_idle == 2, "two workers, which take both cores")
    monkeypatch.setattr(ray_executor, "START_SECONDS", 1.0)
    late = RayExecutor(Doer(tmp_path), 1)
    try:
        with pytest.raises(
            WorkerError,
            match=r"must start within 1 s, but none did; each needs 1 CPU and 0 GPUs, the cluster has",
        ):
            tools.wait_for(lambda: late.wait(0.1), "an error")
    finally:
        late.close()


def test_workers_that_cannot_start_end_in_an_error_with_the_cause(cluster: RayExecutor, tools: Any) -> None:
    executor = RayExecutor(Unloadable(), 2)
    try:
        with pytest.raises(
            WorkerError,
            match=r"a worker must start, but 4 died at once: ValueError: invalid literal for int.*logs",
        ):
            tools.wait_for(lambda: executor.wait(0.1), "an error")
    finally:
        executor.close()
