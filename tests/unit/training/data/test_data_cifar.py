"""CIFAR in its binary and its Python form, and pickles that want more than to be read."""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from searches import Malicious

from evocnn.errors import DataError
from evocnn.training.data import detect, load
from evocnn.training.data.pickles import unpickled

Bytes = npt.NDArray[np.uint8]


def rows(n: int, seed: int) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=np.uint8)


def write_ten(folder: Path) -> Path:
    """Five batches of 4 images, so that each of the ten classes has 2, and a test batch of 3."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(5):
        labels = np.array([2 * n, 2 * n, 2 * n + 1, 2 * n + 1], dtype=np.uint8)
        np.concatenate([labels[:, None], rows(4, n)], axis=1).tofile(folder / f"data_batch_{n + 1}.bin")
    np.concatenate([np.array([[9], [0], [4]], dtype=np.uint8), rows(3, 9)], axis=1).tofile(
        folder / "test_batch.bin"
    )
    (folder / "batches.meta.txt").write_text("\n".join(f"name {n}" for n in range(10)) + "\n\n")
    return folder


def write_hundred(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    fine = np.arange(200, dtype=np.uint8) % 100
    np.concatenate([(fine // 5)[:, None], fine[:, None], rows(200, 1)], axis=1).tofile(folder / "train.bin")
    np.concatenate([fine[:2, None], fine[:2, None], rows(2, 2)], axis=1).tofile(folder / "test.bin")
    (folder / "fine_label_names.txt").write_text("\n".join(f"fine {n}" for n in range(100)))
    return folder


def python_two(data: Bytes, labels: list[int]) -> bytes:
    """Return a batch as Python 2 pickled those that are published, opcode by opcode."""
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"M" + struct.pack("<H", len(data)) + b"M\x00\x0c\x86"
    content = b"T" + struct.pack("<I", data.size) + data.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
    array += shape + kind + b"\x89" + content + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


def write_python(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(5):
        labels = [2 * n, 2 * n, 2 * n + 1, 2 * n + 1]
        (folder / f"data_batch_{n + 1}").write_bytes(python_two(rows(4, n), labels))
    (folder / "test_batch").write_bytes(python_two(rows(3, 9), [9, 0, 4]))
    meta = {"label_names": [f"name {n}" for n in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


def test_a_record_is_a_label_and_three_planes(tmp_path: Path) -> None:
    images = load("cifar-10", "train", write_ten(tmp_path))
    assert images.shape == (3, 32, 32)
    assert images.name == "cifar-10 train"
    assert images.labels.tolist() == [label for label in range(10) for _ in range(2)]
    np.testing.assert_array_equal(images.images[4:8], rows(4, 1).reshape(4, 3, 32, 32))
    assert images.class_names[3] == "name 3"
    assert load("cifar-10", "test", tmp_path, class_names=images.class_names).labels.tolist() == [9, 0, 4]


def test_cifar_100_takes_the_fine_label(tmp_path: Path) -> None:
    images = load("cifar-100", "train", write_hundred(tmp_path / "cifar-100-binary"))
    assert images.labels.tolist() == [n % 100 for n in range(200)]
    assert images.class_names[99] == "fine 99"
    np.testing.assert_array_equal(images.images.reshape(200, -1), rows(200, 1))


def test_the_python_form_holds_the_same(tmp_path: Path) -> None:
    binary, python = write_ten(tmp_path / "a"), write_python(tmp_path / "b")
    for split in ("train", "test"):
        assert load("cifar-10", split, binary).digest == load("cifar-10", split, python).digest


def test_a_folder_written_by_python_3_is_read(tmp_path: Path) -> None:
    """CIFAR-100, re-pickled: numpy's functions have moved, and bytes are text that is encoded."""
    batch = {"data": rows(200, 1), "fine_labels": [n % 100 for n in range(200)], "coarse_labels": [0] * 200}
    (tmp_path / "train").write_bytes(pickle.dumps(batch, protocol=2))
    (tmp_path / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"f{n}" for n in range(100)]}))
    images = load("cifar-100", "train", tmp_path)
    np.testing.assert_array_equal(images.images.reshape(200, -1), rows(200, 1))
    assert (images.class_names[7], images.labels[107]) == ("f7", 7)


@pytest.mark.parametrize(
    ("write", "inner", "source"),
    [
        (write_ten, "cifar-10-batches-bin", "cifar-10"),
        (write_python, "cifar-10-batches-py", "cifar-10"),
        (write_hundred, "cifar-100-binary", "cifar-100"),
    ],
)
def test_the_folder_around_the_published_one_is_recognized(
    write: Any, inner: str, source: str, tmp_path: Path
) -> None:
    write(tmp_path / inner)
    assert detect(tmp_path) == detect(tmp_path / inner) == source
    assert len(load(source, "test", tmp_path if source == "cifar-10" else tmp_path / inner)) in (2, 3)


def test_without_the_file_of_names_classes_are_numbered(tmp_path: Path) -> None:
    (write_ten(tmp_path) / "batches.meta.txt").unlink()
    assert load("cifar-10", "train", tmp_path).class_names == tuple("0123456789")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = write_ten(tmp_path) / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        DataError, match=r"data_batch_2\.bin must be made of records of 3073 bytes, .* 12291 "
    ):
        load("cifar-10", "train", tmp_path)


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    (write_ten(tmp_path) / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"for the train split, but it lacked data_batch_4\.bin;"):
        load("cifar-10", "train", tmp_path)


def test_the_other_data_set_is_named(tmp_path: Path) -> None:
    write_hundred(tmp_path)
    with pytest.raises(DataError, match=r"must hold cifar-10 \(data_batch_1\.bin or .*it held cifar-100;"):
        load("cifar-10", "train", tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold cifar-100 .* but it held none of them;"):
        load("cifar-100", "train", tmp_path)


def test_too_few_names_are_refused(tmp_path: Path) -> None:
    (write_ten(tmp_path) / "batches.meta.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"must name the 10 classes of cifar-10, but it had 2 names"):
        load("cifar-10", "train", tmp_path)


def test_a_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    path = write_ten(tmp_path) / "data_batch_1.bin"
    path.write_bytes(b"\x0a" + path.read_bytes()[1:])
    with pytest.raises(DataError, match=r"labels of 'cifar-10 train' must lie in 0\.\.9"):
        load("cifar-10", "train", tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_is_refused_and_nothing_runs(protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    attack = pickle.dumps({"data": Malicious(mark), "labels": []}, protocol=protocol)
    path = write_python(tmp_path / "cifar") / "data_batch_1"
    path.write_bytes(attack)
    with pytest.raises(
        DataError, match=r"must be a pickle of plain values .* names \w+\.mkdir.*nothing of it"
    ):
        load("cifar-10", "train", tmp_path / "cifar")
    assert not mark.exists()
    pickle.loads(attack)
    assert mark.exists()  # so the attack was a real one


@pytest.mark.parametrize(
    "name", [b"builtins\neval", b"numpy\nload", b"numpy.core.multiarray\narange", b"functools\npartial"]
)
def test_no_name_but_those_of_arrays_is_known(name: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"c" + name + b"\n.")
    with pytest.raises(DataError, match=r"UnpicklingError: it names " + name.decode().replace("\n", r"\.")):
        unpickled(tmp_path / "x")


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pickle.dumps({"data": np.array([{}, {}])}, protocol=2))
    with pytest.raises(DataError, match="an array of type object"):
        unpickled(tmp_path / "x")


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(python_two(rows(4, 0), [0]).replace(b"M\x04\x00M", b"M\x05\x00M"))
    with pytest.raises(DataError, match="cannot reshape array of size 12288"):
        unpickled(tmp_path / "x")


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x02}(U\x04data", b"\x80\x02]."])
def test_what_is_no_dictionary_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=r"x must (be a pickle|hold a dictionary)"):
        unpickled(tmp_path / "x")


def test_a_batch_without_labels_is_refused(tmp_path: Path) -> None:
    path = write_python(tmp_path) / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": rows(4, 0)}, protocol=2))
    with pytest.raises(
        DataError, match=r"must hold rows of 3072 bytes and as many labels, but it held data "
    ):
        load("cifar-10", "train", tmp_path)


def test_cifar_larger_than_the_share_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = load("cifar-10", "train", write_ten(tmp_path / "cifar"))
    monkeypatch.setenv("EVOCNN_MEMORY_SHARE", "0")
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path / "cache"))
    for _ in range(2):  # written, then found
        mapped = load("cifar-10", "train", tmp_path / "cifar")
        assert isinstance(mapped.images, np.memmap)
        assert mapped.digest == ordinary.digest
