"""Data that Python code hands over: arrays, datasets, image sets."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, TensorDataset

import evocnn
from evocnn.config.parts import build_parts, load_data
from evocnn.errors import DataError, ExperimentError
from evocnn.training.data import ImageSet, dataset_arrays, image_set, load
from evocnn.training.data.objects import is_data

PIXELS = np.arange(20 * 4 * 5, dtype=np.uint8).reshape(20, 4, 5)
LABELS = np.arange(20) % 2
REFERENCE = image_set(PIXELS, LABELS, name="reference")


class Pictures(Dataset[tuple[Any, int]]):
    """What torchvision's own look like: PIL images, whole numbers, names in `classes`."""

    classes = ("cat", "dog")

    def __init__(self, convert: Callable[[Any], Any] = Image.fromarray) -> None:
        self.convert = convert

    def __len__(self) -> int:
        return len(PIXELS)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.convert(PIXELS[index]), int(LABELS[index])


def pictures() -> Pictures:
    return Pictures()


def tables(source: Any, **data: Any) -> dict[str, Any]:
    return {"name": "mine", "data": {"source": source, **data}, "space": {"preset": "tiny"}}


@pytest.mark.parametrize(
    "source",
    [
        (PIXELS, LABELS),
        [PIXELS, LABELS],
        (PIXELS.astype(np.float64), LABELS.tolist()),
        (torch.from_numpy(PIXELS), torch.from_numpy(LABELS)),
        TensorDataset(torch.from_numpy(PIXELS), torch.from_numpy(LABELS)),
        TensorDataset(torch.from_numpy(PIXELS)[:, None], torch.from_numpy(LABELS)),
        TensorDataset(torch.from_numpy(PIXELS) / 255, torch.from_numpy(LABELS)),
        ConcatDataset([Pictures()]),
        REFERENCE,
        {"train": (PIXELS, LABELS)},
    ],
    ids=["tuple", "list", "lists", "tensors", "grey", "channel", "float", "pictures", "set", "splits"],
)
def test_data_are_the_source(source: Any) -> None:
    images = load_data(evocnn.Experiment.from_dict(tables(source)))
    assert images.digest == REFERENCE.digest


def test_a_data_set_may_name_its_classes() -> None:
    images = load(Pictures(), "train")
    assert images.class_names == ("cat", "dog")
    np.testing.assert_array_equal(images.images[:, 0], PIXELS)
    assert load((PIXELS, LABELS, ["x", "y"]), "train").class_names == ("x", "y")


def test_a_data_function_may_return_a_data_set() -> None:
    assert load(pictures, "train").class_names == ("cat", "dog")
    assert load(lambda: dataset_arrays(Pictures()), "train").class_names == ("cat", "dog")


def test_colours_keep_their_places() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (20, 4, 5, 3), dtype=np.uint8)
    planes = torch.from_numpy(colours).permute(0, 3, 1, 2)
    images = load(TensorDataset(planes, torch.from_numpy(LABELS)), "train")
    np.testing.assert_array_equal(images.images, planes.numpy())


def test_an_experiment_of_arrays_is_built_and_framed() -> None:
    parts = build_parts(evocnn.Experiment.from_dict(tables((PIXELS, LABELS), size=8)))
    assert (parts.data.shape, len(parts.evaluator.training)) == ((1, 8, 8), 16)


def test_a_module_may_name_a_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_data_sets")
    module.pictures = Pictures()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_data_sets", module)
    experiment = evocnn.Experiment.from_dict(tables("my_data_sets:pictures"))
    assert load_data(experiment).class_names == ("cat", "dog")


def test_a_dictionary_holds_both_splits() -> None:
    both = {"train": (PIXELS, LABELS), "test": Pictures()}
    assert load(both, "test").name == "data from Python, test"
    assert len(load(both, "train")) == 20


def test_the_test_split_must_be_given() -> None:
    with pytest.raises(DataError, match=r"must hold the test split, but they held 'train'; give them as"):
        load((PIXELS, LABELS), "test")


def test_a_path_beside_data_is_refused(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="path must be left out for data from Python"):
        load((PIXELS, LABELS), "train", tmp_path)


class Items:
    """A data set of given items."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((), "a dataset must hold an item, but it was empty"),
        (("ab",), r"item 0 of a dataset must be \(image, label\), but it was str"),
        (((PIXELS[0], 0, 1),), r"item 0 of a dataset must be \(image, label\), but it was tuple"),
        (((PIXELS[0], 0), (PIXELS[0, :2], 1)), r"item 0 was uint8 \(4, 5\) and item 1 uint8 \(2, 5\); add"),
        (((PIXELS[0], [0, 1]),), r"labels of a dataset must be whole numbers, but one had shape \(2,\)"),
    ],
)
def test_items_of_another_form_are_refused(items: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(Items(*items), "train")


class Endless(IterableDataset[Any]):
    """A data set without a length."""

    def __iter__(self) -> Any:
        return iter(())


@pytest.mark.parametrize(
    "value",
    [5, None, (PIXELS,), ("a", "b"), [1, 2], {"train": 5}, {"other": (PIXELS, LABELS)}, {}, PIXELS],
    ids=["number", "none", "one", "texts", "numbers", "no data", "no split", "empty", "array"],
)
def test_what_is_no_data_is_refused_with_the_experiment(value: Any) -> None:
    assert not is_data(value)
    with pytest.raises(ExperimentError, match=r"'data.source': a data source must be one of"):
        evocnn.Experiment.from_dict(tables(value))


def test_a_data_set_without_a_length_is_refused() -> None:
    with pytest.raises(ExperimentError, match=r"'data.source': a data source must be one of"):
        evocnn.Experiment.from_dict(tables(Endless()))


def test_an_image_set_stays_as_it_is() -> None:
    assert isinstance(REFERENCE, ImageSet)
    assert load(REFERENCE, "train") is REFERENCE
