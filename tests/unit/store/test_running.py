"""The file that says what is being trained: whole or not there, and nobody's record."""

from pathlib import Path

import pytest

from evocnn.store import Running, forget_running, read_running, write_running

TWO = (
    Running(3, "conv8k3", "worker 0", 12.5, 2.5, 1, 3, 10),
    Running(4, "ünïcode", "lane 1", 13.0, 3.0, 0, 1, 10),
)


def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    write_running(tmp_path, TWO)
    assert read_running(tmp_path) == TWO
    write_running(tmp_path, TWO[:1])
    assert read_running(tmp_path) == TWO[:1]
    assert [path.name for path in tmp_path.iterdir()] == ["running.json"]


def test_whoever_looks_while_it_is_written_sees_what_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_running(tmp_path, TWO)

    def interrupted(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(OSError, match="No space left"):
        write_running(tmp_path, TWO[:1])
    assert read_running(tmp_path) == TWO


@pytest.mark.parametrize("content", [b"", b"[{", b"\xff", b"[1]", b'[{"ticket": 1}]', b"3"])
def test_what_cannot_be_read_is_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "running.json").write_bytes(content)
    assert read_running(tmp_path) == ()


def test_it_is_gone_once_nothing_is_trained_any_more(tmp_path: Path) -> None:
    write_running(tmp_path, TWO)
    forget_running(tmp_path)
    forget_running(tmp_path)
    assert read_running(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []
