"""Pixels in memory, or in a file that is mapped into it where they are large."""

import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError
from evocnn.training.data.download import CACHE_VARIABLE, cache_root

Pixels = npt.NDArray[np.uint8]

SHARE_VARIABLE = "EVOCNN_MEMORY_SHARE"
SHARE = 0.25  # of the memory; a split needs as much again for its two sides, and so does each worker
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def hold(shape: tuple[int, ...], key: str, fill: Callable[[Pixels], Any]) -> tuple[Pixels, Any]:
    """Return pixels that a function writes, mapped from a file of the cache where they are large.

    Args:
        shape: Shape of the pixels.
        key: Names the file, and must differ wherever the pixels differ: a file that is there is not
            written again.
        fill: Writes all pixels, and returns what else is to be remembered of it, as JSON has it.

    Returns:
        The pixels, read-only where they are mapped, and what `fill` returned.

    Raises:
        DataError: The file cannot be written or read.
    """
    if math.prod(shape) <= memory_share() * memory_bytes():
        pixels: Pixels = np.empty(shape, dtype=np.uint8)
        return pixels, fill(pixels)
    folder = cache_root() / "mapped"
    path, remembered = folder / f"{key}.npy", folder / f"{key}.json"
    try:
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                written, said = Path(scratch) / "pixels", Path(scratch) / "said"
                target = np.lib.format.open_memmap(written, mode="w+", dtype=np.uint8, shape=shape)
                said.write_text(json.dumps(fill(target)))
                target.flush()
                said.replace(remembered)
                written.replace(path)  # last: where it is, the other is
        return np.load(path, mmap_mode="r"), json.loads(remembered.read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"file {path} must hold the images that are too large for the memory, but it could not be "
            f"written and read ({error}); make room, set {CACHE_VARIABLE} to another folder or remove the "
            "file"
        ) from error


def memory_bytes() -> int:
    """Return how much memory there is for this process's group: the machine's, or a container's limit."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


def memory_share() -> float:
    """Return the share of the memory above which images are mapped: `EVOCNN_MEMORY_SHARE`, or a quarter.

    Raises:
        DataError: The variable is no share.
    """
    text = os.environ.get(SHARE_VARIABLE, "")
    try:
        share = float(text) if text else SHARE
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise DataError(
            f"{SHARE_VARIABLE} must be a share of the memory from 0 to 1, but it was {text!r}; "
            f"leave it out for {SHARE}"
        )
    return share
