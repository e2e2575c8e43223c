import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evocnn.errors import DataError
from evocnn.training.data.idx import holds_idx, load_idx, read_idx


def encode(array: npt.NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def pixels(n: int) -> npt.NDArray[np.uint8]:
    return np.arange(n * 2 * 3, dtype=np.uint8).reshape(n, 2, 3)


def write_split(folder: Path, stem: str, labels: list[int], *, packed: bool = False) -> None:
    for kind, array in (
        ("images-idx3", pixels(len(labels))),
        ("labels-idx1", np.array(labels, dtype=np.uint8)),
    ):
        content = encode(array)
        path = folder / f"{stem}-{kind}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (2, 3, 4, 5)])
def test_what_was_written_is_read(tmp_path: Path, shape: tuple[int, ...], *, packed: bool) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    path = tmp_path / "any-name"
    path.write_bytes(gzip.compress(encode(array)) if packed else encode(array))
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must start with two zero bytes, .* but it started with nothing"),
        (b"\0\0\x08", "but it started with 00 00 08"),
        (b"PK\x03\x04" + bytes(20), "but it started with 50 4b 03 04"),
        (b"\0\0\x0d\x01" + bytes(8), "unsigned bytes .* but it was type 0x0d in 1"),
        (b"\0\0\x08\x02" + bytes(8), "1, 3 or 4 dimensions, but it was type 0x08 in 2"),
        (b"\0\0\x08\x00", "but it was type 0x08 in 0"),
        (b"\0\0\x08\x03" + bytes(5), "must announce 3 sizes, but it ended after 5 bytes"),
        (encode(np.zeros((0,), dtype=np.uint8)), r"at least one value, but its shape was \(0,\)"),
        (encode(pixels(2))[:-1], "the 12 values that its header announces, but it held fewer"),
        (encode(pixels(2)) + b"\0", "the 12 values that its header announces, but it held more"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_wrong_files_are_refused_by_name(
    tmp_path: Path, content: bytes, message: str, *, packed: bool
) -> None:
    path = tmp_path / "wrong"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=f"IDX file .*wrong .*{message}"):
        read_idx(path)


@pytest.mark.parametrize("n_cut", [1, 8, 20])
def test_a_truncated_gzip_file_is_refused(tmp_path: Path, n_cut: int) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(encode(pixels(40)))[:-n_cut])
    with pytest.raises(DataError, match=r"cut\.gz must be readable, but it was not \(.*\); download or copy"):
        read_idx(path)


def test_a_changed_gzip_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(encode(pixels(40))))
    content[-6] ^= 1  # in the checksum
    path = tmp_path / "changed.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"changed\.gz must be readable, but it was not \(CRC check failed"):
        read_idx(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", [(2**32 - 1,) * 4, (2**20, 2**8, 2, 2)])
def test_a_header_that_lies_takes_no_memory(
    tmp_path: Path, sizes: tuple[int, int, int, int], *, packed: bool
) -> None:
    content = b"\0\0\x08\x04" + struct.pack(">4I", *sizes) + bytes(2 << 20)
    path = tmp_path / "liar"
    path.write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="but it held fewer"):
            read_idx(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20  # bytes; the smaller of the two headers claims 1 GiB


def test_a_stream_that_runs_on_is_left_early(tmp_path: Path) -> None:
    path = tmp_path / "endless.gz"
    path.write_bytes(gzip.compress(encode(pixels(2)) + bytes(64 << 20), compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="but it held more"):
            read_idx(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent must be readable, but it was not \(No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match=r"must be readable, but it was not \(Is a directory"):
        read_idx(tmp_path)


@given(array=hnp.arrays(np.uint8, (3, 2, 2)), cut=st.integers(0, 40), flips=st.binary(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_read_in_full_or_refused(
    tmp_path: Path, array: npt.NDArray[np.uint8], cut: int, flips: bytes
) -> None:
    content = bytearray(gzip.compress(encode(array), mtime=0))
    for index, flip in enumerate(flips[: len(content)]):
        content[index] ^= flip
    damaged = bytes(content[: len(content) - cut])
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    try:
        read = read_idx(path)
    except DataError:
        assert cut or any(flips)
    else:
        assert read.size == np.prod(read.shape) > 0


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_gives_both_splits(tmp_path: Path, *, packed: bool) -> None:
    write_split(tmp_path, "train", [0, 1, 1, 0], packed=packed)
    write_split(tmp_path, "t10k", [1, 0, 1], packed=packed)
    train, test = load_idx(tmp_path, "train"), load_idx(tmp_path, "test")
    np.testing.assert_array_equal(train.images[:, 0], pixels(4))
    assert train.labels.tolist() == [0, 1, 1, 0]
    assert test.labels.tolist() == [1, 0, 1]
    assert train.name == f"{tmp_path.name} train"


def test_the_spelling_with_a_dot_is_found(tmp_path: Path) -> None:
    write_split(tmp_path, "train", [0, 1, 1, 0])
    for path in tmp_path.iterdir():
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert (tmp_path / "train-images.idx3-ubyte").is_file()
    assert len(load_idx(tmp_path, "train")) == 4


def test_class_names_are_passed_on_and_a_test_class_may_be_missing(tmp_path: Path) -> None:
    write_split(tmp_path, "t10k", [2, 0, 2])
    assert load_idx(tmp_path, "test", ("a", "b", "c")).counts.tolist() == [1, 0, 2]


def test_a_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    write_split(tmp_path, "train", [0, 1, 1, 0])
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    message = (
        rf"folder {tmp_path} must hold one of train-labels-idx1-ubyte, train-labels-idx1-ubyte\.gz, "
        r"train-labels\.idx1-ubyte, train-labels\.idx1-ubyte\.gz, but it held none"
    )
    with pytest.raises(DataError, match=message):
        load_idx(tmp_path, "train")


def test_exchanged_files_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(encode(np.array([0, 1], dtype=np.uint8)))
    with pytest.raises(DataError, match="must have 3 or 4 dimensions, but it had 1; check"):
        load_idx(tmp_path, "train")


def test_there_is_no_validation_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split must be 'train' or 'test'"):
        load_idx(tmp_path, "validation")


def test_a_folder_with_images_is_recognized(tmp_path: Path) -> None:
    assert not holds_idx(tmp_path)
    write_split(tmp_path, "t10k", [0, 1], packed=True)
    assert holds_idx(tmp_path)
