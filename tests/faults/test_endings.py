"""What a search on Ray workers leaves behind, however it ends, and what it listens on meanwhile."""

import os
import pty
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import evocnn

pytestmark = [pytest.mark.fault, pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]
LISTENING = "0A"  # in /proc/net/tcp
LOOPBACK = "0100007F"  # 127.0.0.1 there; behind ::ffff: in tcp6
IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "evocnn.cli.main", *sys.argv[1:]])
"""


def listened_on(processes: Iterable[int]) -> list[str]:
    """Return the addresses on which processes listen, as the kernel writes them."""
    sockets = set()
    for process in processes:
        with suppress(OSError):  # it has ended
            sockets |= {str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()}
    tables = [Path("/proc/net", kind).read_text() for kind in ("tcp", "tcp6")]
    rows = [row.split() for table in tables for row in table.splitlines()]
    return [row[1].split(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]


def holds_back(process: int, number: signal.Signals) -> bool:
    """Return whether a process has a signal blocked."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return bool(int(status["SigBlk"], 16) >> number - 1 & 1)


def test_a_local_cluster_is_heard_on_loopback_alone_and_a_killed_driver_leaves_nothing(
    experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """Fails without `on_loopback`. What is left after `kill -9` is up to Ray alone."""
    folder = tmp_path / "run"
    command = tools.evocnn("run", experiment_file, "--out", folder, "--workers", 2)
    tools.wait_for_rows(folder, 1, command)
    addresses = listened_on(tools.marked(command.mark))
    assert len(addresses) > 4  # the head, the machine, its agents, the driver, workers
    assert set(addresses) <= {LOOPBACK, f"{'0' * 16}FFFF0000{LOOPBACK}"}
    shared = command.shared_memory()
    assert shared
    command.process.kill()
    command.wait()
    command.wait_until_gone()
    assert not [path for path in shared if path.exists()]


def test_a_process_that_is_asked_to_end_ends_cleanly(
    serial: Callable[[str], evocnn.Run], experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """As batch systems and `kill` ask, the driver alone. Fails where `Stop` does not listen to SIGTERM."""
    folder = tmp_path / "run"
    command = tools.evocnn("run", experiment_file, "--out", folder, "--workers", 2)
    tools.wait_for_rows(folder, 2, command)
    command.process.send_signal(signal.SIGTERM)
    code, out, err = command.wait()
    assert code == 130, err
    assert "Traceback" not in err
    assert out.endswith(f"interrupted; go on with: evocnn resume {folder}\n")
    command.wait_until_gone()
    assert evocnn.open_run(folder).status == "interrupted"
    tools.resume(folder, serial("nsga2"))


def test_a_closed_terminal_ends_the_run_cleanly(
    serial: Callable[[str], evocnn.Run], experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """What runs is finished, Ray included, although the terminal hangs up on all that was started in it.

    Fails where `Stop` does not listen to SIGHUP, and where Ray's processes, which end at a SIGHUP, are
    not kept from it (`uninterrupted`).
    """
    folder, mark = tmp_path / "run", uuid.uuid4().hex
    ours, theirs = pty.openpty()
    arguments = ["run", experiment_file, "--out", folder, "--workers", 2]
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "EVOCNN_TEST_MARK": mark},
    )
    os.close(theirs)
    os.set_blocking(ours, False)

    def read() -> bool:
        with suppress(BlockingIOError):
            os.read(ours, 2**16)  # a terminal that nobody reads blocks who writes
        return process.poll() is not None

    try:
        heads = tools.wait_for(lambda: read() or tools.marked(mark, "gcs_server"), "Ray")
        assert process.poll() is None
        assert all(holds_back(head, signal.SIGHUP) for head in heads)
        tools.wait_for(lambda: read() or len(tools.records_in(folder)) >= 2, "2 rows")
        assert process.poll() is None
        os.close(ours)
        assert process.wait(timeout=100) == 130
        tools.wait_for(lambda: not tools.marked(mark), "processes to end")
    finally:
        for left in tools.marked(mark):
            os.kill(left, signal.SIGKILL)
    found = evocnn.open_run(folder)
    assert found.status == "interrupted"
    n_rows = len(found.records)
    assert 2 <= n_rows < len(serial("nsga2").records)
    tools.resume(folder, serial("nsga2"))
