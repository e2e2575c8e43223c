import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evocnn.errors import DataError
from evocnn.training.data.npz import load_npz

PIXELS = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
LABELS = np.array([0, 1, 1, 0])


def save(path: Path, **arrays: npt.ArrayLike) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.save(member, np.asarray(array))
    return path


@pytest.mark.parametrize(
    ("images", "labels", "split"),
    [
        ("x_train", "y_train", "train"),
        ("x_test", "y_test", "test"),
        ("train_images", "train_labels", "train"),
        ("test_images", "test_labels", "test"),
        ("images", "labels", "train"),
        ("X", "y", "train"),
    ],
)
def test_known_names_are_found(tmp_path: Path, images: str, labels: str, split: str) -> None:
    path = save(tmp_path / "toy.npz", **{images: PIXELS, labels: LABELS})
    loaded = load_npz(path, split)
    np.testing.assert_array_equal(loaded.images[:, 0], PIXELS)
    assert loaded.labels.tolist() == [0, 1, 1, 0]
    assert loaded.name == f"toy.npz {split}"


def test_splits_are_not_mixed_up(tmp_path: Path) -> None:
    path = save(tmp_path / "toy.npz", x_train=PIXELS, y_train=LABELS, x_test=PIXELS + 100, y_test=1 - LABELS)
    assert load_npz(path, "train").images.max() == 23
    assert load_npz(path, "test").images.min() == 100
    assert load_npz(path, "test").labels.tolist() == [1, 0, 0, 1]


def test_earlier_names_win(tmp_path: Path) -> None:
    path = save(tmp_path / "toy.npz", X=PIXELS, y=LABELS, x_train=PIXELS + 1, y_train=LABELS)
    assert load_npz(path, "train").images.min() == 1


def test_a_column_of_labels_is_flattened(tmp_path: Path) -> None:
    path = save(tmp_path / "toy.npz", train_images=PIXELS, train_labels=LABELS[:, np.newaxis])
    assert load_npz(path, "train").labels.tolist() == [0, 1, 1, 0]


def test_several_labels_per_image_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "toy.npz", images=PIXELS, labels=np.zeros((4, 2), dtype=int))
    with pytest.raises(DataError, match=r"labels of 'toy\.npz train' must have shape \(n,\)"):
        load_npz(path, "train")


def test_class_names_are_passed_on_and_a_test_class_may_be_missing(tmp_path: Path) -> None:
    path = save(tmp_path / "toy.npz", x_test=PIXELS, y_test=["dog", "cat", "cat", "dog"])
    loaded = load_npz(path, "test", ("bird", "cat", "dog"))
    assert loaded.labels.tolist() == [2, 1, 1, 2]


@pytest.mark.parametrize(
    ("names", "split", "message"),
    [
        (["a", "b"], "train", "x_train and y_train or .* for the train split, but it held a, b; rename"),
        (["images", "labels"], "test", "x_test and y_test or test_images and test_labels for the test split"),
        (["x_train", "y_test"], "train", "but it held x_train, y_test"),
        ([], "train", "but it held nothing"),
    ],
)
def test_unknown_names_are_listed(tmp_path: Path, names: list[str], split: str, message: str) -> None:
    path = save(tmp_path / "toy.npz", **dict.fromkeys(names, PIXELS))
    with pytest.raises(DataError, match=rf"toy\.npz must hold .*{message}"):
        load_npz(path, split)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = save(tmp_path / "toy.npz", images=np.array([{}, {}, {}, {}], dtype=object), labels=LABELS)
    with pytest.raises(DataError, match=r"toy\.npz must be a readable \.npz file of plain arrays"):
        load_npz(path, "train")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"plain text", b"\x80\x04K\x01."])
def test_files_that_are_no_archive_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "toy.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"toy\.npz must be a readable \.npz file"):
        load_npz(path, "train")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.npz must be readable, but it was not \(No such file"):
        load_npz(tmp_path / "absent.npz", "train")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.npz"
    with path.open("wb") as file:
        np.save(file, PIXELS)
    with pytest.raises(DataError, match=r"must be a \.npz archive, but it was a single array"):
        load_npz(path, "train")


def test_a_header_that_claims_a_petabyte_is_refused(tmp_path: Path) -> None:
    member = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 50, 1, 1)}
    np.lib.format.write_array_header_1_0(member, header)
    path = save(tmp_path / "toy.npz", labels=LABELS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("images.npy", member.getvalue() + bytes(100))
    with pytest.raises(DataError, match=r"toy\.npz must be a readable"):
        load_npz(path, "train")


@given(cut=st.integers(0, 200), flips=st.dictionaries(st.integers(0, 700), st.integers(1, 255), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damaged_files_are_refused_or_read_unharmed(tmp_path: Path, cut: int, flips: dict[int, int]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, images=PIXELS, labels=LABELS)
    content = bytearray(file.getvalue())
    for index, flip in flips.items():
        content[index % len(content)] ^= flip
    path = tmp_path / "toy.npz"
    path.write_bytes(content[: len(content) - cut])
    try:
        loaded = load_npz(path, "train")
    except DataError:
        assert cut or flips
    else:
        np.testing.assert_array_equal(loaded.images[:, 0], PIXELS)  # a zip archive checks its members
