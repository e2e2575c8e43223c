"""One process at a time works on a run folder."""

import errno
import fcntl
import os
import socket
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from time import sleep

from evocnn.errors import JournalError, RunLockedError
from evocnn.store.links import check_links

LOCK_NAME = "run.lock"
ATTEMPTS = 5
ATTEMPT_SECONDS = 0.05
MOST_SHOWN = 200  # bytes of the holder's name


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock; the system frees it when the process ends, however it ends.

    The holder's name stays in the file only where it was killed. One from another machine is told: where
    locks do not reach from machine to machine, nobody can know whether it works on.

    Raises:
        RunLockedError: Another process holds it.
        JournalError: The folder cannot be written, or it holds symbolic links.
    """
    check_links(folder)
    with _opened(folder) as file:
        is_free, holder = _acquired(file), _holder(file)
        if not is_free:
            message = (
                f"run folder '{folder}' must be used by one process at a time, but it was held by "
                f"{holder or 'unknown'}; wait for it, or stop it"
            )
            raise RunLockedError(message)
        machine = socket.gethostname()
        if holder and holder.rpartition(" on ")[2] != machine:
            warnings.warn(
                f"'{folder}' was held by {holder}, which never said that it had ended; make sure that it no "
                "longer works on this folder: locks need not reach from one machine to another",
                stacklevel=3,
            )
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {machine}".encode())
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)


def _opened(folder: Path) -> FileIO:
    try:
        return FileIO(_ordinary(folder, os.O_RDWR | os.O_CREAT | os.O_APPEND), "r+")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _ordinary(folder: Path, flags: int) -> int:
    """Open the lock file, whoever put it there: of a pipe, opening would wait without end.

    Raises:
        OSError: It cannot be opened, or is no ordinary file.
    """
    descriptor = os.open(folder / LOCK_NAME, flags | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no ordinary file")
    return descriptor


def _holder(file: FileIO) -> str:
    """Return who wrote into the lock file last; it is shown, so nothing in it may act on a terminal."""
    text = file.read(MOST_SHOWN).decode(errors="replace")
    return "".join(letter for letter in text if letter.isprintable())


def _unwritable(folder: Path, error: OSError) -> JournalError:
    return JournalError(
        f"run folder '{folder}' must be writable, but its {LOCK_NAME} was not: {error.strerror}; make room, "
        "or give rights"
    )


def _acquired(file: FileIO) -> bool:
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
    try:
        file = FileIO(_ordinary(folder, os.O_RDONLY))
    except OSError:  # nothing is there that a process could hold
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
