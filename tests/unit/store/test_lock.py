import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evocnn.errors import JournalError, RunLockedError
from evocnn.store import is_locked, locked

HOLD = """
import sys, time
from pathlib import Path
from evocnn.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock of a run."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def enter(folder: Path) -> None:
    with locked(folder):
        pass


@pytest.mark.fault
def test_another_process_is_refused_and_told_who_holds_the_run(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """To see it fail: let `locked` go on where the lock is not free."""
    assert is_locked(tmp_path)
    rule = rf"'{re.escape(str(tmp_path))}' must be used by one process at a time"
    with pytest.raises(
        RunLockedError,
        match=rf"{rule}, but it was held by process {holder.pid} on .+; wait for it, or stop it$",
    ):
        enter(tmp_path)
    assert str(holder.pid) in (tmp_path / "run.lock").read_text()  # the refused one wrote nothing


@pytest.mark.fault
def test_the_lock_of_a_killed_process_is_free(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """To see it fail: hold a run by the name in its file."""
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(10)
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert (tmp_path / "run.lock").read_text().startswith(f"process {os.getpid()} on ")


def test_one_process_does_not_hold_a_lock_twice(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(RunLockedError, match=f"held by process {os.getpid()} on"):
            enter(tmp_path)
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    enter(tmp_path)


def test_an_error_frees_the_lock(tmp_path: Path) -> None:
    def fail() -> None:
        with locked(tmp_path):
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert not is_locked(tmp_path)


@pytest.mark.fault
def test_a_holder_on_another_machine_that_never_ended_is_told_and_replaced(tmp_path: Path) -> None:
    """To see it fail: compare no machines in `locked`."""
    (tmp_path / "run.lock").write_text("process 1 on \x1b[31mfar-away" + "x" * 300)
    message = r"was held by process 1 on \[31mfar-awayx+, which never said that it had ended; make sure"
    with pytest.warns(UserWarning, match=message), locked(tmp_path):
        text = (tmp_path / "run.lock").read_text()
    assert text.startswith(f"process {os.getpid()} on ")
    assert "xxx" not in text


def test_a_holder_that_ended_leaves_no_name(tmp_path: Path) -> None:
    """What is left in the file was killed, on this machine or another."""
    enter(tmp_path)
    assert (tmp_path / "run.lock").read_text() == ""


def test_looking_leaves_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_in_place_of_the_lock_holds_nobody_up(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    """To see it fail: open the lock without `O_NONBLOCK`, or take it whatever it is."""

    def end(*_: object) -> None:
        pytest.fail("whoever looked was held up")

    make(tmp_path / "run.lock")
    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(5)
    try:
        assert not is_locked(tmp_path)
        with pytest.raises(JournalError, match=r"its run\.lock was not: (Is a directory|it is no ordinary)"):
            enter(tmp_path)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
