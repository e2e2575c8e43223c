"""Searches that are killed or interrupted: nothing is lost, nothing is trained twice, nothing is left."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evocnn
from evocnn.workers.ray_executor import RayExecutor
from evocnn.workers.uninterrupted import uninterrupted

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
WORKER = "ray::Worker"
Serial = Callable[[str], evocnn.Run]


def address_of(cluster: RayExecutor) -> str:
    import ray

    assert cluster._owns_cluster
    return str(ray.get_runtime_context().gcs_address)


@pytest.mark.fault
def test_a_killed_search_goes_on_as_if_nothing_had_happened(
    serial: Serial, cluster: RayExecutor, experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """And as long as it lives, no other process takes its folder. To see it fail: take any lock for free."""
    folder = tmp_path / "run"
    sessions = [
        (1, ("run", experiment_file, "--out", folder, "--workers", 2)),
        (4, ("resume", folder, "--workers", 0)),
        (8, ("resume", folder, "--workers", 2, "--ray-address", address_of(cluster))),
    ]
    whole = serial("nsga2")
    assert any(record.state for record in whole.records)  # candidates are continued from saved states
    committed: tuple[Any, ...] = ()
    for n_rows, arguments in sessions:
        command = tools.evocnn(*arguments)
        tools.wait_for_rows(folder, n_rows, command)
        if n_rows == 4:
            command.process.send_signal(signal.SIGSTOP)  # so that it does not finish first
            code, _, err = tools.evocnn("resume", folder, "--workers", 0).wait()
            assert code == 75, err
            holder = f"process {command.process.pid} on {socket.gethostname()}"
            assert f"by one process at a time, but it was held by {holder}; wait for it, or stop it" in err
        command.process.kill()  # SIGKILL, to the driver alone
        assert command.wait()[0] == -signal.SIGKILL
        command.wait_until_gone(WORKER)  # Ray's own helpers may need a minute to find out
        records = {record.ticket: record for record in tools.records_in(folder)}
        assert n_rows <= len(records) < len(whole.records)
        assert [records[record.ticket] for record in committed] == list(committed)
        committed = tuple(records.values())
        assert evocnn.open_run(folder).status == "interrupted"
    tools.wait_for(lambda: not tools.of_cluster(WORKER), "workers of the killed driver")
    out = tools.resume(folder, whole)
    assert out.startswith(f"integration: finished; {len(whole.candidates)} ok\n")
    after = {record.ticket: record for record in evocnn.open_run(folder).records}
    assert [after[record.ticket] for record in committed] == list(committed)  # times and all


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_until_ray_has_started_or_ended(number: signal.Signals) -> None:
    """Ray that is interrupted there has the process end with 1, not 130, and it sets handlers of its own.

    To see it fail: let it set them in `uninterrupted`.
    """
    heard: list[int] = []

    def handle(number: int, _: object) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    def ray_starts() -> None:
        with uninterrupted():
            signal.signal(number, signal.SIG_IGN)
            signal.raise_signal(number)
            assert heard == [number]  # so what it says is said at once
            heard.append(0)  # and Ray goes on

    before = signal.signal(number, handle)
    try:
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            ray_starts()
        assert heard == [number, 0]
        assert signal.getsignal(number) is handle
    finally:
        signal.signal(number, before)


@pytest.mark.fault
def test_once_finishes_what_runs_and_twice_drops_it(
    serial: Serial, cluster: RayExecutor, experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """To see it fail: let `Stop.handle` raise at the first signal."""
    folder = tmp_path / "run"
    command = tools.evocnn("run", experiment_file, "--out", folder, "--workers", 2)
    tools.wait_for_rows(folder, 2, command)
    shared = command.shared_memory()
    assert shared
    command.send(signal.SIGINT)
    code, out, err = command.wait()
    assert code == 130
    assert "stopping: what runs is being finished; Ctrl-C again drops it\n" in err
    assert "Traceback" not in err
    assert out.endswith(f"interrupted; go on with: evocnn resume {folder}\n")
    command.wait_until_gone()
    assert not [path for path in shared if path.exists()]
    n_rows = len(tools.records_in(folder))
    assert evocnn.open_run(folder).status == "interrupted"
    assert 2 <= n_rows < len(serial("nsga2").records)

    command = tools.evocnn("resume", folder, "--workers", 2, "--ray-address", address_of(cluster))
    tools.wait_for_rows(folder, n_rows + 1, command)
    command.process.send_signal(signal.SIGTERM)
    tools.wait_for(
        lambda: command.process.stderr.readline().startswith("stopping") or command.process.poll(),
        "the first signal",
    )
    assert command.process.poll() is None
    command.send(signal.SIGINT)
    code, out, err = command.wait()
    assert (code, out) == (130, ""), err
    assert err.endswith(f"interrupted; go on with: evocnn resume {folder}\n")
    assert "Traceback" not in err
    tools.wait_for(lambda: not tools.of_cluster(WORKER), "workers to end")
    tools.resume(folder, serial("nsga2"))
