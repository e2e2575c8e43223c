"""The run folder: the journal of all evaluations, its front, saved states, and the lock."""

from evocnn.store.environment import environment
from evocnn.store.front import Front, GrowingFront, Repeats, front_of, selectable
from evocnn.store.journal import Journal, Record
from evocnn.store.lock import is_locked, locked
from evocnn.store.states import States

__all__ = [
    "Front",
    "GrowingFront",
    "Journal",
    "Record",
    "Repeats",
    "States",
    "environment",
    "front_of",
    "is_locked",
    "locked",
    "selectable",
]
