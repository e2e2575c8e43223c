"""Who watches a search."""

from collections.abc import Callable
from dataclasses import dataclass

from evocnn.config import Parts
from evocnn.store import Record, Running


@dataclass(frozen=True)
class Progress:
    """What an observer of a running search sees.

    Attributes:
        record: The record told last.
        is_replayed: Whether it came from the journal of an earlier session.
    """

    record: Record
    is_replayed: bool


def _ignore(_: object) -> None:
    """Do nothing with what is observed."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Observer:
    """Hears how a search goes, and may stop it.

    Attributes:
        on_start: Called once with the objects of the search.
        on_workers: Called with what the workers are, in a line, once all have started.
        on_told: Called after each evaluation was told.
        on_running: Called with all that is being trained, where that has changed.
        should_stop: Asked often; once true, nothing new starts and what runs is finished.
    """

    on_start: Callable[[Parts], None] = _ignore
    on_workers: Callable[[str], None] = _ignore
    on_told: Callable[[Progress], None] = _ignore
    on_running: Callable[[tuple[Running, ...]], None] = _ignore
    should_stop: Callable[[], bool] = _never


NOBODY = Observer()
