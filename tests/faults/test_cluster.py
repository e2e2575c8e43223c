"""Machines that leave and join a Ray cluster during a search, and the loss of its head."""

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from searches import without_times

import evocnn
from evocnn.store import read_running

pytestmark = [pytest.mark.fault, pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]
NODES = """
import sys
from ray.cluster_utils import Cluster
from evocnn.workers.local_ray import on_loopback
with on_loopback():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=1)]
    print(cluster.address, flush=True)
    for order in sys.stdin:
        if order == "leave\\n":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        elif order == "join\\n":
            nodes.append(cluster.add_node(num_cpus=1))
        else:
            cluster.remove_node(cluster.head_node, allow_graceful=False)
        print("done", flush=True)
    cluster.shutdown()
"""


class Nodes:
    """Two machines of one core each, which are processes of this one."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NODES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self._answer()

    def order(self, what: str) -> None:
        """Let a machine `join` or `leave`, or lose the `head`."""
        assert self.process.stdin
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")  # which Ray starts by itself only in ray.init()
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "90")
    made = Nodes()
    assert made.address, "Ray's nodes have not started: see /tmp/ray/session_latest/logs/raylet.err"
    yield made
    made.process.communicate(timeout=60)


def test_machines_leave_and_join_and_the_run_equals_a_quiet_one(
    nodes: Nodes, serial: Callable[[str], evocnn.Run], experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """The candidate of the machine that left goes to the other one.

    Fails where the loss of a worker is taken for an error of Ray (`RayExecutor._take_loss`).
    """
    folder = tmp_path / "run"
    address = ("--ray-address", nodes.address)
    command = tools.evocnn("run", experiment_file, "--out", folder, "--workers", 2, *address)
    tools.wait_for_rows(folder, 2, command)
    tools.wait_for(lambda: len({one.worker for one in read_running(folder)}) == 2, "two machines that train")
    nodes.order("leave")
    tools.wait_for_rows(folder, 7, command)  # more than the window of 4 lets pass without that candidate
    nodes.order("join")
    code, _, err = command.wait()
    assert code == 0, err
    found = evocnn.open_run(folder).records
    assert without_times(found) == without_times(serial("nsga2").records)


def test_a_lost_head_ends_the_run_with_what_to_do(
    nodes: Nodes, serial: Callable[[str], evocnn.Run], experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """And the run goes on elsewhere. Fails without `RayExecutor._hears_head`: Ray aborts the process."""
    folder = tmp_path / "run"
    command = tools.evocnn(
        "run", experiment_file, "--out", folder, "--workers", 2, "--ray-address", nodes.address
    )
    tools.wait_for_rows(folder, 2, command)
    nodes.order("head")
    code, _, err = command.wait()
    assert code == 1
    told, what_to_do = err.splitlines()[-1].split("; ")
    assert told.startswith(f"error: the Ray cluster at {nodes.address} must stay reachable, but: ")
    assert what_to_do == "start it again or choose other workers, then resume the run"
    assert "Traceback" not in err
    n_rows = len(tools.records_in(folder))
    assert 2 <= n_rows < len(serial("nsga2").records)
    tools.resume(folder, serial("nsga2"))
