"""What a search says of itself, second by second of a clock of our own."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evocnn import load_experiment
from evocnn.cli import progress as module
from evocnn.cli.progress import PLAIN_SECONDS, ProgressDisplay
from evocnn.cli.progress_lines import plain_lines, short_line
from evocnn.cli.scene import Scene
from evocnn.config import Parts, build_parts
from evocnn.evaluation import Evaluation, Objectives, Status
from evocnn.report import search_clock
from evocnn.report.standing import Standing
from evocnn.runs import Progress, Workers
from evocnn.search import Budget
from evocnn.store import Record, Running


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    monkeypatch.setattr(search_clock, "time", clock)
    return clock


@pytest.fixture(scope="module")
def parts(tiny: Path) -> Parts:
    return build_parts(load_experiment(tiny))


@pytest.fixture
def display(tiny: Path, clock: Clock, parts: Parts) -> Callable[..., ProgressDisplay]:
    """Return a function of a budget, and of what earlier sessions recorded, that starts a display."""

    def start(budget: Budget, workers: int = 0, earlier: Sequence[Record] = ()) -> ProgressDisplay:
        display = ProgressDisplay(earlier)
        display.announce(load_experiment(tiny), Path("runs/tiny"), Workers(workers), budget)
        display.start(parts)
        elapsed = max((record.elapsed for record in earlier), default=0.0)
        display.running((Running(99, "conv8k3", "worker 0", clock.now, elapsed, 0, 1, 10),))
        return display

    return start


@pytest.fixture
def record(parts: Parts) -> Callable[..., Record]:
    genome = parts.space.smallest

    def make(ticket: int, accuracy: float = 0.5, status: Status = Status.OK, **changes: Any) -> Record:
        metrics = {"validation_accuracy": accuracy, "parameters": 100.0} if status is Status.OK else {}
        fields: dict[str, Any] = {
            "identity": str(ticket),
            "reused_from": None,
            "key": str(ticket),
            "text": "conv[bold]8",
            "genome": genome.to_json(),
            "parents": (),
            "operators": (),
            "epochs": 1,
            "n_images": 300,
            "share": 1.0,
            "replicate": 0,
            "repairs": {},
            "continues": None,
            "donor": None,
            "cost": 1.0,
            "n_epochs": 1,
            "evaluation": Evaluation(status, metrics, reason="[red] :x: why"),
            "state": None,
            "elapsed": 0.0,
        }
        return Record(ticket, **(fields | changes))

    return make


def test_a_search_is_announced(display: Any, capsys: pytest.CaptureFixture[str]) -> None:
    display(Budget(evaluations=10), workers=3)
    assert capsys.readouterr().err.splitlines() == [
        "tiny: nsga2, seed 5, 3 Ray workers, into runs/tiny",
        "digits train: 300 training and 100 validation images, 8x8 grey, 10 classes",
    ]


def test_rate_and_time_left_follow_from_what_was_evaluated(
    display: Any, record: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = display(Budget(evaluations=10))
    clock.now += 30
    shown.told(Progress(record(0), is_replayed=False))
    clock.now += 30
    shown.told(Progress(record(1, 0.75), is_replayed=False))
    volume = shown._scene.standing.front.hypervolume
    assert capsys.readouterr().err.splitlines()[2:] == [
        "1/10 full trainings · 1 looked at, 1 in full, 1 epochs · 2 a minute",
        f"  4m 30s left · best accuracy 0.5000 · hypervolume {0.4 * 2900:.4g}",
        "2/10 full trainings · 2 looked at, 2 in full, 2 epochs · 2 a minute",
        f"  4m 00s left · best accuracy 0.7500 · hypervolume {volume:.4g}",
    ]


def test_what_an_earlier_session_found_tells_no_pace(
    display: Any, record: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = [record(0, elapsed=40.0)]
    shown = display(Budget(evaluations=10), earlier=earlier)
    shown.told(Progress(earlier[0], is_replayed=True))
    clock.now += 30
    shown.told(Progress(record(1, 0.75), is_replayed=False))
    line, more = capsys.readouterr().err.splitlines()[-2:]
    assert line == "2/10 full trainings · 2 looked at, 2 in full, 2 epochs · 2 a minute"
    assert more.startswith("  4m 00s left · ")


def test_no_line_is_wider_than_80_columns_or_broken_without_need(parts: Parts, record: Any) -> None:
    standing = Standing(parts.objectives, Budget(epochs=123_456))
    standing.add(record(0, share=0.1, n_epochs=54_321))
    standing.n_looked_at, standing.n_full = 12_345, 1_234
    first, second = plain_lines(standing, 60.0).splitlines()
    assert first == "54321/123456 epochs · 12345 looked at, 1234 in full, 54321 epochs"
    assert second == "  5.43e+04 a minute · 1m 16s left"
    assert len(first) <= 80 < len(f"{first} · 5.43e+04 a minute")


def test_a_rung_is_shown_as_its_share(parts: Parts, record: Any) -> None:
    standing = Standing(parts.objectives, Budget(evaluations=10))
    standing.add(record(0, share=0.1, n_epochs=1, epochs=10))
    assert short_line(standing, 60.0) == "0.1/10 · 1 seen, 0 full"
    standing.add(record(1, n_epochs=10, epochs=10))
    assert plain_lines(standing, 60.0).startswith(
        "1.1/10 full trainings · 2 looked at, 1 in full, 11 epochs · 1.1 a minute\n  8m 05s left ·"
    )


def test_a_budget_of_epochs_is_shown_in_epochs(parts: Parts, record: Any) -> None:
    standing = Standing(parts.objectives, Budget(epochs=40))
    standing.add(record(0, share=0.1, n_epochs=4, epochs=40))
    line = "4/40 epochs · 1 looked at, 0 in full, 4 epochs · 4 a minute · 9m 00s left"
    assert plain_lines(standing, 60.0) == line


def test_the_line_of_a_small_terminal_fits_into_80_columns(parts: Parts, record: Any) -> None:
    standing = Standing(parts.objectives, Budget(evaluations=200))
    standing.add(record(0, 0.975, n_epochs=1_034, epochs=10), is_earlier=True)
    standing.add(record(1, share=0.1, n_epochs=200, epochs=10))
    standing.n_looked_at, standing.n_full = 412, 45
    line = short_line(standing, 60.0)
    assert line.startswith("123.4/200 · 412 seen, 45 full · 3m 50s left · accuracy 0.9750 · hypervolume")
    assert len(line) <= 80


def test_plain_lines_come_seconds_apart_and_once_at_the_end(
    display: Any, record: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(display(Budget(evaluations=10))) as shown:
        for ticket in range(10):
            clock.now += PLAIN_SECONDS / 2
            shown.told(Progress(record(ticket), is_replayed=False))
    counts = [line.split()[0] for line in capsys.readouterr().err.splitlines()[2:] if line[0] != " "]
    assert counts == ["1/10", "4/10", "7/10", "10/10"]


@pytest.mark.parametrize("seconds", [0.0, PLAIN_SECONDS + 1])
def test_a_search_that_is_complete_early_ends_without_a_time_left(
    seconds: float, display: Any, record: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether its last evaluation had a line of its own or not."""
    with closing(display(Budget(evaluations=10))) as shown:
        clock.now += 30
        for ticket in range(2):
            shown.told(Progress(record(ticket), is_replayed=False))
            clock.now += seconds
    *before, last, _ = capsys.readouterr().err.splitlines()
    assert last.startswith("2/10 full trainings · 2 looked at")
    assert "left" not in last
    assert any("left" in line for line in before)


def test_duplicates_are_no_evaluations(display: Any, record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(display(Budget(evaluations=10))) as shown:
        shown.told(Progress(record(0, reused_from=0), is_replayed=False))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_failures_are_told_as_they_are_and_counted(
    display: Any, record: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = display(Budget(evaluations=10))
    clock.now += 30
    shown.told(Progress(record(0, status=Status.CRASHED), is_replayed=False))
    assert capsys.readouterr().err.splitlines()[2:] == [
        "candidate 0 crashed: [red] :x: why (conv[bold]8)",
        "1/10 full trainings · 1 looked at, 0 in full, 1 epochs · 2 a minute",
        "  4m 30s left · 1 failed",
    ]


def test_a_front_without_accuracies_shows_its_size(parts: Parts, record: Any) -> None:
    items = tuple(item for item in parts.objectives.items if item.name == "parameters")
    standing = Standing(Objectives(items), Budget(evaluations=10))
    standing.add(record(0, evaluation=Evaluation(Status.OK, {"parameters": 100.0})))
    assert "  4m 30s left · 1 on the front · hypervolume 2900" in plain_lines(standing, 30.0)


def test_what_earlier_sessions_found_is_shown_before_it_is_repeated(
    display: Any, record: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = [record(ticket, elapsed=40.0 + ticket) for ticket in range(3)]
    with closing(display(Budget(evaluations=10), earlier=earlier)) as shown:
        for one in earlier:
            clock.now += PLAIN_SECONDS + 1
            shown.told(Progress(one, is_replayed=True))
    assert capsys.readouterr().err.splitlines()[2:] == [
        "going on from 3 records: the search repeats its steps up to there, and trains nothing again",
        "3/10 full trainings · 3 looked at, 3 in full, 3 epochs · best accuracy 0.5000",
        f"  hypervolume {0.4 * 2900:.4g}",
        *(f"repeating step {n} of 3" for n in (1, 2, 3)),
    ]


def test_a_picture_tells_what_is_repeated_until_something_is_trained(
    display: Any, record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes: list[Scene] = []

    def kept(*arguments: Any) -> Scene:
        scenes.append(Scene(*arguments))
        return scenes[-1]

    monkeypatch.setattr(module, "Scene", kept)
    earlier = [record(0)]
    shown = display(Budget(evaluations=10), earlier=earlier)
    shown.told(Progress(earlier[0], is_replayed=True))
    assert scenes[0].state == "repeating step 1 of 1"
    shown.running((Running(1, "conv8k3", "worker 0", 1000.0, 40.0, 0, 1, 10),))
    assert scenes[0].state == "running"
