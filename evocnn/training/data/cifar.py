"""Readers of CIFAR-10 and CIFAR-100, in the binary and in the Python form that their authors publish.

Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images", and the page of the data
sets. A record is one label byte (CIFAR-100: coarse, then fine) and 3,072 pixels, channel by channel.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evocnn.errors import DataError
from evocnn.training.data.image_set import ImageSet, images_needed, labelled
from evocnn.training.data.mapped import Pixels, hold
from evocnn.training.data.pickles import as_text, unpickled

SHAPE = (3, 32, 32)
N_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class CifarForm:
    """How one of the data sets is laid out in files.

    Attributes:
        source: "cifar-10" or "cifar-100".
        folder: Name of its folder in the published archive.
        batches: Names of the files of each split.
        names: File with the names of the classes.
        n_label_bytes: Bytes before the pixels of a record, the last of which is the class; 0 for
            the Python form.
    """

    source: str
    folder: str
    batches: dict[str, tuple[str, ...]]
    names: str
    n_label_bytes: int

    @property
    def is_pickled(self) -> bool:
        """Whether this is the Python form."""
        return self.n_label_bytes == 0

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return 10 if self.source == "cifar-10" else 100


FORMS = (
    CifarForm(
        "cifar-10",
        "cifar-10-batches-bin",
        {"train": tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test": ("test_batch.bin",)},
        "batches.meta.txt",
        1,
    ),
    CifarForm(
        "cifar-100",
        "cifar-100-binary",
        {"train": ("train.bin",), "test": ("test.bin",)},
        "fine_label_names.txt",
        2,
    ),
    CifarForm(
        "cifar-10",
        "cifar-10-batches-py",
        {"train": tuple(f"data_batch_{n}" for n in range(1, 6)), "test": ("test_batch",)},
        "batches.meta",
        0,
    ),
    CifarForm("cifar-100", "cifar-100-python", {"train": ("train",), "test": ("test",)}, "meta", 0),
)


def cifar_form(folder: Path) -> tuple[CifarForm, Path] | None:
    """Return which form of CIFAR a folder holds and where, in itself or under the published name."""
    for form in FORMS:
        for place in (folder, folder / form.folder):
            if any((place / name).is_file() for names in form.batches.values() for name in names):
                return form, place
    return None


def load_cifar(folder: Path, split: str, source: str) -> ImageSet:
    """Return a split of CIFAR from a folder, in whichever form it is there.

    Args:
        folder: Holds the files, or a folder of the published name that does.
        split: "train" or "test".
        source: "cifar-10" or "cifar-100", with its fine labels.

    Raises:
        DataError: The folder holds no such data, a file of the split is missing, or one is wrong.
            Python's pickles are read without building anything but plain values and arrays.
    """
    needed = images_needed(split)
    found = cifar_form(folder)
    if found is None or found[0].source != source:
        known = " or ".join(form.batches["train"][0] for form in FORMS if form.source == source)
        raise DataError(
            f"folder {folder} must hold {source} ({known} and so on), but it held "
            f"{'none of them' if found is None else found[0].source}; name the folder that holds the data"
        )
    form, place = found
    missing = [name for name in form.batches[split] if not (place / name).is_file()]
    if missing:
        raise DataError(
            f"folder {place} must hold {', '.join(form.batches[split])} for the {split} split, but it lacked "
            f"{', '.join(missing)}; unpack or download the data again"
        )
    paths = [place / name for name in form.batches[split]]
    pixels, labels = _pickled(paths, form) if form.is_pickled else _binary(paths, form)
    names = _class_names(place / form.names, form)
    return labelled(
        pixels, np.array(labels), class_names=names, name=f"{source} {split}", min_per_class=needed
    )


def _binary(paths: Sequence[Path], form: CifarForm) -> tuple[Pixels, list[int]]:
    """Return pixels and labels of files of the binary form."""
    record = form.n_label_bytes + N_PIXELS
    counts = [_count(path, record) for path in paths]

    def fill(pixels: Pixels) -> list[int]:
        labels: list[int] = []
        for path, count in zip(paths, counts, strict=True):
            try:
                rows = np.fromfile(path, dtype=np.uint8, count=count * record).reshape(count, record)
            except (OSError, ValueError) as error:
                raise _unreadable(path, error) from error
            pixels[len(labels) : len(labels) + count] = rows[:, form.n_label_bytes :].reshape(-1, *SHAPE)
            labels += rows[:, form.n_label_bytes - 1].tolist()
        return labels

    stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hold((sum(counts), *SHAPE), hashlib.sha256(repr(stamps).encode()).hexdigest(), fill)


def _count(path: Path, record: int) -> int:
    """Return the number of records in a file.

    Raises:
        DataError: It is not made of whole ones.
    """
    size = path.stat().st_size
    if size == 0 or size % record:
        raise DataError(
            f"file {path} must be made of records of {record} bytes, but it had {size} bytes; "
            "download or copy it again"
        )
    return size // record


def _class_names(path: Path, form: CifarForm) -> Sequence[str]:
    """Return the names of the classes, the labels where the file with the names is missing."""
    if not path.is_file():
        return [str(label) for label in range(form.n_classes)]
    if form.is_pickled:
        key = "label_names" if form.source == "cifar-10" else "fine_label_names"
        names = unpickled(path).get(key)
    else:
        try:
            names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(path, error) from error
    if not isinstance(names, list) or len(names) != form.n_classes:
        n_found = len(names) if isinstance(names, list) else "no"
        raise DataError(
            f"file {path} must name the {form.n_classes} classes of {form.source}, but it had {n_found} "
            "names; download or copy it again"
        )
    return [as_text(name) for name in names]


def _pickled(paths: Sequence[Path], form: CifarForm) -> tuple[Pixels, list[int]]:
    """Return pixels and labels of files of the Python form."""
    batches = [_batch(path, form) for path in paths]
    pixels = np.concatenate([rows for rows, _ in batches]).reshape(-1, *SHAPE)
    return pixels, [label for _, own in batches for label in own]


def _batch(path: Path, form: CifarForm) -> tuple[Pixels, list[int]]:
    """Return pixels, shape `(n, 3072)`, and labels of a file of the Python form."""
    batch = unpickled(path)
    data, labels = batch.get("data"), batch.get("labels" if form.source == "cifar-10" else "fine_labels")
    if not (
        isinstance(data, np.ndarray)
        and data.dtype == np.uint8
        and data.ndim == 2
        and data.shape[1] == N_PIXELS
        and isinstance(labels, list)
        and len(labels) == len(data) > 0
        and all(type(label) is int for label in labels)
    ):
        raise DataError(
            f"file {path} must hold rows of {N_PIXELS} bytes and as many labels, but it held "
            f"{', '.join(sorted(batch)) or 'nothing'} in another form; download or copy it again"
        )
    return data, labels


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or str(error)
    return DataError(f"file {path} must be readable, but it was not ({reason}); download or copy it again")
