"""Saved states of evaluations: a file each in the run folder, named by identity.

A file is durable before the row that names its digest. A lost state of a candidate that is continued
costs time, no result: training anew finds the same. Weights that children inherit are not found again.
"""

import hashlib
import warnings
from collections.abc import Collection
from pathlib import Path

from evocnn.errors import JournalError
from evocnn.store.durable import write_durably

FOLDER_NAME = "states"


class States:
    """The saved states of a run, of which it knows those that it was told to keep.

    Args:
        folder: The run folder; `states` in it is made with the first state.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER_NAME
        self._kept: dict[str, str] = {}  # identity: SHA-256
        self._has_warned = False

    def save(self, identity: str, state: bytes) -> str:
        """Write a state, durably, at once or not at all, and return its SHA-256.

        Raises:
            JournalError: It cannot be written.
        """
        path = self._folder / identity
        try:
            write_durably(path, state)
        except OSError as error:
            message = (
                f"saved state '{path}' must be writable, but: {error.strerror}; free some space, then resume "
                "the run"
            )
            raise JournalError(message) from error
        return hashlib.sha256(state).hexdigest()

    def keep(self, identity: str, digest: str) -> None:
        """Know of a state that was saved, in this session or an earlier one."""
        self._kept[identity] = digest

    def load(self, identity: str) -> bytes | None:
        """Return a state; None where it was dropped or lost, the latter with a warning the first time."""
        if identity not in self._kept:
            return None
        state = whole_state(self._folder / identity, self._kept[identity])
        if state is None and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"saved states in '{self._folder}' are missing or damaged; candidates that go on from one "
                "are trained anew, which finds the same",
                stacklevel=2,
            )
        return state

    def drop_all_but(self, needed: Collection[str]) -> None:
        """Delete what is kept, except for these identities."""
        for identity in self._kept.keys() - needed:
            (self._folder / identity).unlink(missing_ok=True)
            del self._kept[identity]


def whole_state(path: Path, digest: str | None) -> bytes | None:
    """Return a saved state as it was saved; None where it is missing or damaged.

    Args:
        path: Its file; a pipe in its place is not waited for.
        digest: Its SHA-256; None where no such state was saved.
    """
    try:
        if not path.is_file():
            return None
        state = path.read_bytes()
    except OSError:
        return None
    return state if hashlib.sha256(state).hexdigest() == digest else None
