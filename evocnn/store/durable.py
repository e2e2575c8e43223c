"""Files that are written at once or not at all, and stay written when the power fails."""

import os
from pathlib import Path


def write_durably(path: Path, content: bytes) -> None:
    """Write a file; whoever looks sees the old content, or none, until the new one is whole.

    Raises:
        OSError: It cannot be written.
    """
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
        _sync(path.parent.parent)
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:  # a new one: a link that lies there is not followed
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace_durably(part, path)
    except OSError:
        part.unlink(missing_ok=True)  # where the disk is full, it takes the room that was left
        raise


def replace_durably(part: Path, path: Path) -> None:
    """Give a file that is whole, and on the disk, the name under which it is looked for.

    Raises:
        OSError: The folder cannot be written.
    """
    part.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make what was made or renamed in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
