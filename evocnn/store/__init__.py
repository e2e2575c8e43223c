"""The run folder: the journal of all evaluations, and the lock that keeps a run to one process."""

from evocnn.store.journal import Journal, Record
from evocnn.store.lock import is_locked, locked

__all__ = ["Journal", "Record", "is_locked", "locked"]
