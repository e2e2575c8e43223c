"""Reader of IDX files, the format of MNIST and its relatives.

LeCun, Cortes & Burges, "The MNIST database of handwritten digits": two zero bytes, a type code, the
number of dimensions, each size as a big-endian 32-bit integer, then the values.
"""

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError
from evocnn.training.data.image_set import ImageSet, image_set, images_needed
from evocnn.training.data.mapped import memory_bytes

UNSIGNED_BYTE = 0x08
LABEL_DIMS = (1,)
IMAGE_DIMS = (3, 4)
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_RATIO = 1032  # no Deflate stream grows by more: 258 bytes for 2 bits
CHUNK = 1 << 20
STEMS = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes, gzipped or not.

    Args:
        path: The file; its first bytes, not its name, tell whether it is gzipped.

    Returns:
        The values, shape as the header says, with 1 (labels), 3 or 4 (images) dimensions.

    Raises:
        DataError: The file cannot be read, is no IDX file of unsigned bytes, or is shorter or longer
            than its header says. Memory grows with what the file holds, not with what it claims.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            size = os.fstat(file.fileno()).st_size
            if packed:
                with gzip.GzipFile(fileobj=file) as stream:
                    return _read(stream, path, size * DEFLATE_RATIO)
            return _read(file, path, size)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"IDX file {path} must be readable, but it was not ({reason}); download or copy it again"
        ) from error


def load_idx(folder: Path, split: str, class_names: Sequence[str] | None = None) -> ImageSet:
    """Return a split from a folder that holds the files of MNIST, Fashion-MNIST or the like.

    Args:
        folder: Holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with `t10k`
            for the test split, each gzipped (`.gz`) or not; `train-images.idx3-ubyte` is found too.
        split: "train" or "test".
        class_names: One name per class, by default the labels.

    Raises:
        DataError: A file is missing or wrong, or images and labels do not fit together.
    """
    needed = images_needed(split)
    stem = STEMS[split]
    images = _read_dims(_find(folder, f"{stem}-images", IMAGE_DIMS), IMAGE_DIMS)
    labels = _read_dims(_find(folder, f"{stem}-labels", LABEL_DIMS), LABEL_DIMS)
    name = f"{folder.resolve().name} {split}"
    return image_set(images, labels, class_names=class_names, name=name, min_per_class=needed)


def holds_idx(folder: Path) -> bool:
    """Return whether a folder holds an IDX file of images under one of the usual names."""
    return any(
        (folder / name).is_file() for stem in STEMS.values() for name in _names(f"{stem}-images", IMAGE_DIMS)
    )


def _read(stream: BufferedIOBase, path: Path, limit: int) -> npt.NDArray[np.uint8]:
    """Read header and values; `limit` is what the stream cannot exceed, in bytes."""
    shape = _read_shape(stream, path)
    expected = math.prod(shape)
    if memory_bytes() < expected <= limit:  # few packed bytes can hold very many zeros
        raise DataError(
            f"IDX file {path} must fit into the memory, but its header announces {expected:,} bytes; give a "
            "smaller file, or a folder of image files"
        )
    content = bytearray()
    if expected <= limit:
        while len(content) <= expected and (chunk := stream.read(CHUNK)):
            content += chunk
    if len(content) != expected:
        found = "fewer" if len(content) < expected else "more"
        raise DataError(
            f"IDX file {path} must hold the {expected} values that its header announces, but it held "
            f"{found}; download or copy it again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _read_shape(stream: BufferedIOBase, path: Path) -> tuple[int, ...]:
    """Read the header."""
    magic = stream.read(4)
    if len(magic) != 4 or magic[:2] != b"\0\0":  # the magic number's length
        raise DataError(
            f"IDX file {path} must start with two zero bytes, a type and a number of dimensions, "
            f"but it started with {magic.hex(' ') or 'nothing'}; give a file in the format of MNIST"
        )
    code, n_dims = magic[2], magic[3]
    if code != UNSIGNED_BYTE or n_dims not in LABEL_DIMS + IMAGE_DIMS:
        raise DataError(
            f"IDX file {path} must hold unsigned bytes (type 0x08) in 1, 3 or 4 dimensions, but it was "
            f"type 0x{code:02x} in {n_dims}; convert it, or save the arrays as .npz"
        )
    header = stream.read(4 * n_dims)
    if len(header) != 4 * n_dims:
        raise DataError(
            f"IDX file {path} must announce {n_dims} sizes, but it ended after {len(header)} bytes of them; "
            "download or copy it again"
        )
    shape = struct.unpack(f">{n_dims}I", header)
    if 0 in shape:
        raise DataError(
            f"IDX file {path} must hold at least one value, but its shape was {shape}; "
            "give a file that holds images or labels"
        )
    return shape


def _read_dims(path: Path, dims: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Read a file whose name promises a number of dimensions."""
    array = read_idx(path)
    if array.ndim not in dims:
        raise DataError(
            f"IDX file {path} must have {' or '.join(map(str, dims))} dimensions, but it had {array.ndim}; "
            "check that the files of images and labels are not exchanged"
        )
    return array


def _names(stem: str, dims: tuple[int, ...]) -> Iterator[str]:
    """Yield the names under which a file is looked for, in order."""
    for n_dims in dims:
        for separator in "-.":
            for suffix in ("", ".gz"):
                yield f"{stem}{separator}idx{n_dims}-ubyte{suffix}"


def _find(folder: Path, stem: str, dims: tuple[int, ...]) -> Path:
    """Return the first file that exists under one of its names."""
    names = list(_names(stem, dims))
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        f"folder {folder} must hold one of {', '.join(names)}, but it held none of them; "
        "check the folder, or download the missing file"
    )
