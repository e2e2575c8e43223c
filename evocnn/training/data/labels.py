"""From a user's labels to class indices and class names."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError, printable

MIN_CLASSES = 2


def to_labels(
    labels: npt.ArrayLike, class_names: Sequence[str] | None, name: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return class indices of shape `(n,)` and the name of each class.

    Args:
        labels: See `image_set`.
        class_names: One name per class, or None to take them from the labels.
        name: What messages call these images.

    Raises:
        DataError: The labels are no class indices or names, or there are fewer than two classes.
    """
    array = _one_row(labels, name)
    names = None if class_names is None else _checked_names(class_names, name)
    if array.dtype.kind == "U":
        numbers, names = _from_strings(array, names, name)
    else:
        numbers, names = _from_numbers(array, names, name)
    if hidden := [entry for entry in names if printable(entry) != entry or {"\t", "\n"} & {*entry}]:
        raise DataError(
            f"class names of {name!r} must hold no control characters, but one was {hidden[0]!r}; rename the "
            "class"
        )
    if len(names) < MIN_CLASSES:
        raise DataError(
            f"{name!r} must have at least 2 classes, but it had {len(names)}; "
            "a classifier needs something to tell apart"
        )
    return numbers, names


def _one_row(labels: npt.ArrayLike, name: str) -> npt.NDArray[np.generic]:
    """Return the labels as one row of numbers or of strings."""
    try:
        array = np.asarray(labels)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"labels of {name!r} must be one array, but they were not ({error}); give one label per image"
        ) from error
    if array.ndim != 1 or array.size == 0:
        raise DataError(
            f"labels of {name!r} must have shape (n,) with n at least 1, but it was {array.shape}; "
            "give one class per image, not one-hot rows"
        )
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array):
        return array.astype(np.str_)
    if array.dtype.kind not in "iufU":
        raise DataError(
            f"labels of {name!r} must be integers or strings, but they were {array.dtype}; "
            "number the classes 0..n_classes-1"
        )
    return array


def _checked_names(class_names: Sequence[str], name: str) -> tuple[str, ...]:
    """Return the class names as a tuple of distinct strings."""
    alone = isinstance(class_names, str)
    names = (class_names,) if alone else tuple(class_names)
    if alone or not all(isinstance(entry, str) for entry in names) or len(set(names)) != len(names):
        raise DataError(
            f"class names of {name!r} must be distinct strings, one per class, but they were "
            f"{class_names!r}; write them as a list like ['cat', 'dog']"
        )
    return tuple(str(entry) for entry in names)  # numpy's strings become plain ones


def _from_strings(
    array: npt.NDArray[np.generic], names: tuple[str, ...] | None, name: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Look strings up among the class names, by default their own sorted set."""
    present, inverse = np.unique(array, return_inverse=True)
    found = tuple(str(label) for label in present)
    names = found if names is None else names
    index = {label: number for number, label in enumerate(names)}
    unknown = [label for label in found if label not in index]
    if unknown:
        raise DataError(
            f"labels of {name!r} must be class names ({', '.join(names)}), but {unknown[0]!r} was among "
            "them; add it to the class names or correct the label"
        )
    return np.array([index[label] for label in found], dtype=np.int64)[inverse], names


def _from_numbers(
    array: npt.NDArray[np.generic], names: tuple[str, ...] | None, name: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Check that numbers are class indices."""
    if not np.array_equal(array, np.rint(array)):  # NaN differs from itself
        raise DataError(
            f"labels of {name!r} must be whole numbers, but they were {array.dtype} with fractions or NaN; "
            "number the classes 0..n_classes-1"
        )
    present = np.unique(array)
    low, high = present[0], present[-1]
    n_classes = len(present) if names is None else len(names)
    if low < 0 or high >= n_classes:
        gap = "" if names is not None or low < 0 else f" with no image of class {_first_missing(present)}"
        raise DataError(
            f"labels of {name!r} must lie in 0..{n_classes - 1} without a gap, but they were "
            f"{low}..{high}{gap}; number the {n_classes} classes from 0, or give a name for every class"
        )
    return array.astype(np.int64), names or tuple(str(number) for number in range(n_classes))


def _first_missing(present: npt.NDArray[np.generic]) -> int:
    """Return the smallest class index that is not among sorted distinct labels."""
    differs = np.flatnonzero(present != np.arange(len(present)))
    return int(differs[0])
