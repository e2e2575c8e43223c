"""How much a journal holds: a small file beside it, for what SQLite itself cannot tell.

A young run lies wholly in SQLite's log; where that is lost, or one bit of it flips, SQLite takes what lies
ahead of the damage for all there ever was. The file is written after each commit, without waiting for the
disk: after a power cut it may say less than was committed, never more.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from evocnn.store.record import FIRST

FILE_NAME = "run.committed"
MOST_BYTES = 1000


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


def write_committed(folder: Path, committed: Committed) -> None:
    """Write what a journal holds, in place of what was before.

    Raises:
        OSError: It cannot be written.
    """
    part = folder / f"{FILE_NAME}.part"
    part.write_text(json.dumps(asdict(committed)), encoding="utf-8")
    part.replace(folder / FILE_NAME)


def read_committed(folder: Path) -> Committed | None:
    """Return what a journal holds at least; None where that cannot be read."""
    path = folder / FILE_NAME
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:  # a pipe would wait without end
            return None
        return _COMMITTED.validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None
