"""Reading a journal that another process may begin or end to write to meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from evocnn.errors import JournalError
from evocnn.store.journal import FILE_NAME, Journal, reading_mode

Found = TypeVar("Found")


def read_journal(folder: Path, read: Callable[[Journal], Found]) -> Found:
    """Return what is read from a journal that others may write to meanwhile.

    Where nobody does, SQLite is told that nothing changes; so what is read while a process begins or ends
    need not fit together, and is read once more.

    Args:
        folder: The run folder.
        read: Reads what is wanted.

    Raises:
        JournalError: There is none, or it cannot be read.
    """
    before = _state_of(folder / FILE_NAME)
    try:
        with Journal.open(folder, read_only=True) as journal:
            return read(journal)
    except JournalError:
        if _state_of(folder / FILE_NAME) == before:
            raise
    with Journal.open(folder, read_only=True) as journal:
        return read(journal)


def _state_of(path: Path) -> tuple[str, int, int] | None:
    """Return what changes where a process begins or ends to write to a journal; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return reading_mode(path), found.st_mtime_ns, found.st_size
