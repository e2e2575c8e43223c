"""One process at a time works on a run folder."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TextIO

from evocnn.errors import RunLockedError

LOCK_NAME = "run.lock"
ATTEMPTS = 5
ATTEMPT_SECONDS = 0.05


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock; the system frees it when the process ends, however it ends.

    Raises:
        RunLockedError: Another process holds it.
    """
    path = folder / LOCK_NAME
    with path.open("a+", encoding="utf-8") as file:
        if not _acquired(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            message = (
                f"run folder '{folder}' must be used by one process at a time, but it was held by {holder}; "
                "wait for it, stop it, or give another folder with --out"
            )
            raise RunLockedError(message)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _acquired(file: TextIO) -> bool:
    """Return whether the lock could be taken; a reader that looks at it holds it for an instant only."""
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(ATTEMPT_SECONDS)
        else:
            return True
    return False


def is_locked(folder: Path) -> bool:
    """Return whether a process works on the run right now."""
    path = folder / LOCK_NAME
    if not path.exists():
        return False
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
