"""A sweep of one gene as a table and as a picture."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError
from evocnn.evaluation import Status
from evocnn.report.sweep import Point, Sweep, plot_sweep, sweep_of, sweep_table
from evocnn.runs import Run
from evocnn.store import Record

Make = Callable[..., Any]
OPTIONS = {"use": "gene-sweep", "gene": "conv.filters", "values": [4, 64], "seeds": 2}


def with_flops(record: Record) -> Record:
    metrics = {**record.metrics, "flops": 1e6}
    return replace(record, evaluation=replace(record.evaluation, metrics=metrics))


def sweep_run(make_run: Make, *records: Record, options: Any = OPTIONS) -> Run:
    run: Run = make_run(*map(with_flops, records))
    experiment = {**run.manifest["experiment"], "search": {"algorithm": options}}
    return replace(run, manifest={**run.manifest, "experiment": experiment})


@pytest.fixture
def sweep(make_run: Make, make_record: Make) -> Sweep:
    """Return a sweep of four trainings, one of which failed."""
    records = [
        make_record(0, 0.5, 100, 0.1),
        make_record(1, 0.8, 900, 0.2),
        make_record(2, 0.7, 100, 0.3),
        make_record(3, status=Status.DIVERGED),
    ]
    return sweep_of(sweep_run(make_run, *records))


def test_tickets_belong_to_values_in_turn(sweep: Sweep) -> None:
    first, second = sweep.points
    assert (first.value, first.n, first.n_failed, first.text) == (4, 2, 0, "network 0")
    assert first.found["validation_accuracy"] == (0.5, 0.7)
    assert first.found["seconds"] == (0.0, 0.0)
    assert (second.value, second.n, second.n_failed) == (64, 1, 1)
    assert second.found["generalization_gap"] == (0.2,)


def test_the_table_has_mean_and_spread_and_counts_failures(
    sweep: Sweep, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    sweep_table(sweep)
    head, note, of_seconds, _, _, *rows, network = capsys.readouterr().out.splitlines()
    assert head == "mine: sweep of conv.filters; 3 of 4 trainings, 2 seeds a value"
    assert note.startswith("mean ± standard deviation over seeds")
    assert of_seconds.endswith("has its warm-up in it, which needs 3 seeds to stay out of the median")
    cells = [[cell for cell in row.split("  ") if cell] for row in rows]
    assert [[cell.strip() for cell in row] for row in cells] == [
        ["4", "2", "0.6000 ± 0.1414", "0.2000 ± 0.1414", "0.0 [0.0, 0.0]", "100"],
        ["64", "1 (1 failed)", "0.8000", "0.2000", "0.0", "900"],
    ]
    assert network == "at 4: network 0"


def test_the_warm_up_of_a_worker_is_not_in_the_seconds(
    make_run: Make, make_record: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    trained = [make_record(n, 0.5, 100) for n in range(6)]
    records = [
        replace(record, evaluation=replace(record.evaluation, seconds=seconds))
        for record, seconds in zip(trained, (20.0, 4.0, 2.0, 4.0, 2.2, 4.0), strict=True)
    ]
    sweep_table(sweep_of(sweep_run(make_run, *records, options={**OPTIONS, "seeds": 3})))
    out = capsys.readouterr().out
    assert "2.2 [2.0, 20.0]" in out
    assert "which needs" not in out


def test_what_is_not_trained_yet_is_left_blank(
    make_run: Make, make_record: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_table(sweep_of(sweep_run(make_run, make_record(0, 0.5, 100, 0.1))))
    assert capsys.readouterr().out.splitlines()[-2].split() == ["64", "0", "-", "-", "-", "-"]


def test_another_run_is_refused(make_run: Make) -> None:
    with pytest.raises(
        ExperimentError, match="must be the run folder of a sweep, but its algorithm was 'tpe'"
    ):
        sweep_of(sweep_run(make_run, options="tpe"))


def drawn(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> Figure:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    plot_sweep(sweep, Path("sweep.png"))
    return figures[0]


def test_dots_means_and_spread_are_drawn_over_the_values(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy, gap, seconds, parameters = drawn(sweep, monkeypatch).axes
    assert [axes.get_title() for axes in (accuracy, gap, seconds, parameters)] == [
        *("validation accuracy", "gap", "seconds, median", "parameters")
    ]
    first, second, means, *_ = (line.get_xydata().tolist() for line in accuracy.lines)
    assert first == [[4, 0.5], [4, 0.7]]
    assert second == [[64, 0.8]]
    assert means == [[4, pytest.approx(0.6)], [64, 0.8]]
    (bars,) = (collection.get_segments() for collection in accuracy.collections)
    assert bars[0][:, 1].tolist() == pytest.approx([0.6 - 0.2**2 / 0.2828, 0.6 + 0.2**2 / 0.2828], abs=1e-3)
    assert accuracy.get_xscale() == "log"  # sixteen times
    assert [label.get_text() for label in accuracy.get_xticklabels()] == ["4", "64"]


def test_words_stand_side_by_side_without_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = dict.fromkeys(("validation_accuracy", "generalization_gap", "seconds", "parameters"), (1.0, 2.0))
    points = tuple(Point(value, "", found, 0) for value in ("sgd", "adam", [64, 32]))
    axes = drawn(Sweep("mine", "recipe.optimizer", 2, points), monkeypatch).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["sgd", "adam", "64,32"]
    assert axes.lines[3].get_linestyle() == "None"
