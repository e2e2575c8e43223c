"""Bad data in every form that data have: a sentence with the file or the name, or a counted repair."""

import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from evocnn.errors import DataError
from evocnn.training.data import Framing, ImageSet, load, split
from evocnn.training.data import idx as idx_module
from evocnn.training.data import npz as npz_module
from evocnn.training.data.cifar import FORMS, N_PIXELS
from evocnn.training.data.duplicates import count_duplicates

pytestmark = pytest.mark.fault
Labels = list[int]


def arrays(_: Path, labels: Labels) -> Callable[[], ImageSet]:
    return lambda: load((pixels(len(labels)), labels), "train")


def dataset(_: Path, labels: Labels) -> Callable[[], ImageSet]:
    class Items:
        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int) -> tuple[npt.NDArray[np.uint8], int]:
            return pixels(len(labels))[index], labels[index]

    return lambda: load(Items(), "train")


def npz(folder: Path, labels: Labels) -> Callable[[], ImageSet]:
    path = folder / "data.npz"
    np.savez(path, images=pixels(len(labels)), labels=np.array(labels))
    return lambda: load("npz", "train", path)


def idx(folder: Path, labels: Labels) -> Callable[[], ImageSet]:
    header = struct.pack(">4I", 0x0803, len(labels), 4, 4)
    (folder / "train-images-idx3-ubyte").write_bytes(header + pixels(len(labels)).tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x0801, len(labels)) + bytes(labels))
    return lambda: load("idx", "train", folder)


def cifar(folder: Path, labels: Labels) -> Callable[[], ImageSet]:
    for name in FORMS[0].batches["train"]:
        (folder / name).write_bytes(b"".join(bytes([label]) + bytes(N_PIXELS) for label in labels))
    return lambda: load("cifar-10", "train", folder)


def images(folder: Path, labels: Labels) -> Callable[[], ImageSet]:
    for index, label in enumerate(labels):
        place = folder / "images" / f"class {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(len(labels))[index]).save(place / f"{index}.png")
    return lambda: load("folder", "train", folder / "images")


def pixels(n: int) -> npt.NDArray[np.uint8]:
    return np.arange(16 * n, dtype=np.uint8).reshape(n, 4, 4)


@pytest.mark.parametrize(
    ("write", "labels", "message"),
    [
        (arrays, [0, 0, 0], "'data from Python, train' must have at least 2 classes, but it had 1"),
        (dataset, [0, 0, 0], "'data from Python, train' must have at least 2 classes, but it had 1"),
        (npz, [0, 0, 0], r"'data\.npz train' must have at least 2 classes, but it had 1"),
        (idx, [0, 0, 0], "must have at least 2 classes, but it had 1"),
        (images, [0, 0, 0], "images must hold at least 2 folders, one a class, but there was only 'class 0'"),
        (arrays, [0, 0, 1], "class of 'data from Python, train' must have at least 2 .* '1' had 1"),
        (npz, [0, 0, 1], r"class of 'data\.npz train' must have at least 2 images, but class '1' had 1"),
        (idx, [0, 0, 1], "must have at least 2 images, but class '1' had 1"),
        (images, [0, 0, 1], "images must have at least 2 train images .* but class 'class 1' had 1"),
        (cifar, [0, 0, 1], "class of 'cifar-10 train' must have at least 2 images, but class '2' had 0"),
        (arrays, [0, 0, 2, 2], r"must lie in 0\.\.1 without a gap, .* with no image of class 1"),
        (npz, [0, 0, 2, 2], r"must lie in 0\.\.1 without a gap, .* with no image of class 1"),
        (idx, [0, 0, 2, 2], r"must lie in 0\.\.1 without a gap, .* with no image of class 1"),
        (npz, [-1, -1, 0, 0], r"'data\.npz train' must lie in 0\.\.1 without a gap, but they were -1\.\.0"),
        (cifar, [0, 0, 10, 10], r"labels of 'cifar-10 train' must lie in 0\.\.9 .* but they were 0\.\.10"),
        (arrays, [], "images of 'data from Python, train' must not be empty"),
        (dataset, [], "a dataset must hold an item, but it was empty"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused_by_name(
    write: Callable[[Path, Labels], Callable[[], ImageSet]], labels: Labels, message: str, tmp_path: Path
) -> None:
    """Fails without the checks of `to_labels` and `labelled`: an empty class trains, -1 is the last class."""
    read = write(tmp_path, labels)
    with pytest.raises(DataError, match=message):
        read()


@pytest.mark.parametrize("form", ["arrays", "npz"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda images, labels: (images, labels[:-1]),
            "must be as many as its images, but they were 5 for 6",
        ),
        (lambda images, labels: (images, [*labels[:-1], np.nan]), "whole numbers, .* fractions or NaN"),
        (
            lambda images, labels: (np.where(images == 7, np.nan, images), labels),
            "finite, .* NaN or infinity",
        ),
        (lambda images, labels: (images - 0.25, labels), r"pixels of .* must lie in 0\.\.255 or in \[0, 1\]"),
    ],
    ids=["fewer labels", "a label is missing", "a pixel is missing", "standardized"],
)
def test_missing_values_are_refused(
    form: str, change: Callable[[Any, Any], tuple[Any, Any]], message: str, tmp_path: Path
) -> None:
    """Fails without `isfinite` in `_to_bytes`, `rint` in `_from_numbers`, and the count in `labelled`."""
    found = change(pixels(6).astype(float), [0, 1, 0, 1, 0, 1])
    path = tmp_path / "data.npz"
    np.savez(path, images=found[0], labels=found[1])
    with pytest.raises(DataError, match=message):
        load(found, "train") if form == "arrays" else load("npz", "train", path)


def test_mixed_sizes_are_refused_and_mixed_modes_repaired(tmp_path: Path) -> None:
    """Fails without `_common_size`, and without `_converted`, which brings all modes to one."""
    read = images(tmp_path, [0, 0, 0, 1, 1, 1])
    folder = tmp_path / "images" / "class 0"
    modes = {"3": ("RGBA", 0), "4": ("L", 0), "5": ("P", 0), "6": ("I;16", 0x8000), "7": ("1", 1)}
    for name, (mode, value) in modes.items():  # every fifth is a test image
        Image.new(mode, (4, 4), value).save(folder / f"{name}.png")
    found = read()
    assert (found.shape, len(found), found.notes) == ((3, 4, 4), 10, ())
    assert [int(image.flat[0]) for image in found.images[3:7]] == [255, 0, 128, 255]  # no light, half, all
    Image.new("L", (5, 4)).save(folder / "8.png")
    with pytest.raises(DataError, match=r"images must have one size, but they had 2, .*give data\.size"):
        read()
    with pytest.raises(DataError, match="images of 'data from Python, train' must be one array"):
        load(([np.zeros((4, 4)), np.zeros((4, 5))], [0, 1]), "train")


def test_files_that_cannot_be_read_are_left_out_counted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `BOMB` or `UNREADABLE` in `decode`: the first such file would end the command."""
    read = images(tmp_path, [0, 0, 0, 1, 1, 1])
    folder = tmp_path / "images" / "class 0"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 4), dtype=np.uint8)).save(folder / "a.jpg")
    (folder / "a.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-20])
    Image.new("1", (120, 120)).save(folder / "bomb.png")  # of twice the limit Pillow raises by itself
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pytest makes errors of them
        found = read()
    assert len(found) == 6
    assert sorted(found.notes) == [
        "1 file left out, larger than 10,000 pixels: class 0/bomb.png",
        "1 file left out, unreadable: class 0/a.jpg",
    ]


@pytest.mark.parametrize(("write", "module"), [(npz, npz_module), (idx, idx_module)])
def test_arrays_larger_than_the_memory_are_not_read(
    write: Callable[[Path, Labels], Callable[[], ImageSet]],
    module: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fails without `_check_size` of `npz` and the first check of `idx._read`: zeros pack a thousandfold."""
    read = write(tmp_path, [0, 1, 0, 1])
    monkeypatch.setattr(module, "memory_bytes", lambda: 60)
    with pytest.raises(DataError, match=r"(data\.npz|train-images-idx3-ubyte) must fit into the memory, but"):
        read()


def test_an_overlap_of_training_and_test_is_counted(tmp_path: Path) -> None:
    """Fails without the hashes of `count_duplicates`."""
    both = {"train": (pixels(6), [0, 1, 0, 1, 0, 1]), "test": (pixels(4)[2:], [0, 1])}
    found = count_duplicates(load(both, "train"), load(both, "test"))
    assert (found.repeated, found.shared) == (0, 2)


def test_a_single_image_of_a_class_has_no_two_sides() -> None:
    """Fails without the least count of `split`, which other sets than training data reach."""
    few = load({"train": (pixels(4), [0, 1, 0, 1]), "test": (pixels(3), [0, 0, 1])}, "test")
    with pytest.raises(DataError, match="must have at least 2 images to be split, but class '1' had 1"):
        split(few, validation=0.5, seed=0)


def test_a_size_beyond_any_network_is_refused() -> None:
    """Fails without `MAX_SIDE`: a few images of that size fill the memory."""
    with pytest.raises(DataError, match="from 1 to 4096, but it was 100000×100000"):
        Framing((100_000, 100_000))
