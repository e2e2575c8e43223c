"""Run folders hold no symbolic links: what is written into one never lands elsewhere."""

import os
from pathlib import Path

from evocnn.errors import JournalError


def check_links(folder: Path) -> None:
    """Raise where a folder holds a symbolic link, at any depth; the folder itself may be one.

    Raises:
        JournalError: It does.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if path.is_symlink():
                message = (
                    f"run folder '{folder}' must hold no symbolic links, for what is written would land "
                    f"elsewhere, but '{path}' led to '{path.readlink()}'; put in its place what it names, or "
                    "remove it"
                )
                raise JournalError(message)
