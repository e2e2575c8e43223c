"""The run folder: the journal of all evaluations, its front, saved states, and the lock."""

from evocnn.store.environment import environment
from evocnn.store.front import Front, GrowingFront, Repeats, front_of, selectable
from evocnn.store.journal import Journal
from evocnn.store.links import check_links
from evocnn.store.lock import is_locked, locked
from evocnn.store.record import Record
from evocnn.store.running import Running, forget_running, read_running, write_running
from evocnn.store.states import States

__all__ = [
    "Front",
    "GrowingFront",
    "Journal",
    "Record",
    "Repeats",
    "Running",
    "States",
    "check_links",
    "environment",
    "forget_running",
    "front_of",
    "is_locked",
    "locked",
    "read_running",
    "selectable",
    "write_running",
]
