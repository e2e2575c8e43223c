import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from evocnn.evaluation import Status
from evocnn.report.front_table import (
    candidate_counts,
    front_json,
    front_markdown,
    front_table,
    nothing_bred,
    promising_but_stopped,
    summary,
)
from evocnn.report.wording import duration
from evocnn.runs import Run
from evocnn.search import RejectionReport
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no line of a table be broken."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def example(make_record: MakeRecord, make_run: MakeRun) -> Run:
    """Return a run whose front is 1, 3, 2 (best accuracy first) with its knee at 3."""
    return make_run(
        make_record(0, 0.5, 4000),  # dominated
        make_record(1, 0.97, 4096, 0.125, repairs={"narrowed": 2, "inert": 1}),
        make_record(2, 0.4, 16, 0.0, repairs={"narrowed": 1}),
        make_record(3, 0.95, 64, 0.02),
        make_record(4, status=Status.DIVERGED),
        make_record(5, 0.2, 1),  # below the floor
        make_record(6, 0.97, 4096, 0.125, reused_from=1, n_epochs=0),
    )


def test_the_front_has_a_line_a_member_best_first(example: Run, capsys: pytest.CaptureFixture[str]) -> None:
    front_table(example)
    head, counted, repaired, *lines, foot = capsys.readouterr().out.splitlines()
    header, rows = lines[: -len(example.front.members)], lines[-len(example.front.members) :]
    assert head == "mine: finished; 5 ok, 1 diverged"
    assert counted == "6 looked at, 5 trained in full, 18 epochs"
    assert repaired == "repaired to keep the limits: 2 of 7 candidates (narrowed 3)"
    words = {"ticket", "validation", "accuracy", "parameters", "generalization", "gap", "network"}
    assert set(" ".join(header).split()) == words
    assert [row.split() for row in rows] == [
        ["1", "0.9700", "4,096", "0.1250", "network", "1"],
        ["3", "0.9500", "64", "0.0200", "network", "3", "◀", "knee"],
        ["2", "0.4000", "16", "0.0000", "network", "2"],
    ]
    assert foot == (
        f"hypervolume {example.front.hypervolume:.4g} up to validation_accuracy 0.1000, parameters 5,000, "
        "generalization_gap 1.0000"
    )


def test_values_are_shown_as_their_kind_needs(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    measures = {"big": 1234567.0, "small": 0.00012346, "some_accuracy": 0.5}
    objectives = {
        name: {"weight": 1, "reference": 0, "measure": lambda metrics, genome, value=value: value}
        for name, value in measures.items()
    }
    front_table(make_run(make_record(0, 0.5, 1), objectives=objectives))
    out = capsys.readouterr().out
    assert "1,234,567" in out
    assert "0.0001235" in out
    assert "0.5000" in out


@pytest.mark.parametrize("text", ["conv[bold]8[/bold]", "[/red]", "[link=x]y", ":smile: $x^2$", "a\\[b"])
def test_markup_stays_text(
    text: str, make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    objectives = {text: {"weight": 1, "reference": 0, "measure": lambda metrics, genome: 1.0}}
    run = make_run(make_record(0, 0.5, 1, text=text), objectives=objectives, status=text)
    front_table(run)
    head, _, header, row, foot = capsys.readouterr().out.splitlines()
    assert head == f"mine: {text}; 1 ok"
    assert text in header
    assert f"{text} ◀ knee" in row
    assert foot == f"hypervolume 1 up to {text} 0"


def test_a_front_of_one_is_its_own_knee(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    front_table(make_run(make_record(7, 0.5, 10)))
    assert "network 7 ◀ knee" in capsys.readouterr().out


def test_an_empty_front_says_what_was_not_kept(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    objectives = {
        "validation_accuracy": {"weight": 1, "floor": 0.3},
        "parameters": {"weight": -1, "floor": 5, "ceiling": 2000},
        "generalization_gap": {"weight": -1},
    }
    front_table(make_run(make_record(0, 0.2, 1000), make_record(1, 0.9, 3000), objectives=objectives))
    head, _, *lines = capsys.readouterr().out.splitlines()
    reason = " ".join(line.strip() for line in lines)
    assert head == "mine: finished; 2 ok"
    assert reason == (
        "the front is empty: no network that trained without failure kept all of: "
        "validation_accuracy at least 0.3000, parameters at least 5, parameters at most 2,000; "
        "train longer (training.epochs, --budget), or set objectives.NAME.floor or ceiling, which "
        "follow from the data where they are not given"
    )


def test_an_empty_front_without_bounds(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(make_record(0, status=Status.DIVERGED), objectives={"generalization_gap": {"weight": -1}})
    front_table(run)
    assert capsys.readouterr().out.splitlines() == [
        "mine: finished; 1 diverged",
        "1 looked at, 0 trained in full, 3 epochs",
        "the front is empty: no candidate trained without failure",
    ]


def test_a_run_without_evaluations(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    front_table(make_run(status="running"))
    assert capsys.readouterr().out.splitlines() == [
        "mine: running; nothing evaluated yet",
        "the front is empty: nothing has been evaluated yet",
    ]


def test_the_json_has_these_keys_and_no_others(example: Run) -> None:
    found = json.loads(front_json(example))
    assert found == {
        "outcome": None,
        "cost_model": {"constants": None, "error": None},
        "rejection": None,
        "run": "mine",
        "status": "finished",
        "looked_at": 6,
        "trained_in_full": 5,
        "epochs": 18,
        "candidates": {"ok": 5, "diverged": 1},
        "repairs": {"narrowed": 3, "inert": 1},
        "operators": {"add_gene": {"offspring": 6, "on_front": 3}},
        "reference_point": {"validation_accuracy": 0.1, "parameters": 5000.0, "generalization_gap": 1.0},
        "hypervolume": example.front.hypervolume,
        "knee": 3,
        "front": [
            {
                "ticket": ticket,
                "key": f"key {ticket}",
                "text": f"network {ticket}",
                "metrics": {"validation_accuracy": accuracy, "parameters": size, "generalization_gap": gap},
                "parents": [ticket - 1],
                "trainings": [ticket],
                "spread": {},
                "operators": ["add_gene"],
                "donors": [],
            }
            for ticket, accuracy, size, gap in (
                (1, 0.97, 4096, 0.125),
                (3, 0.95, 64, 0.02),
                (2, 0.4, 16, 0.0),
            )
        ],
    }


def test_an_interrupted_run_without_a_front_says_how_to_go_on(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(make_record(0, 0.9, 10, share=0.1), status="interrupted")
    front_table(replace(run, folder=Path("My pets")))
    assert "the front is empty so far; go on with: evocnn resume 'My pets'\n" in capsys.readouterr().out


def test_with_many_objectives_networks_stand_below_the_table(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("validation_accuracy", "parameters", "generalization_gap", "flops", "epochs")
    record = make_record(7, 0.9, 10, text="conv8 · pool")
    metrics = {**record.metrics, "flops": 5.0, "epochs": 3.0}
    record = replace(record, evaluation=replace(record.evaluation, metrics=metrics))
    objectives = {name: {"weight": -1, "reference": 9} for name in names}
    front_table(make_run(record, objectives=objectives))
    assert "     7  conv8 · pool ◀ knee" in capsys.readouterr().out.splitlines()


def test_a_network_that_was_asked_again_and_went_on_is_one_candidate(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    again = replace(make_record(1, 0.5, 1, share=0.1), reused_from=0)
    on = replace(make_record(2, 0.9, 1), continues=1)
    found = make_run(make_record(0, 0.5, 1, share=0.1), again, on)
    assert [record.ticket for record in found.candidates] == [2]


def test_rejections_are_no_candidates_looked_at_and_say_what_they_rest_on(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    report = RejectionReport("synflow", 0.25, n_pairs=40, n_considered=9, n_rejected=1, is_on=True)
    run = make_run(make_record(0, 0.9, 5), make_record(1, status=Status.REJECTED))
    run.manifest["rejection"] = asdict(report)
    front_table(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "mine: finished; 1 ok, 1 rejected",
        "1 looked at, 1 trained in full, 6 epochs",
        f"reject: {report.text}",
    ]
    found = json.loads(front_json(run))
    assert (found["looked_at"], found["rejection"]["correlation"]) == (1, 0.25)


def test_the_json_of_an_empty_front(make_run: MakeRun) -> None:
    found = json.loads(front_json(make_run()))
    assert (found["front"], found["knee"], found["hypervolume"], found["candidates"]) == ([], None, 0.0, {})


def test_the_json_keeps_letters_readable(make_record: MakeRecord, make_run: MakeRun) -> None:
    assert "conv8 · pool" in front_json(make_run(make_record(0, 0.5, 1, text="conv8 · pool")))


def test_duplicates_do_not_count(example: Run, make_record: MakeRecord, make_run: MakeRun) -> None:
    assert candidate_counts(example) == {"ok": 5, "diverged": 1}
    assert candidate_counts(make_run(make_record(1, 0.5, 1, reused_from=0))) == {}


@pytest.fixture
def climbing(make_record: MakeRecord, make_run: MakeRun) -> Run:
    """Return a run with rungs: 0 climbs all three, 1 two, 2 fails at its second, 3 stops at its first."""
    mended = {"narrowed": 1}
    return make_run(
        make_record(0, 0.5, 64, share=0.1, n_epochs=1, operators=("widen",), repairs=mended),
        make_record(1, 0.6, 128, share=0.1, n_epochs=1, operators=("widen",)),
        make_record(2, 0.7, 256, share=0.1, n_epochs=1),
        make_record(3, 0.99, 1, share=0.1, n_epochs=1),
        make_record(4, 0.6, 64, share=0.3, n_epochs=2, continues=0, operators=("widen",), repairs=mended),
        make_record(5, 0.7, 128, share=0.3, n_epochs=2, continues=1, operators=("widen",)),
        make_record(6, status=Status.TIMED_OUT, share=0.3, n_epochs=2, continues=2),
        make_record(7, 0.8, 64, n_epochs=7, continues=4, operators=("widen",), repairs=mended),
    )


def test_a_candidate_counts_once_however_far_it_climbs(
    climbing: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    front_table(climbing)
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == [
        "mine: finished; 3 ok, 1 timed_out",
        "4 looked at, 1 trained in full, 17 epochs",
    ]
    assert "repaired to keep the limits: 1 of 4 candidates (narrowed 1)" in out
    found = json.loads(front_json(climbing))
    assert (found["looked_at"], found["trained_in_full"], found["epochs"]) == (4, 1, 17)
    assert found["candidates"] == {"ok": 3, "timed_out": 1}
    assert found["repairs"] == {"narrowed": 1}
    assert found["operators"] == {
        "widen": {"offspring": 2, "on_front": 1},
        "add_gene": {"offspring": 2, "on_front": 0},
    }
    assert [member["ticket"] for member in found["front"]] == [7]


def test_a_repeat_of_a_network_is_no_offspring_and_no_repair_of_its_own(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    bred = {"key": "same", "operators": ("widen",), "repairs": {"narrowed": 1}}
    found = json.loads(
        front_json(make_run(make_record(0, 0.8, 64, **bred), make_record(1, 0.8, 64, replicate=1, **bred)))
    )
    assert found["operators"] == {"widen": {"offspring": 1, "on_front": 1}}
    assert found["repairs"] == {"narrowed": 1}


def test_a_run_in_which_nobody_was_trained_in_full_says_so(
    make_record: MakeRecord, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    front_table(make_run(make_record(0, 0.9, 10, share=0.1, n_epochs=1)))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "1 looked at, 0 trained in full, 1 epochs",
        (
            "the front is empty: no candidate has been trained in full yet; go on with a larger budget: "
            "evocnn resume runs/mine --budget ..., lower search.population, or set search.rungs = [1]"
        ),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (200, "3m 20s"),
        (3600, "1h 00m"),
        (7500, "2h 05m"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("algorithm", "status", "n_told"),
    [
        ("nsga2", "finished", 1),
        ({"use": "islands"}, "finished", 1),
        ("nsga2", "interrupted", 0),
        ("random", "finished", 0),
    ],
    ids=["breeds", "with options", "goes on", "never breeds"],
)
def test_a_search_that_ended_among_its_founders_says_so(
    algorithm: object, status: str, n_told: int, make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(make_record(0, 0.9, 10), make_record(1, 0.8, 9, parents=()), status=status)
    experiment = {**run.manifest["experiment"], "search": {"algorithm": algorithm}}
    run = replace(run, manifest={**run.manifest, "experiment": experiment})
    assert sum(line.startswith("nothing was bred: ") for line in summary(run)) == n_told
    bred = replace(run, records=(*run.records, make_record(2, 0.8, 8, parents=(0,))))
    assert not nothing_bred(bred)


def test_a_network_that_was_stopped_ahead_of_a_poor_front_is_named(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    poor, good = make_record(0, 0.42, 130), make_record(1, 0.95, 900, share=0.1)
    (said,) = promising_but_stopped(make_run(poor, good))
    assert said.startswith(
        "network 1 had validation accuracy 0.9500 after 10.0 % of its training, better than all of the front "
        "(0.4200), and was not trained on: let the search go on (evocnn resume "
    )
    assert said.endswith(" --pick 1)")
    assert said in summary(make_run(poor, good))
    worse = replace(good, evaluation=poor.evaluation)
    failed = replace(good, evaluation=replace(good.evaluation, status=Status.DIVERGED, metrics={}))
    assert promising_but_stopped(make_run(poor, worse)) == promising_but_stopped(make_run(poor, failed)) == []
    assert promising_but_stopped(make_run(good)) == []
    assert promising_but_stopped(make_run(poor, good, status="running")) == []


def test_the_front_in_markdown_escapes_what_would_end_a_cell(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(make_record(0, 0.9, 1000, 0.1, text="conv8k3 | gap"), make_record(1, 0.5, 10, 0.2))
    assert front_markdown(run) == [
        "| validation accuracy | parameters | generalization gap | network |",
        "|---|---|---|---|",
        "| 0.9000 | 1,000 | 0.1000 | `conv8k3 \\| gap` (the knee) |",
        "| 0.5000 | 10 | 0.2000 | `network 1` |",
    ]
