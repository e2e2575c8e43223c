"""The command that serves runs, as a process of its own."""

import os
import shutil
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
from evocnn.cli.main import EXIT_MISTAKE

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
    assert said.code == EXIT_MISTAKE
    assert "must be a run or a folder of runs" in said.err


def test_a_folder_of_runs_stands_for_all_of_them(
    finished: Path, evocnn: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b/c", "a"):
        shutil.copytree(finished, tmp_path / "runs" / name)
    served: list[Path] = []
    monkeypatch.setattr(module, "serve", lambda folders, *_: served.extend(folders))
    evocnn("serve", tmp_path / "runs", tmp_path / "runs/a")
    assert served == [tmp_path / "runs/a", tmp_path / "runs/b/c"]


@pytest.mark.parametrize("is_hasty", [False, True])
def test_ctrl_c_waits_for_the_page_that_is_drawn_and_the_second_does_not(
    is_hasty: bool, evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
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
    said = evocnn("serve", finished)
    assert said.code == (1130 if is_hasty else 130)
    assert waited == [None]
    assert said.err == "ending, once the page that is being drawn is done; Ctrl-C again drops it\n"
    monkeypatch.setattr(module, "renderings", list)
    assert evocnn("serve", finished).err == ""
