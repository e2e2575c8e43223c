"""Reader of pickles that runs nothing: plain values and arrays of whole numbers, as CIFAR is published in."""

import os
import pickle
import pickletools
import struct
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError


def unpickled(path: Path) -> dict[str, Any]:
    """Return the dictionary of a pickle that holds plain values and arrays of whole numbers.

    Args:
        path: The file.

    Returns:
        The dictionary, its keys as text.

    Raises:
        DataError: The file cannot be read, holds something else, or names anything to be called.
            Nothing that the file names is imported or run.
    """
    try:
        with path.open("rb") as file:
            _check_places(file)
            found = _Restricted(file, encoding="bytes").load()
    except OSError as error:
        raise DataError(
            f"file {path} must be readable, but it was not ({error.strerror or error}); download or "
            "copy it again"
        ) from error
    except _UNREADABLE as error:
        raise DataError(
            f"file {path} must be a pickle of plain values and arrays, but it was not "
            f"({type(error).__name__}: {error}); nothing of it was run; use the official file"
        ) from error
    if not isinstance(found, dict):
        raise DataError(
            f"file {path} must hold a dictionary, but it was {type(found).__name__}; use the official file"
        )
    return {as_text(key): _built(value) for key, value in found.items()}


_UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What Python's unpickler raises for files that are cut short, changed or no pickles."""


def _check_places(file: BufferedReader) -> None:
    """Raise where a pickle remembers something at a place that would take memory for all places before it.

    Raises:
        UnpicklingError: It does.
        ValueError: It is no pickle.
    """
    n_bytes = os.fstat(file.fileno()).st_size
    for code, place, _ in pickletools.genops(file):
        if code.name.endswith("PUT") and place is not None and not 0 <= place <= n_bytes:
            raise pickle.UnpicklingError(f"place {place} of what it remembers")
    file.seek(0)


class _Dtype:
    """Stands for a numpy type while a pickle is read."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.dtype = np.dtype(as_text(code))
        if self.dtype.kind not in "iu":
            raise pickle.UnpicklingError(f"an array of type {self.dtype}")

    def __setstate__(self, _: Any) -> None:
        """Need no more than the code: byte order is of no account for the bytes that are read."""


class _Array:
    """Stands for a numpy array while a pickle is read."""

    def __init__(self, *_: Any) -> None:
        self.array: npt.NDArray[np.integer] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, in_columns, content = state
        if isinstance(content, str):
            content = content.encode("latin1")
        array = np.frombuffer(content, dtype=kind.dtype)
        self.array = array.reshape(shape, order="F" if in_columns else "C")


def _encoded(text: str, _encoding: Any) -> bytes:
    return text.encode("latin1")


_STANDINS: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): None,  # only ever an argument
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("_codecs", "encode"): _encoded,
}


class _Restricted(pickle.Unpickler):
    """Reads a pickle in which nothing is what it says: every name stands for a harmless stand-in."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of a name.

        Raises:
            UnpicklingError: There is none.
        """
        if (module, name) not in _STANDINS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _STANDINS[module, name]


def _built(value: Any) -> Any:
    return value.array if isinstance(value, _Array) else value


def as_text(value: Any) -> str:
    """Return text, which Python 2 pickled as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
