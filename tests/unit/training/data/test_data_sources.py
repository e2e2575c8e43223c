import errno
import gzip
import re
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from evocnn.errors import DataError
from evocnn.training.data import ImageSet, detect, image_set, load, sources
from evocnn.training.data.published import PUBLISHED
from evocnn.training.data.sources import matching

PIXELS = np.arange(20 * 2 * 3, dtype=np.uint8).reshape(20, 2, 3)
LABELS = np.arange(20, dtype=np.uint8) % 10


def write_idx(folder: Path, labels: npt.NDArray[np.uint8]) -> None:
    for name, array in (("train-images-idx3-ubyte", PIXELS), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes()))


def function(split: str) -> ImageSet:
    return image_set(PIXELS, LABELS, name=f"mine {split}")


def test_digits_need_nothing() -> None:
    assert load("digits", "test").name == "digits test"


def test_idx_reads_a_folder(tmp_path: Path) -> None:
    write_idx(tmp_path, LABELS)
    assert load("idx", "train", tmp_path).class_names == tuple("0123456789")
    named = load("idx", "train", tmp_path, class_names=list("abcdefghij"))
    assert named.class_names == tuple("abcdefghij")


def test_npz_reads_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "toy.npz", X=PIXELS, y=LABELS)
    np.testing.assert_array_equal(load("npz", "train", tmp_path / "toy.npz").labels, LABELS)


def test_fashion_mnist_from_a_folder_has_its_class_names(tmp_path: Path) -> None:
    write_idx(tmp_path, LABELS)
    images = load("fashion-mnist", "train", tmp_path)
    assert images.name == "fashion-mnist train"
    assert (images.class_names[0], images.class_names[9]) == ("T-shirt/top", "Ankle boot")
    assert len(set(images.class_names)) == 10


def test_fashion_mnist_without_a_folder_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path, LABELS)
    monkeypatch.setattr(sources, "fetch_published", lambda wanted: tmp_path / wanted.source)
    (tmp_path / "fashion-mnist").symlink_to(tmp_path)
    assert len(load("fashion-mnist", "train")) == 20


@pytest.mark.parametrize(("source", "name"), [("mnist", "3"), ("kmnist", "tsu")])
def test_relatives_of_mnist_have_their_class_names(source: str, name: str, tmp_path: Path) -> None:
    write_idx(tmp_path, LABELS)
    images = load(source, "train", tmp_path)
    assert (images.name, images.class_names[3]) == (f"{source} train", name)


def test_a_path_is_read_under_the_given_name_only_where_it_fits(tmp_path: Path) -> None:
    write_idx(tmp_path, LABELS)
    np.savez(tmp_path / "toy.npz", X=PIXELS, y=LABELS)
    assert [matching(source, tmp_path) for source in ("kmnist", "cifar-10", "digits", function)] == [
        "kmnist",
        "idx",
        "idx",
        "idx",
    ]
    assert matching("kmnist", tmp_path / "toy.npz") == "npz"


def test_a_function_is_called() -> None:
    assert load(function, "test").name == "mine test"


@pytest.mark.parametrize("source", ["idx", "npz", "folder"])
def test_a_source_that_needs_a_path_says_so(source: str) -> None:
    with pytest.raises(DataError, match=f"source '{source}' must have a path, but it was missing"):
        load(source, "train")


@pytest.mark.parametrize("source", ["digits", function])
def test_a_path_that_would_be_ignored_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"path must be left out for .*; drop it, or choose 'idx', 'npz' or 'folder'"
    ):
        load(source, "train", tmp_path)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("digit", "did you mean 'digits'?"),
        ("fashion_mnist", "did you mean 'fashion-mnist'?"),
        ("imagenet", "choose one of these"),
    ],
)
def test_an_unknown_source_gets_the_nearest_name(source: str, hint: str) -> None:
    with pytest.raises(DataError, match=rf"must be one of digits, .* but it was '{source}'; {hint}"):
        load(source, "train")


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="split must be 'train' or 'test', but it was 'validation'"):
        load("digits", "validation")


def test_other_classes_than_those_asked_for_are_refused() -> None:
    with pytest.raises(DataError, match="classes of 'digits test' must be a, b, but they were 0, 1, 2"):
        load("digits", "test", class_names=["a", "b"])


def test_a_test_split_without_one_class_keeps_the_numbers_of_the_others(tmp_path: Path) -> None:
    """Numbered on its own, "dog" would be 1 in the test split and 2 in the training split."""
    path = tmp_path / "toy.npz"
    np.savez(
        path,
        x_train=PIXELS[:6],
        y_train=["bird", "cat", "dog"] * 2,
        x_test=PIXELS[:3],
        y_test=["dog", "cat", "dog"],
    )
    train = load("npz", "train", path)
    test = load("npz", "test", path, class_names=train.class_names)
    assert test.labels.tolist() == [2, 1, 2]


def test_paths_are_recognized(tmp_path: Path) -> None:
    write_idx(tmp_path, LABELS)
    np.savez(tmp_path / "toy.npz", X=PIXELS, y=LABELS)
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    assert detect(tmp_path) == "idx"
    assert detect(tmp_path / "toy.npz") == "npz"
    assert detect(tmp_path / "classes") == "folder"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("folder", "a folder without them; put images there as .*cat/1.jpg"),
        ("empty", "an empty folder; put images there as"),
        ("toy.csv", "another file"),
        ("absent", "missing; check the path"),
    ],
)
def test_other_paths_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "toy.csv").touch()
    with pytest.raises(DataError, match=rf"{name} must be a folder with IDX .* or a \.npz .* it was {kind}"):
        detect(tmp_path / name)


@pytest.mark.parametrize("asked", ["is_file", "iterdir"])
def test_a_folder_that_may_not_be_read_is_told(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, asked, refuse)
    with pytest.raises(DataError, match="must be readable, but: Permission denied; let it be read"):
        detect(tmp_path)


def test_every_published_set_has_checksums_and_addresses() -> None:
    for source, published in PUBLISHED.items():
        assert source == published.source
        assert published.addresses
        assert all(re.fullmatch(r"[0-9a-f]{64}", checksum) for checksum in published.files.values())
        assert len(published.files) == (4 if published.inner is None else 1)
