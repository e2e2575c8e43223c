import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.errors import DataError
from evocnn.training.data import ImageSet, image_set
from evocnn.training.data.hook import call_hook

PIXELS = np.zeros((4, 2, 2), dtype=np.uint8)
LABELS = [0, 1, 0, 1]


def plain() -> tuple[object, ...]:
    return PIXELS, LABELS


def by_split(split: str) -> tuple[object, ...]:
    return (PIXELS, LABELS) if split == "train" else (PIXELS[:3], LABELS[:3])


def by_any_name(part: str, /) -> tuple[object, ...]:
    return by_split(part)


def by_keyword(*, split: str) -> tuple[object, ...]:
    return by_split(split)


def by_default(root: str = "somewhere", split: str = "train") -> tuple[object, ...]:
    assert root == "somewhere"
    return by_split(split)


def with_options(root: str = "somewhere", *args: object, **options: object) -> tuple[object, ...]:
    assert (root, args, options) == ("somewhere", (), {})
    return PIXELS, LABELS


class Loader:
    def __call__(self, split: str) -> tuple[object, ...]:
        return by_split(split)

    def method(self, split: str) -> tuple[object, ...]:
        return by_split(split)


KNOWING = [by_split, by_any_name, by_keyword, by_default, Loader(), Loader().method]


@pytest.mark.parametrize("function", KNOWING)
def test_functions_that_want_to_know_are_told_the_split(function: Callable[..., Any]) -> None:
    assert len(call_hook(function, "train")) == 4
    assert len(call_hook(function, "test")) == 3


@pytest.mark.parametrize("function", [plain, with_options, functools.partial(by_any_name, "train")])
def test_functions_without_a_split_give_the_training_data(function: Callable[..., Any]) -> None:
    assert len(call_hook(function, "train")) == 4
    with pytest.raises(DataError, match=r"must take the split's name .*; write it as `def \w+\(split\)`"):
        call_hook(function, "test")


def test_a_function_without_a_readable_signature_is_called_with_nothing() -> None:
    class Opaque:
        __signature__ = "unknown"

        def __call__(self) -> tuple[object, ...]:
            return plain()

    assert len(call_hook(Opaque(), "train")) == 4


def test_names_are_those_of_the_function() -> None:
    images = call_hook(plain, "train")
    assert images.name == f"{__name__}:plain train"
    assert call_hook(Loader(), "test").name == f"{__name__}:Loader test"


def test_class_names_come_from_the_function_before_the_argument() -> None:
    def named() -> tuple[object, ...]:
        return PIXELS, LABELS, ["cat", "dog"]

    assert call_hook(named, "train", ("a", "b")).class_names == ("cat", "dog")
    assert call_hook(plain, "train", ("a", "b")).class_names == ("a", "b")


def test_an_image_set_is_taken_as_it_is() -> None:
    images = image_set(PIXELS, LABELS, name="mine")

    def ready() -> ImageSet:
        return images

    assert call_hook(ready, "train") is images


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "but it was NoneType; put the arrays"),
        (PIXELS, "but it was ndarray;"),
        ((PIXELS,), "but it was tuple of 1;"),
        ((PIXELS, LABELS, ["a", "b"], 4), "but it was tuple of 4;"),
        ((PIXELS, LABELS[:3]), "labels of .* must be as many as its images"),
    ],
)
def test_other_results_are_refused(result: object, message: str) -> None:
    def wrong() -> object:
        return result

    with pytest.raises(DataError, match=message):
        call_hook(wrong, "train")


def failing() -> tuple[object, ...]:
    return np.zeros((2, 2)).reshape(3), LABELS


def failing_deep() -> tuple[object, ...]:
    return np.apply_along_axis(_inner, 0, PIXELS), LABELS


def _inner(_: object) -> object:
    raise KeyError("pixels")


def logged(function: Callable[[], Any]) -> Callable[[], Any]:
    @functools.wraps(function)
    def wrapper() -> Any:
        return function()

    return wrapper


@pytest.mark.fault
@pytest.mark.parametrize(
    ("function", "line_of", "error"),
    [
        (failing, failing, ValueError),
        (failing_deep, _inner, KeyError),
        (logged(failing), failing, ValueError),
    ],
)
def test_an_exception_names_the_users_own_line(
    function: Callable[..., Any], line_of: Callable[..., Any], error: type[Exception]
) -> None:
    """To see it fail: let `hook` look for no line."""
    lines, first = inspect.getsourcelines(line_of)
    line, source = first + 1, lines[1].strip()
    message = (
        rf"data function \S*:{function.__name__} .* it raised {error.__name__}: .* "
        rf"at {re.escape(f'{__file__}:{line} ({source})')}; correct"
    )
    with pytest.raises(DataError, match=message) as caught:
        call_hook(function, "train")
    assert isinstance(caught.value.__cause__, error)


def test_an_exception_without_a_python_frame_is_reported_too() -> None:
    with pytest.raises(
        DataError, match=r"math:factorial .* it raised TypeError: .*[^)]; correct the function"
    ):
        call_hook(math.factorial, "train")


def test_functions_that_want_more_are_refused() -> None:
    def demanding(split: str, root: str) -> tuple[object, ...]:
        return split, root

    with pytest.raises(
        DataError, match=r"must take no argument or the split's name, but it wants split, root;"
    ):
        call_hook(demanding, "train")


def test_there_is_no_validation_split() -> None:
    with pytest.raises(DataError, match="split must be 'train' or 'test'"):
        call_hook(by_split, "validation")
