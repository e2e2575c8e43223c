"""One network of a run, shown."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from evocnn.evaluation import Status
from evocnn.report.front_table import front_json, front_table
from evocnn.report.network import network_json, show_network
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]
TEXT = "conv8k3 · pool | gap | sgd lr=.05"


@pytest.fixture
def again(make_record: MakeRecord, make_run: MakeRun) -> Run:
    """Return a run in which the network of ticket 0 was trained three times."""
    trainings = [
        make_record(n, accuracy, 64, gap, text=TEXT, key="again", replicate=n)
        for n, (accuracy, gap) in enumerate(((0.9, 0.1), (0.8, 0.1), (0.7, 0.1)))
    ]
    return make_run(*trainings, make_record(3, 0.95, 4096, 0.2))


def test_a_network_is_shown_with_recipe_figures_and_how_to_go_on(
    again: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    show_network(again, again.front.members[1])
    assert capsys.readouterr().out.splitlines() == [
        "mine: ticket 0, the knee of the front, key again",
        "  layers  conv8k3 · pool",
        "  head    gap",
        "  recipe  sgd lr=.05",
        "trained in full, 3 epochs on 100 images",
        "mean ± standard deviation of 3 trainings, tickets 0, 1, 2:",
        "  validation_accuracy  0.8 ± 0.1",
        "  parameters           64",
        "  generalization_gap   0.1",
        "mark it in the plot:      evocnn plot runs/mine --pick 0",
        f"begin a search with it:   evocnn run EXPERIMENT.toml --set 'space.founders=[\"{TEXT}\"]'",
        "test its learning rate:   evocnn lr-range runs/mine --pick 0",
        "train it in full:         evocnn train runs/mine --pick 0",
    ]


def test_the_front_shows_means_spread_and_n(
    again: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    front_table(again)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[-3:-1]]
    assert rows[0][:5] == ["3", "0.9500", "4,096", "0.2000", "1"]
    assert rows[1][:7] == ["0", "0.8000", "±", "0.1000", "64", "0.1000", "3"]
    member = json.loads(front_json(again))["front"][1]
    assert member["trainings"] == [0, 1, 2]
    assert member["spread"]["validation_accuracy"] == pytest.approx(0.1)
    assert member["metrics"]["validation_accuracy"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"share": 0.1}, "stopped at 10 % of 3 epochs on 100 images"),
        ({"status": Status.TIMED_OUT}, "timed_out: no reason was recorded; 3 epochs on 100 images"),
        ({"donor": 0}, "started from the weights of ticket 0"),
        ({"operators": ("widen",), "parents": (0, 1)}, "made of tickets 0, 1 by widen"),
    ],
)
def test_what_became_of_it_is_said(
    changes: dict[str, object],
    line: str,
    make_record: MakeRecord,
    make_run: MakeRun,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = make_record(1, *(() if "status" in changes else (0.2, 5)), **changes)
    show_network(make_run(make_record(0, 0.9, 5), record), record)
    out = capsys.readouterr().out.splitlines()
    assert line in out
    assert out[0] == "mine: ticket 1, not on the front, key key 1"
    assert out[1] == "  network network 1"  # no chromosome's text form: nothing to begin a search with
    assert not any("EXPERIMENT.toml" in said for said in out)


def test_the_json_of_a_network_has_genome_and_curves(again: Run) -> None:
    record = replace(
        again.records[3], evaluation=replace(again.records[3].evaluation, curves={"loss": (2.0, 1.0)})
    )
    found = json.loads(network_json(again, record))
    assert (found["ticket"], found["status"], found["share"]) == (3, "ok", 1.0)
    assert found["genome"] == record.genome
    assert found["curves"] == {"loss": [2.0, 1.0]}
    assert (found["trainings"], found["spread"]) == ([3], {})
