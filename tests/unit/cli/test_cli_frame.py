"""The picture of a search: it fits, and says what there is to say."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from time import sleep, time
from typing import Any

import pytest
from rich.console import Console

from evocnn import open_run
from evocnn.cli.frame import View, frame
from evocnn.cli.live import Kept, has_room, live
from evocnn.evaluation import Evaluation, Status
from evocnn.report.standing import Standing, standing_of
from evocnn.runs import Run
from evocnn.store import Running


@pytest.fixture(scope="module")
def run(finished_once: Path) -> Run:
    return open_run(finished_once)


@pytest.fixture
def standing(run: Run) -> Standing:
    standing = standing_of(run.manifest)
    for record in run.records:
        standing.add(record)
    return standing


def lines(view: View, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=StringIO(), force_terminal=True, record=True)
    console.print(frame(view, width, height))
    return console.export_text().splitlines()


def running(ticket: int, worker: str, seconds: float = 0.0) -> Running:
    return Running(ticket, f"network {ticket} " + "conv16k3 > " * 20, worker, time() - seconds, 0.0, 0, 1, 10)


def test_the_picture_says_where_a_search_stands(standing: Standing) -> None:
    view = View("tiny: nsga2, seed 5", "running", standing, 120.0, (running(7, "worker 0"),), 2, [], "hint")
    shown = lines(view)
    assert shown[0].startswith("tiny: nsga2, seed 5 ")
    assert shown[0].endswith(" running, 2m 00s")
    assert shown[1].endswith(" 100% · 4/4 full trainings · 2 a minute")
    best = max(r.metrics["validation_accuracy"] for r in standing.front.members)
    assert any(f"{best:.4f}  #" in line for line in shown)
    assert any(line.endswith(f"hypervolume {standing.front.hypervolume:.4g}") for line in shown)
    assert sum(line.count("●") for line in shown) > 1  # the key's, and the front's
    assert shown[-1] == "hint"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (81, 25), (100, 30), (200, 60)])
@pytest.mark.parametrize("n_workers", [0, 1, 3, 64])
def test_nothing_is_cut_or_pushed_out_in_any_size(
    width: int, height: int, n_workers: int, standing: Standing
) -> None:
    reason = "RuntimeError: " + "x" * 300
    costly = replace(standing.front.members[0], reused_from=None, epochs=1_234_567, n_epochs=1_234_567)
    failed = [replace(costly, ticket=900 + n) for n in range(9)]
    for record in failed:
        standing.add(replace(record, evaluation=Evaluation(Status.CRASHED, reason=reason)))
    standing.n_looked_at = standing.n_reused = standing.n_rejected = 1_234_567
    crew = tuple(running(n, f"worker {n} GPU 0 on node-{n}", n) for n in range(n_workers))
    view = View("t" * 300, "running", standing, 123_456.0, crew, n_workers, ["n" * 300] * 9, "h" * 300)
    shown = lines(view, width, height)
    assert len(shown) == height
    assert max(map(len, shown)) <= width
    assert any(line.startswith("failures: 9 crashed") for line in shown)
    assert "1,234,567 looked at, 4 in full · 1,234,567 seen before · 1,234,567 rejected" in shown
    assert shown[-1].startswith("hh")
    assert shown[-2].startswith("nn")


def test_a_small_terminal_gets_a_line(standing: Standing) -> None:
    for width, height in ((79, 24), (80, 23), (20, 4)):
        (line,) = lines(View("t", "running", standing, 60.0), width, height)
        assert line.startswith("4/4 · 4 seen, 4 full"[: width - 1])


@pytest.mark.parametrize("status", [None, Status.CRASHED])
def test_there_is_a_picture_before_anything_was_found(status: Status | None, run: Run) -> None:
    standing = standing_of(run.manifest)
    if status is not None:
        standing.add(replace(run.records[0], evaluation=Evaluation(status, reason="why")))
    shown = lines(View("t", "running", standing, 0.0))
    assert len(shown) == 24
    assert any("nothing on the front yet" in line for line in shown)
    assert ("#0 crashed: why" in shown) == (status is not None)


def test_as_long_as_nothing_is_on_the_front_the_picture_tells_how_far_networks_are(run: Run) -> None:
    manifest: Any = run.manifest
    objectives = [{**manifest["objectives"][0], "floor": 0.8}, *manifest["objectives"][1:]]
    standing = standing_of({**manifest, "objectives": objectives})
    for ticket, share in enumerate((0.1, 0.1, 0.3)):
        new = replace(run.records[0], ticket=ticket, key=str(ticket), reused_from=None, share=share)
        standing.add(new)
    shown = lines(View("t", "running", standing, 0.0))
    right = [" ".join(line[48:].split()) for line in shown[4:]]
    assert right[1:5] == [
        "trained so far:",
        f"10% of it {'█' * 15} 2",
        f"30% of it {'█' * 8} 1",
        "in full 0",
    ]
    assert "validation accuracy at least" in " ".join(right)
    assert shown[1].startswith("━")
    assert shown[1].count("┄") > 1  # what is left is told without colours, too


def test_what_keeps_no_floor_does_not_flatten_the_front(run: Run) -> None:
    manifest: Any = run.manifest
    objectives = [dict(one) for one in manifest["objectives"]]
    objectives[0]["floor"] = 0.5
    standing = standing_of({**manifest, "objectives": objectives})
    for ticket, accuracy in enumerate((0.01, 0.91, 0.99)):
        metrics = {"validation_accuracy": accuracy, "parameters": 100.0 + ticket}
        again = replace(run.records[0], ticket=ticket, key=str(ticket), reused_from=None)
        standing.add(replace(again, evaluation=Evaluation(Status.OK, metrics)))
    shown = lines(View("t", "running", standing, 0.0))
    assert any(line.startswith("    0.91│●") for line in shown)
    assert sum("o" in line.partition("│")[2][:30] for line in shown[5:15]) == 0


def test_the_first_on_the_front_does_not_push_out_those_trained_in_part(run: Run) -> None:
    standing = standing_of(run.manifest)
    for ticket, accuracy in enumerate((0.6, 0.95, 0.9)):
        metrics = {"validation_accuracy": accuracy, "parameters": 100.0 * (ticket + 1)}
        new = replace(run.records[0], ticket=ticket, key=str(ticket), reused_from=None)
        share = 1.0 if ticket == 0 else 0.1
        standing.add(replace(new, share=share, evaluation=Evaluation(Status.OK, metrics)))
    shown = lines(View("t", "running", standing, 0.0))
    assert any(line.startswith("    0.95│") for line in shown)


def test_a_machine_is_named_where_there_are_several(standing: Standing) -> None:
    for others, named in ((["worker 1 on a"], False), (["worker 1 on b"], True)):
        crew = tuple(running(n, name, 60 - n) for n, name in enumerate(["worker 0 on a", *others]))
        shown = lines(View("t", "running", standing, 0.0, crew))
        first = next(line for line in shown if line.startswith("worker 0"))
        assert first.startswith("worker 0 on a" if named else "worker 0   1m ")
        assert "1m 00s  #0     epochs 1-1 of 10    network 0 conv16k3" in first


def test_names_cannot_steer_the_terminal(standing: Standing) -> None:
    one = replace(running(1, "worker 0"), text="\x1b[2Jconv\r\n[red]")
    shown = "\n".join(lines(View("\x1b]0;t\x07", "running", standing, 0.0, (one,))))
    assert "\x1b" not in shown
    assert "[2Jconv  [red]" in shown


def test_the_live_view_keeps_what_is_written_and_leaves_the_terminal_as_it_was(
    standing: Standing, capsys: pytest.CaptureFixture[str]
) -> None:
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=80, height=24)
    seen: list[list[str]] = []

    def picture(width: int, height: int, notes: list[str]) -> Any:
        seen.append(notes)
        return frame(View("t", "running", standing, 0.0, notes=notes), width, height)

    with live(picture, console):
        print("[note] one")  # noqa: T201 - as user code may do
        while not seen or not seen[-1]:
            sleep(0.01)
    assert seen[-1] == ["[note] one"]
    text = output.getvalue()
    assert text.startswith("\x1b[?1049h")
    assert "hypervolume" in text
    assert text.endswith("[note] one\n")
    assert text.index("\x1b[?1049l") < text.rindex("[note] one")
    assert capsys.readouterr().out == ""


def test_of_what_is_written_the_last_lines_are_kept() -> None:
    kept = Kept()
    kept.write("one ")
    kept.write("line\n\n")
    assert kept.lines == ["one line"]
    kept.write("".join(f"{n}\n" for n in range(1000)))
    assert kept.lines[-1] == "999"
    assert len(kept.lines) < 1000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"width": 79}, False), ({"height": 23}, False), ({"force_terminal": False}, False)],
)
def test_a_picture_needs_a_terminal_that_is_large_enough(
    changes: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    output = StringIO()
    assert has_room(
        Console(**{"file": output, "force_terminal": True, "width": 80, "height": 24} | changes)
    ) == (expected)


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not has_room(Console(file=StringIO(), force_terminal=True, width=80, height=24))
