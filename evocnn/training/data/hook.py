"""Data from a user's own Python function."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from evocnn.errors import DataError, own_line
from evocnn.training.data.image_set import ImageSet, images_needed
from evocnn.training.data.objects import set_of


def call_hook(function: Callable[..., Any], split: str, class_names: Sequence[str] | None = None) -> ImageSet:
    """Return what a user's function gives for a split.

    Args:
        function: Takes the split's name ("train" or "test") by a parameter named `split` or by its
            only required parameter, or takes nothing and then stands for "train" alone. Returns
            `(images, labels)`, `(images, labels, class_names)`, a dataset of torch or an `ImageSet`;
            see `image_set` for what the arrays may be and `dataset_arrays` for datasets.
        split: "train" or "test".
        class_names: One name per class where the function names none.

    Raises:
        DataError: The function raised (the message names its file and line), cannot be asked for
            this split, or returned something else.
    """
    needed = images_needed(split)
    name = _name_of(function)
    positional, named = _arguments(function, name, split)
    try:
        result = function(*positional, **named)
    except Exception as error:
        raise DataError(
            f"data function {name} must return the {split} split, but it raised "
            f"{type(error).__name__}: {error}{_place(error, function)}; correct the function"
        ) from error
    return set_of(result, f"data function {name} must return", f"{name} {split}", class_names, needed)


def _name_of(function: Callable[..., Any]) -> str:
    """Return the name that the user knows the function by."""
    kind = function if hasattr(function, "__qualname__") else type(function)
    return f"{kind.__module__}:{kind.__qualname__}"


def _arguments(function: Callable[..., Any], name: str, split: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return what to call the function with: the split's name, if it wants to know it."""
    parameters = _parameters(function)
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    match required:
        case [] if any(parameter.name == "split" for parameter in parameters):
            return (), {"split": split}
        case [] if split == "test":
            raise DataError(
                f"data function {name} must take the split's name to give the test split, but it takes no "
                f"argument; write it as `def {name.rpartition('.')[2].rpartition(':')[2]}(split)` and return "
                "the test images where split == 'test'"
            )
        case []:
            return (), {}
        case [parameter] if parameter.kind is not parameter.KEYWORD_ONLY:
            return (split,), {}
        case [parameter] if parameter.name == "split":
            return (), {"split": split}
    wanted = ", ".join(parameter.name for parameter in required)
    raise DataError(
        f"data function {name} must take no argument or the split's name, but it wants {wanted}; "
        "give the others a default"
    )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the function's parameters, none where Python cannot tell them."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _place(error: Exception, function: Callable[..., Any]) -> str:
    """Return the line of the user's file that failed, not that of a library it called."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return own_line(error, "" if code is None else code.co_filename) or own_line(error)
