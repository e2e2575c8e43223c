"""One network of a run by what is wanted of it, and runs under other floors and ceilings."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Status
from evocnn.runs import Run
from evocnn.runs.pick import pick, ranked_anew, reranked
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


@pytest.fixture
def example(recorded: MakeRecord, run_of: MakeRun) -> Run:
    """Return a run whose front is 1, 3, 2 (best accuracy first) with its knee at 3."""
    return run_of(
        recorded(0, 0.5, 4000),  # dominated
        recorded(1, 0.97, 4096),
        recorded(2, 0.4, 16),
        recorded(3, 0.95, 64, key="abc3"),
        recorded(4, 0.2, 1),  # below the floor
        recorded(5, 0.99, 2, share=0.1),  # stopped at a rung
        recorded(6, 0.0, 0, evaluation=Evaluation(Status.DIVERGED, reason="nan")),
        recorded(7, 0.95, 64, key="abc3", reused_from=3),
        recorded(8, 0.94, 900, key="abd8"),
    )


@pytest.mark.parametrize(
    ("text", "ticket"),
    [
        ("knee", 3),
        ("best-accuracy", 1),
        ("smallest", 2),
        ("parameters<4096", 3),
        ("parameters<=4096", 1),
        ("parameters>64", 1),
        ("parameters>=4_000, parameters<4096", 0),  # one that is not on the front
        ("flops<1e2", 2),  # no objective
        (" validation_accuracy > 0.94 ,parameters<4e3", 3),
        ("5", 5),  # a ticket is taken as it is
        ("6", 6),
        ("abd", 8),
        ("abc3", 3),
        ("0key", 0),
    ],
)
def test_a_pick_is_found(text: str, ticket: int, example: Run) -> None:
    assert pick(example, text).ticket == ticket


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kne", r"a pick must be knee, .*, but it was 'kne'; did you mean 'knee'\?"),
        ("99", "but it was 99; evocnn show runs/mine lists the front"),
        ("", "but it was ''; evocnn show"),
        ("ab", "a key's start must fit one network, but 'ab' fits abc3, abd8; give more letters"),
        (
            "parameters<",
            "a condition must be a metric, one of < <= > >= and a number, but it was 'parameters<'",
        ),
        ("parameters<few", "but it was 'parameters<few'; write for instance parameters<50000"),
        ("parameters<nan", "but it was 'parameters<nan'; write"),
        ("parameters=5", "but it was 'parameters=5'; write"),
        ("parameters<5,", "but it was ''; write"),
        (
            "parametres<5",
            r"a pick must name a metric among .*, but it named 'parametres'; did you mean 'param",
        ),
        (
            "parameters<5, validation_accuracy>.3",
            "of the 5 networks .* had parameters<5, validation_accuracy>0.3; the nearest is ticket 2: param",
        ),
    ],
)
def test_a_pick_that_fits_nothing_says_what_would(text: str, message: str, example: Run) -> None:
    with pytest.raises(ExperimentError, match=message):
        pick(example, text)


@pytest.mark.parametrize(
    ("text", "message"), [("knee", "must be on the front"), ("flops<9", "must be trained in full")]
)
def test_nothing_can_be_picked_of_an_empty_front(
    text: str, message: str, recorded: MakeRecord, run_of: MakeRun
) -> None:
    with pytest.raises(ExperimentError, match=f"a pick {message}.*; evocnn show tells why"):
        pick(run_of(recorded(0, 0.2, 10)), text)


def test_equals_in_the_first_objective_are_told_apart_by_the_others(
    recorded: MakeRecord, run_of: MakeRun
) -> None:
    assert pick(run_of(recorded(0, 0.9, 50), recorded(1, 0.9, 40)), "parameters<60").ticket == 1


def test_a_network_that_was_trained_twice_counts_with_its_means(
    recorded: MakeRecord, run_of: MakeRun
) -> None:
    lucky = recorded(0, 0.98, 10, key="a")
    run = run_of(lucky, replace(recorded(1, 0.80, 10, key="a"), replicate=1), recorded(2, 0.9, 20))
    assert pick(run, "best-accuracy").ticket == 2
    assert pick(run, "a").metrics["validation_accuracy"] == pytest.approx(0.89)
    with pytest.raises(ExperimentError, match="none had validation_accuracy>0"):
        pick(run, "validation_accuracy>0.95")


def test_the_nearest_keeps_the_most_of_the_conditions(recorded: MakeRecord, run_of: MakeRun) -> None:
    run = run_of(recorded(0, 0.9, 1000), recorded(1, 0.5, 110))
    with pytest.raises(ExperimentError, match="the nearest is ticket 1: parameters 110"):
        pick(run, "parameters<100")
    with pytest.raises(ExperimentError, match=r"the nearest is ticket 0: validation_accuracy 0\.9"):
        pick(run, "validation_accuracy>0.9")


def test_a_ceiling_ranks_a_finished_run_anew(example: Run) -> None:
    found = reranked(example, ["objectives.parameters.ceiling=100", "objectives.validation_accuracy.floor=0"])
    assert [member.ticket for member in found.front.members] == [3, 2, 4]
    assert [member.ticket for member in example.front.members] == [1, 3, 2]  # as it was
    assert pick(found, "best-accuracy").ticket == 3
    changes, front = ranked_anew(example, found)
    assert changes.endswith(
        ": validation_accuracy.floor 0 in place of 0.3, parameters.ceiling 100 in place of none"
    )
    assert front == (
        "networks on the front: 3, on the run's own 3 (tickets: without 1, with 4); the knee is 2, was 3"
    )
    assert ranked_anew(example, reranked(example, [])) == []


def test_weights_move_the_knee(example: Run, recorded: MakeRecord) -> None:
    more = replace(example, records=(*example.records, recorded(9, 0.6, 20)))
    assert [member.ticket for member in more.front.members] == [1, 3, 9, 2]
    assert more.front.knee == more.records[3]
    assert reranked(more, ["objectives.parameters.weight=-100"]).front.knee == more.records[9]


def test_a_number_is_no_start_of_a_key(recorded: MakeRecord, run_of: MakeRun) -> None:
    run = run_of(recorded(0, 0.9, 50, key="57abc"))
    assert pick(run, "57a").ticket == 0
    with pytest.raises(
        ExperimentError, match=r"a picked number must be a ticket of the run, but it was 57; evocnn show"
    ):
        pick(run, "57")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "objectives.flops.ceiling=5",
            "with NAME among validation_accuracy, parameters, but it was 'objectives.fl",
        ),
        (
            "objectives.latency.ceiling=5",
            "'latency' was never measured in this run, .* --pick \"parameters<5",
        ),
        ("objectives.flops.ceiling=5", "'flops' was measured but was no objective, .* --pick \"flops<NUMBER"),
        ("objectives.parameter.ceiling=5", "did you mean 'parameters'"),
        (
            "objectives.parameters.scale=5",
            r"must be objectives.NAME.weight\|floor\|ceiling\|reference=NUMBER",
        ),
        ("search.budget=5", "but it was 'search.budget=5'; correct it"),
        ("objectives.parameters.ceiling=few", "objectives.parameters.ceiling must be a number, .* was 'few'"),
        ("objectives.parameters.ceiling=true", "must be a number, .* but it was True"),
        ("objectives.parameters.floor=inf", "must be a number, .* but it was inf"),
        ("objectives.parameters.weight=0", "must be a number, of a weight not 0, but it was 0; correct it"),
        ("objectives.parameters.ceiling", "--set must be given as key=value"),
    ],
)
def test_other_changes_of_a_run_are_refused(setting: str, message: str, example: Run) -> None:
    with pytest.raises(ExperimentError, match=message):
        reranked(example, [setting])


def test_picking_imports_no_code_of_the_experiment(example: Run) -> None:
    """The manifest holds no experiment at all."""
    manifest: dict[str, Any] = example.manifest
    assert "experiment" not in manifest
    assert pick(example, "knee").ticket == 3
