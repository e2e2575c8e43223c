"""Data that Python code hands over as they are: arrays, datasets of torch, image sets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError
from evocnn.training.data.image_set import SPLITS, ImageSet, image_set, images_needed

PAIR, TRIPLE = 2, 3


def load_object(source: Any, split: str, class_names: Sequence[str] | None = None) -> ImageSet:
    """Return a split of data that are given as they are.

    Args:
        source: `(images, labels)`, `(images, labels, class_names)`, a dataset of torch or an
            `ImageSet`, which is then the training split; or a dictionary of such under "train" and
            "test".
        split: "train" or "test".
        class_names: One name per class where the source names none.

    Raises:
        DataError: The source is something else, or lacks the split.
    """
    needed = images_needed(split)
    splits = source if isinstance(source, Mapping) else {"train": source}
    if split not in splits or not set(splits) <= set(SPLITS):
        found = ", ".join(map(repr, splits)) or "nothing"
        raise DataError(
            f"data from Python must hold the {split} split, but they held {found}; give them as "
            '{"train": (images, labels), "test": (images, labels)}'
        )
    return set_of(
        splits[split], "data from Python must be", f"data from Python, {split}", class_names, needed
    )


def is_data(value: object) -> bool:
    """Return whether a value can be told to be data: what `load_object` takes, by its type alone."""
    if isinstance(value, Mapping):
        return len(value) > 0 and set(value) <= set(SPLITS) and all(map(is_data, value.values()))
    if isinstance(value, tuple | list):
        return len(value) in (PAIR, TRIPLE) and not any(
            isinstance(part, str) or not hasattr(part, "__len__") for part in value
        )
    return isinstance(value, ImageSet) or _is_dataset(value)


def set_of(
    value: Any, rule: str, name: str, class_names: Sequence[str] | None, min_per_class: int
) -> ImageSet:
    """Return the image set that a value stands for.

    Args:
        value: `(images, labels)`, `(images, labels, class_names)`, a dataset of torch or an
            `ImageSet`.
        rule: How a message starts that says what it must be.
        name: What messages call the images.
        class_names: One name per class where the value names none.
        min_per_class: Fewest images of each class.

    Raises:
        DataError: The value is none of these, or its images cannot be used.
    """
    if isinstance(value, ImageSet):
        return value
    parts = dataset_arrays(value) if _is_dataset(value) else value
    if not isinstance(parts, tuple | list) or len(parts) not in (PAIR, TRIPLE):
        size = f" of {len(parts)}" if isinstance(parts, tuple | list) else ""
        raise DataError(
            f"{rule} (images, labels), (images, labels, class_names), a dataset with items (image, label) "
            f"or an ImageSet, but it was {type(parts).__name__}{size}; put the arrays into a tuple"
        )
    images, labels, *names = map(_without_torch, parts)
    return image_set(
        images,
        labels,
        class_names=names[0] if names else class_names,
        name=name,
        min_per_class=min_per_class,
    )


def dataset_arrays(dataset: Any) -> tuple[Any, ...]:
    """Return the arrays of a `torch.utils.data.Dataset` or anything else with a length and items.

    Args:
        dataset: Map style; its items are (image, label), the image a tensor, an array or a PIL image,
            the label a whole number. Every item is asked for once, so what the dataset does at random
            is done once and for all. Its attribute `classes`, where it has one, names the classes.

    Returns:
        `(images, labels)` or `(images, labels, class_names)`, as a data function may return them.

    Raises:
        DataError: An item is something else, or the images differ in shape.
    """
    images: list[npt.NDArray[Any]] = []
    labels: list[Any] = []
    for index in range(len(dataset)):
        item = dataset[index]
        if not isinstance(item, tuple | list) or len(item) != PAIR:
            raise DataError(
                f"item {index} of a dataset must be (image, label), but it was {type(item).__name__}; "
                "wrap the dataset in one whose items are"
            )
        image = np.asarray(_without_torch(item[0]))
        if images and (image.shape, image.dtype) != (images[0].shape, images[0].dtype):
            raise DataError(
                f"images of a dataset must have one shape and type, but item 0 was {images[0].dtype} "
                f"{images[0].shape} and item {index} {image.dtype} {image.shape}; add a transform that "
                "resizes them"
            )
        images.append(image)
        labels.append(np.asarray(_without_torch(item[1])))
    if not images:
        raise DataError("a dataset must hold an item, but it was empty; check how it was made")
    if any(label.ndim for label in labels):
        raise DataError(
            f"labels of a dataset must be whole numbers, but one had shape "
            f"{next(label.shape for label in labels if label.ndim)}; give the index of the class"
        )
    classes = getattr(dataset, "classes", None)
    named = isinstance(classes, tuple | list) and all(isinstance(name, str) for name in classes)
    arrays = (np.stack(images), np.stack(labels))
    return (*arrays, tuple(classes)) if named and classes else arrays


def _is_dataset(value: object) -> bool:
    """Return whether a value has a length and items, and is no array, text or container."""
    plain = isinstance(value, str | bytes | tuple | list | Mapping | np.ndarray | type)
    return not plain and hasattr(value, "__len__") and hasattr(value, "__getitem__") and not _is_tensor(value)


def _is_tensor(value: object) -> bool:
    return hasattr(value, "detach") and hasattr(value, "numpy")


def _without_torch(value: Any) -> Any:
    """Return a tensor as an array; anything else as it is."""
    return value.detach().cpu().numpy() if _is_tensor(value) else value
