"""Reader of `.npz` files with the array names of Keras, MedMNIST and plain habit."""

import lzma
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError
from evocnn.training.data.image_set import ImageSet, image_set, images_needed
from evocnn.training.data.mapped import memory_bytes

KEYS = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"), ("X", "y")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
"""Names of images and labels in the order they are tried: Keras, MedMNIST, and two without a test split."""

COLUMN_DIMS = 2

UNREADABLE = (EOFError, ValueError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What numpy and zipfile raise for files that are cut short, changed, encrypted, pickled or no archive."""


def load_npz(path: Path, split: str, class_names: Sequence[str] | None = None) -> ImageSet:
    """Return a split from a `.npz` file. Pickled objects are never loaded.

    Args:
        path: The file; `KEYS` lists the names of arrays that are looked for.
        split: "train" or "test".
        class_names: One name per class, by default the labels.

    Raises:
        DataError: The file cannot be read or holds no such split, or its arrays cannot be used.
    """
    needed = images_needed(split)
    images, labels = _read(path, split)
    if labels.ndim == COLUMN_DIMS and labels.shape[1] == 1:
        labels = labels[:, 0]  # MedMNIST keeps labels as a column
    name = f"{path.name} {split}"
    return image_set(images, labels, class_names=class_names, name=name, min_per_class=needed)


def _read(path: Path, split: str) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    """Return images and labels as they are in the file."""
    try:
        with path.open("rb") as file:  # numpy itself leaves broken archives open
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(
                    f"data file {path} must be a .npz archive, but it was a single array; "
                    "save images and labels together by numpy.savez(path, images=..., labels=...)"
                )
            for images, labels in KEYS[split]:
                if images in archive and labels in archive:
                    _check_size(path, archive.zip, (images, labels))
                    return np.asarray(archive[images]), np.asarray(archive[labels])
            found = archive.files
    except OSError as error:
        raise DataError(
            f"data file {path} must be readable, but it was not ({error.strerror or error}); "
            "check the path, or download or copy the file again"
        ) from error
    except UNREADABLE as error:
        raise DataError(
            f"data file {path} must be a readable .npz file of plain arrays, but it was not "
            f"({type(error).__name__}: {error}); save it again by numpy.savez, without object arrays"
        ) from error
    pairs = " or ".join(f"{images} and {labels}" for images, labels in KEYS[split])
    raise DataError(
        f"data file {path} must hold {pairs} for the {split} split, but it held "
        f"{', '.join(found) or 'nothing'}; rename the arrays"
    )


def _check_size(path: Path, archive: zipfile.ZipFile | None, names: Sequence[str]) -> None:
    """Raise where arrays are larger than the memory: a small file can hold very many zeros.

    Raises:
        DataError: They are.
    """
    sizes = {
        entry.filename.removesuffix(".npy"): entry.file_size
        for entry in (archive.infolist() if archive else ())
    }
    size = sum(sizes.get(name, 0) for name in names)
    if size > memory_bytes():
        raise DataError(
            f"arrays of {path} must fit into the memory, but they had {size:,} bytes; save fewer images, or "
            "give a folder of image files"
        )
