"""Disks and files that take no more than they should."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a disk of its own, in memory; skip where that is not allowed."""
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, room: int) -> Path:
    """Fill a disk up but for some bytes, and return what fills it."""
    filler, block = disk / "filler", b"x" * 4096
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(block):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - room))
    return filler


@contextmanager
def quota(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes; needs no root, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
