"""The command line as a process of its own: what it imports, how it ends, what a terminal shows."""

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

HEAVY = ("torch", "ray", "matplotlib", "sklearn", "deap", "numpy")
SEEN = f"print('seen:', *(name for name in {HEAVY!r} if name in __import__('sys').modules))"
WAIT = 120  # seconds; only against hanging


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT).stdout


def in_terminal(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit code of `evocnn` and all that it wrote to a terminal too low for a picture.

    In the end it tells what it imported.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 160, 0, 0))
    told_elsewhere = ("COLUMNS", "LINES", "NO_COLOR")
    environment = {name: value for name, value in os.environ.items() if name not in told_elsewhere}
    code = f"from evocnn.cli.main import main\ntry: main()\nfinally: {SEEN}"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(follower)
    written = b""
    try:
        while chunk := os.read(leader, 65536):
            written += chunk
    except OSError as error:  # Linux says so where the other side is closed
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(leader)
    return process.wait(WAIT), written.decode()


def test_a_shell_completes_commands_and_waits_for_no_heavy_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_EVOCNN_COMPLETE", "complete_bash")  # as what --install-completion writes does
    monkeypatch.setenv("COMP_WORDS", "evocnn re")
    monkeypatch.setenv("COMP_CWORD", "1")
    said = python(
        f"import sys\nsys.argv = ['evocnn']\nfrom evocnn.cli.main import main\ntry: main()\nfinally: {SEEN}"
    )
    assert said.split() == ["resume", "rescue", "report", "reproduce", "seen:"]


def test_the_package_is_imported_without_torch_and_ray() -> None:
    assert python(f"import evocnn; {SEEN}") == "seen:\n"


def test_help_is_shown_without_torch_and_ray() -> None:
    code = f"""
import sys
from evocnn.cli.main import main
for words in ([], ["run"], ["resume"], ["show"], ["plot"], ["space"]):
    sys.argv = ["evocnn", *words, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code
{SEEN}
"""
    out = python(code)
    assert out.count("Usage: ") == 6
    assert out.endswith("seen:\n")


def test_a_reader_that_leaves_early_is_no_error(finished: Path) -> None:
    command = f"{sys.executable} -m evocnn.cli.main show --json {finished} | head -n 1"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True, timeout=WAIT)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_terminal_shows_a_live_line_and_clears_it_without_ray_and_matplotlib(
    tiny: Path, tmp_path: Path
) -> None:
    code, written = in_terminal(
        *("run", tiny, "--workers", "0", "--budget", "8", "--out", tmp_path / "run", "--seed", "6")
    )
    assert code == 0
    assert not {"ray", "matplotlib"} & set(written.split("seen:")[1].split())
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    told = r"(\d)/8 · \d+ seen, \d+ full(?: · (\d+)s left)? · accuracy 0\.\d{4} · hypervolume [\d.e+]+"
    *before, last = re.findall(told, text)
    assert last == ("8", "")  # nothing is left
    assert any(seconds for _, seconds in before)
    assert "\x1b[?25l" in written  # the cursor hides while the line lives,
    assert written.rindex("\x1b[2K") < written.rindex("tiny: finished")  # and the line is gone when it ends
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


@pytest.mark.fault
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_output_on_a_full_disk_is_named() -> None:
    """Fails without `_output_failure`: with a traceback, as for a mistake of evocnn's own."""
    command = [sys.executable, "-c", "from evocnn.cli.main import main; main()", "show", "--help"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=WAIT, check=False
        )
    said = "error: standard output must be writable, but No space left on device; make room\n"
    assert (ended.returncode, ended.stderr) == (1, said)
