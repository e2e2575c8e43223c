"""Saved states: written whole or not at all, told apart by their digest, dropped when nobody needs them."""

import hashlib
import os
import warnings
from pathlib import Path

import pytest

from evocnn.errors import JournalError
from evocnn.store import States

LOST = r"saved states in '.*states' are missing or damaged; candidates that go on from one are trained anew"


@pytest.fixture
def states(tmp_path: Path) -> States:
    return States(tmp_path)


def test_a_state_comes_back_byte_for_byte_in_another_session(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    digest = States(tmp_path).save("name", content)
    assert digest == hashlib.sha256(content).hexdigest()
    later = States(tmp_path)
    later.keep("name", digest)
    assert later.load("name") == content


def test_no_folder_is_made_before_there_is_a_state(states: States, tmp_path: Path) -> None:
    assert states.load("name") is None
    states.drop_all_but(())
    assert list(tmp_path.iterdir()) == []
    states.save("name", b"")
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["name"]


def test_a_state_that_is_saved_again_takes_the_place_of_the_first(states: States) -> None:
    states.save("name", b"the first, of a session that was killed before its row was committed")
    states.keep("name", states.save("name", b"second"))
    assert states.load("name") == b"second"


def test_a_crash_while_writing_leaves_the_state_before(
    states: States, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states.keep("name", states.save("name", b"whole"))

    def crash(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            states.save("name", b"half")
    assert states.load("name") == b"whole"
    states.keep("name", states.save("name", b"next"))
    assert states.load("name") == b"next"
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["name"]


def test_a_state_is_durable_before_its_digest_is_returned(
    states: States, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    states.save("name", b"state")
    assert synced == [tmp_path.name, "name.part", "states"]


@pytest.mark.parametrize("damage", ["missing", "shorter", "other"])
def test_a_lost_state_is_none_and_is_warned_of_once(states: States, tmp_path: Path, damage: str) -> None:
    for name in ("a", "b"):
        states.keep(name, states.save(name, b"content"))
        path = tmp_path / "states" / name
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"cont" if damage == "shorter" else b"CONTENT")
    with pytest.warns(UserWarning, match=LOST) as caught:
        assert [states.load(name) for name in ("a", "b", "a")] == [None] * 3
    assert len(caught) == 1


def test_what_was_dropped_is_none_without_a_warning(states: States, tmp_path: Path) -> None:
    for name in "abc":
        states.keep(name, states.save(name, name.encode()))
    states.drop_all_but({"b", "unknown"})
    with warnings.catch_warnings(action="error"):
        assert [states.load(name) for name in "abc"] == [None, b"b", None]
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["b"]


def test_files_that_were_never_told_of_are_left_alone(states: States, tmp_path: Path) -> None:
    """They belong to evaluations that are not told yet."""
    states.save("untold", b"x")
    states.drop_all_but(())
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["untold"]


def test_a_state_that_is_gone_already_can_be_dropped(states: States, tmp_path: Path) -> None:
    states.keep("name", states.save("name", b"x"))
    (tmp_path / "states" / "name").unlink()
    states.drop_all_but(())
    assert states.load("name") is None


def test_a_folder_that_cannot_be_written_is_told(states: States, tmp_path: Path) -> None:
    (tmp_path / "states").touch()
    message = (
        r"saved state '.*states/name' must be writable, but: (Not a directory|File exists); free some space"
    )
    with pytest.raises(JournalError, match=message):
        states.save("name", b"x")


@pytest.mark.fault
@pytest.mark.timeout(30)
@pytest.mark.filterwarnings("ignore:saved states in")
def test_a_pipe_in_place_of_a_state_is_not_waited_for(states: States, tmp_path: Path) -> None:
    """Fails, after half a minute, without `is_file` in `whole_state`."""
    states.keep("name", states.save("name", b"x"))
    (tmp_path / "states" / "name").unlink()
    os.mkfifo(tmp_path / "states" / "name")
    assert states.load("name") is None
