"""Ctrl-C in this process: once, twice, and what is left for `resume`."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from searches import without_times

from evocnn import open_run
from evocnn.cli.progress import ProgressDisplay
from evocnn.cli.search import Stop

Call = Callable[..., Any]


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that has signals sent once the ticket `after` was told."""
    told = ProgressDisplay.told

    def press(after: int, *numbers: signal.Signals) -> None:
        def tell_and_press(display: ProgressDisplay, progress: Any) -> None:
            told(display, progress)
            if progress.record.ticket == after:
                for number in numbers:
                    os.kill(os.getpid(), number)

        monkeypatch.setattr(ProgressDisplay, "told", tell_and_press)

    return press


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_ends_the_search_and_says_how_to_go_on(
    number: signal.Signals, press: Any, evocnn: Call, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    press(1, number)
    said = evocnn("run", tiny, "--workers", "0", "--out", folder)
    assert said.code == 130
    assert "stopping: what runs is being finished; Ctrl-C again drops it" in said.err
    assert said.out.startswith("tiny: interrupted; ")
    assert said.out.endswith(f"interrupted; go on with: evocnn resume {folder}\n")
    assert 2 <= len(open_run(folder).records) < 4


def test_resuming_completes_to_the_same_journal(press: Any, evocnn: Call, tiny: Path, finished: Path) -> None:
    folder = finished.parent / "run"
    press(0, signal.SIGINT)
    assert evocnn("run", tiny, "--workers", "0", "--out", folder).code == 130
    before = open_run(folder).records
    press(99)  # never
    said = evocnn("resume", folder, "--workers", "0")
    assert said.code == 0
    assert "4/4 full trainings" in said.err
    assert open_run(folder).status == "finished"
    after = {record.ticket: record for record in open_run(folder).records}
    assert [after[record.ticket] for record in before] == list(before)
    assert without_times(open_run(folder).records) == without_times(open_run(finished).records)


def test_twice_ends_at_once(press: Any, evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    press(1, signal.SIGINT, signal.SIGINT)
    said = evocnn("run", tiny, "--workers", "0", "--out", folder)
    assert said.code == 130
    assert said.err.endswith(f"interrupted; go on with: evocnn resume {folder}\n")
    assert said.out == ""
    assert open_run(folder).status == "interrupted"


def test_signals_are_given_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop = Stop()
    with stop.on_signals():
        assert all(signal.getsignal(number) != handler for number, handler in before.items())
        assert not stop()
        signal.raise_signal(signal.SIGTERM)
        assert stop()
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            signal.raise_signal(signal.SIGINT)
    assert {number: signal.getsignal(number) for number in before} == before


def fail(number: int) -> Callable[..., None]:
    """Return what fails with an error of the system, in place of a method of a display."""

    def show(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return show


@pytest.mark.fault
def test_a_terminal_that_is_closed_while_it_is_written_to_ends_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its SIGHUP is still on its way then. Fails where `Stop.observer` lets every `OSError` pass."""
    monkeypatch.setattr(ProgressDisplay, "told", fail(errno.ENOSPC))
    monkeypatch.setattr(ProgressDisplay, "workers", fail(errno.EIO))
    stop = Stop()
    observer: Any = stop.observer(ProgressDisplay())
    with pytest.raises(OSError, match="No space left"):
        observer.on_told(None)
    assert not stop()
    observer.on_workers("two workers")
    assert stop()


@pytest.mark.fault
def test_a_terminal_that_is_closed_as_its_search_ends_changes_nothing_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fails where `Stop.closing` closes the display without asking how that fails."""
    monkeypatch.setattr(ProgressDisplay, "close", fail(errno.EIO))
    stop = Stop()
    with stop.closing(ProgressDisplay()):
        pass
    assert stop()


def test_any_other_command_ends_at_once(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evocnn.cli.show.open_run", interrupted)
    said = evocnn("show", finished)
    assert (said.code, said.out) == (130, "")
    assert "Traceback" not in said.err
