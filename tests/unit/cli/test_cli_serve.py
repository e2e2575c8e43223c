"""The command that serves runs, as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from evocnn.cli import serve as module

Call = Callable[..., Any]


@pytest.mark.slow
def test_runs_are_served_until_ctrl_c(finished: Path) -> None:
    command = [sys.executable, "-m", "evocnn.cli.main", "serve", str(finished), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("1 run at http://127.0.0.1:")
        with urlopen(said.split()[3], timeout=60) as answer:  # noqa: S310 - a fixed scheme
            assert b"<title>tiny" in answer.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_what_is_no_run_is_told(evocnn: Call, tmp_path: Path) -> None:
    said = evocnn("serve", tmp_path)
    assert said.code == 1
    assert "must be a run folder" in said.err


@pytest.mark.parametrize("is_hasty", [False, True])
def test_ctrl_c_waits_for_the_page_that_is_drawn_and_the_second_does_not(
    is_hasty: bool, evocnn: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float | None] = []

    class Drawing(Thread):
        def join(self, timeout: float | None = None) -> None:
            waited.append(timeout)
            if is_hasty:
                raise KeyboardInterrupt

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def leave(code: int) -> None:
        raise SystemExit(code + 1000)

    monkeypatch.setattr(module, "serve", interrupted)
    monkeypatch.setattr(module, "renderings", lambda: [Drawing()])
    monkeypatch.setattr(os, "_exit", leave)
    said = evocnn("serve", tmp_path)
    assert said.code == (1130 if is_hasty else 130)
    assert waited == [None]
    assert said.err == "ending, once the page that is being drawn is done; Ctrl-C again drops it\n"
    monkeypatch.setattr(module, "renderings", list)
    assert evocnn("serve", tmp_path).err == ""
