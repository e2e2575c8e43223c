"""How much a journal holds: a small file beside it, for what SQLite itself cannot tell.

A young run lies wholly in SQLite's log; where that is lost, or one bit of it flips, SQLite takes what lies
ahead of the damage for all there ever was. The file is written after each commit, in its place and without
waiting for the disk: after a power cut it may say less than was committed, never more.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from evocnn.store.durable import write_durably
from evocnn.store.record import FIRST

FILE_NAME = "run.committed"
N_BYTES = 200  # always: what is written in place never leaves a part of what was there
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Committed:
    """What a journal holds at least.

    Attributes:
        rows: Evaluations.
        digest: That of the last of them.
        entries: How often an entry of the manifest was written.
    """

    rows: int = 0
    digest: str = FIRST
    entries: int = 0


_COMMITTED = TypeAdapter(Committed)


def begin_committed(folder: Path, committed: Committed) -> None:
    """Write the file of a new journal, durably.

    Raises:
        OSError: It cannot be written.
    """
    write_durably(folder / FILE_NAME, _content(committed))


def write_committed(folder: Path, committed: Committed) -> None:
    """Write what a journal holds over what was said before: one block, old or new after a power cut.

    Raises:
        OSError: It cannot be written, or is not there.
    """
    with (folder / FILE_NAME).open("r+b", buffering=0) as file:
        file.write(_content(committed))


def read_committed(folder: Path) -> Committed | None:
    """Return what a journal holds at least; None where that cannot be read."""
    path = folder / FILE_NAME
    try:
        if not path.is_file() or path.stat().st_size != N_BYTES:  # a pipe would wait without end
            return None
        content = path.read_bytes()
        for _ in range(ATTEMPTS):  # it may be written to meanwhile
            before, content = content, path.read_bytes()
            if content == before:
                break
        return _COMMITTED.validate_json(content, strict=True)
    except (OSError, ValueError):
        return None


def _content(committed: Committed) -> bytes:
    return json.dumps(asdict(committed)).ljust(N_BYTES).encode()
