"""Pixels in memory or mapped from a file."""

from pathlib import Path

import numpy as np
import pytest

from evocnn.errors import DataError
from evocnn.training.data import ImageSet, mapped, split
from evocnn.training.data.mapped import Pixels, hold, memory_bytes, memory_share

SHAPE = (3, 1, 2, 2)


def fill(target: Pixels) -> list[int]:
    target[...] = np.arange(12).reshape(SHAPE)
    return [1, 2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache of a machine whose memory holds 11 of the 12 bytes."""
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path))
    monkeypatch.setenv("EVOCNN_MEMORY_SHARE", "0.5")
    monkeypatch.setattr(mapped, "memory_bytes", lambda: 22)
    return tmp_path


def test_what_fits_stays_in_memory(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "memory_bytes", lambda: 24)
    pixels, said = hold(SHAPE, "key", fill)
    assert (type(pixels), said, list(cache.iterdir())) == (np.ndarray, [1, 2], [])


def test_what_does_not_fit_is_written_once(cache: Path) -> None:
    for _ in range(2):
        pixels, said = hold(SHAPE, "key", fill)
        assert isinstance(pixels, np.memmap)
        assert (pixels.ravel().tolist(), said) == (list(range(12)), [1, 2])
        assert str(pixels.filename).endswith("key.npy")
    assert sorted(path.name for path in (cache / "mapped").iterdir()) == ["key.json", "key.npy"]
    assert hold(SHAPE, "key", lambda _: pytest.fail("written again"))[1] == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_a_file_that_could_not_be_filled_is_not_kept(cache: Path) -> None:
    def broken(_: Pixels) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hold(SHAPE, "key", broken)
    assert list((cache / "mapped").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_refused(cache: Path) -> None:
    (cache / "mapped").touch()
    with pytest.raises(DataError, match=r"key\.npy must hold the images .* set EVOCNN_CACHE to another"):
        hold(SHAPE, "key", fill)


def test_a_damaged_file_is_refused(cache: Path) -> None:
    hold(SHAPE, "key", fill)
    (cache / "mapped" / "key.npy").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"could not be written and read .* remove the file"):
        hold(SHAPE, "key", fill)


def test_both_sides_of_a_split_are_mapped_too(cache: Path) -> None:
    pixels, _ = hold((40, 1, 2, 2), "whole", lambda target: target.__setitem__(..., 7))
    whole = ImageSet(pixels, np.arange(40, dtype=np.int64) % 2, ("a", "b"), "toy", ("a note",))
    in_memory = ImageSet(np.array(pixels), whole.labels, whole.class_names, "toy")
    sides, same = split(whole, validation=0.5, seed=1), split(in_memory, validation=0.5, seed=1)
    for side, other in zip(sides, same, strict=True):
        assert isinstance(side.images, np.memmap)
        assert not isinstance(other.images, np.memmap)
        assert (side.digest, side.notes) == (other.digest, ("a note",))
    assert len(list((cache / "mapped").glob("*.npy"))) == 3


def test_other_indices_of_a_mapped_set_are_another_file(cache: Path) -> None:
    pixels, _ = hold(
        (4, 1, 2, 2), "whole", lambda target: target.__setitem__(..., np.arange(16).reshape(4, 1, 2, 2))
    )
    whole = ImageSet(pixels, np.array([0, 1, 0, 1]), ("a", "b"), "toy")
    assert whole.take([3, 0, 1]).images[:, 0, 0, 0].tolist() == [12, 0, 4]
    assert whole.take([0, 1, 3]).images[:, 0, 0, 0].tolist() == [0, 4, 12]


def test_a_quarter_of_the_memory_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVOCNN_MEMORY_SHARE", raising=False)
    assert memory_share() == 0.25


@pytest.mark.parametrize("text", ["a lot", "-0.1", "1.5", "nan"])
def test_what_is_no_share_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOCNN_MEMORY_SHARE", text)
    with pytest.raises(DataError, match=rf"EVOCNN_MEMORY_SHARE must be .* from 0 to 1, but it was '{text}'"):
        memory_share()


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "CGROUP_LIMIT", tmp_path / "memory.max")
    physical = memory_bytes()
    assert physical > 2**27
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes() == physical
    (tmp_path / "memory.max").write_text("123456\n")
    assert memory_bytes() == 123456
