"""What the table and the JSON of a run say of times: those selected, and how well they were predicted."""

import json
from collections.abc import Callable

import pytest

from evocnn.evaluation import Evaluation, Status
from evocnn.report.front_table import front_json, front_table
from evocnn.runs import Run
from evocnn.store import Record

ACCURACY = {"validation_accuracy": {"weight": 1, "floor": 0.3}}
LATENCY = {"latency": {"weight": -1, "reference": 1.0}}
SECONDS = {"training_seconds": {"weight": -1}}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no line of the table break."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def records(make_record: Callable[..., Record]) -> list[Record]:
    """Return four trainings that took twice what was predicted."""
    metrics = {"validation_accuracy": 0.9, "latency": 0.001, "training_seconds": 3.0}
    return [
        make_record(n, cost=n + 1.0, evaluation=Evaluation(Status.OK, metrics, seconds=2 * n + 2.0))
        for n in range(4)
    ]


@pytest.mark.parametrize(
    ("objectives", "note"),
    [
        (ACCURACY | LATENCY, "note: read off a clock: latency; this run repeats through its journal alone"),
        (ACCURACY | LATENCY | SECONDS, "note: read off a clock: latency, training_seconds; this run"),
    ],
)
def test_a_run_that_selects_on_times_says_that_it_repeats_through_its_journal(
    objectives: dict[str, object],
    note: str,
    records: list[Record],
    make_run: Callable[..., Run],
    capsys: pytest.CaptureFixture[str],
) -> None:
    front_table(make_run(*records, objectives=objectives))
    assert note in capsys.readouterr().out
    front_table(make_run(*records, objectives=ACCURACY))
    assert "clock" not in capsys.readouterr().out


def test_the_error_of_the_cost_model_is_told(
    records: list[Record],
    make_run: Callable[..., Run],
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = make_run(*records, objectives=ACCURACY)
    front_table(found)
    assert "cost model: 4 trainings took 2 times the predicted seconds" in capsys.readouterr().out
    found.manifest["cost_model"] = {"start": 0.5}
    told = json.loads(front_json(found))["cost_model"]
    assert told["constants"] == {"start": 0.5}
    assert told["error"] == {"n": 4, "rank_correlation": 1.0, "ratio": 2.0, "factor": 1.0}


def test_too_few_trainings_have_no_error(
    records: list[Record], make_run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    found = make_run(*records[:2], objectives=ACCURACY)
    front_table(found)
    assert "cost model" not in capsys.readouterr().out
    assert json.loads(front_json(found))["cost_model"]["error"] is None
