"""The run folder: the journal of all evaluations, its front, and the lock that keeps it to one process."""

from evocnn.store.environment import environment
from evocnn.store.front import Front, front_of
from evocnn.store.journal import Journal, Record
from evocnn.store.lock import is_locked, locked

__all__ = ["Front", "Journal", "Record", "environment", "front_of", "is_locked", "locked"]
