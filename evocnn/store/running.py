"""What is being trained right now: a small file beside the journal, for other processes to look at.

It is nobody's record: whoever looks sees it whole, but it does not survive a power cut, and a search that was
killed leaves its last one behind.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from evocnn.store.decoding import parsed

FILE_NAME = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A training on its way.

    Attributes:
        ticket: Its ticket.
        text: One-line form of the genome.
        worker: Where it is trained.
        since: When it was handed to the workers, in seconds of Unix time.
        elapsed: When that was in seconds of search, over all sessions.
        start: Epochs that it had been trained before.
        stop: Epochs after which this training stops.
        epochs: Epochs of full training.
    """

    ticket: int
    text: str
    worker: str
    since: float
    elapsed: float
    start: int
    stop: int
    epochs: int


_RUNNING = TypeAdapter(tuple[Running, ...])


def write_running(folder: Path, running: Sequence[Running]) -> None:
    """Write what is being trained, in place of what was before.

    Raises:
        OSError: It cannot be written.
    """
    part = folder / f"{FILE_NAME}.part"
    part.write_text(json.dumps([asdict(one) for one in running]), encoding="utf-8")
    part.replace(folder / FILE_NAME)


def read_running(folder: Path) -> tuple[Running, ...]:
    """Return what is being trained, as it was written last; nothing where that cannot be read."""
    path = folder / FILE_NAME
    try:
        if not path.is_file():  # a pipe would wait without end
            return ()
        return _RUNNING.validate_python(parsed(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return ()


def forget_running(folder: Path) -> None:
    """Remove the file; nothing is trained any more.

    Raises:
        OSError: It cannot be removed.
    """
    for name in (FILE_NAME, f"{FILE_NAME}.part"):
        (folder / name).unlink(missing_ok=True)
