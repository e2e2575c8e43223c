"""Arms at equal cost: what counts at which cost, what is said of it, and what may be claimed."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError
from evocnn.evaluation import Status
from evocnn.report.comparison import Comparison, compare
from evocnn.report.comparison_plot import plot_comparison
from evocnn.report.comparison_table import comparison_json, show_comparison
from evocnn.runs import Run
from evocnn.runs.arms import Arm
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]
SeededRun = Callable[..., Run]
ONE = {"validation_accuracy": {"weight": 1, "floor": 0.3, "reference": 0.1}}
BEST = "best validation_accuracy"


@pytest.fixture
def seeded(make_run: MakeRun) -> SeededRun:
    """Return a function of a seed and records that makes a run of one objective."""

    def make(
        seed: int, *records: Record, tables: Any = None, status: str = "finished", **changes: Any
    ) -> Run:
        run = make_run(*records, objectives=changes.pop("objectives", ONE), status=status)
        experiment = {**run.manifest["experiment"], "seed": seed, **(tables or {})}
        manifest = {**run.manifest, "experiment": experiment, **changes}
        return replace(run, folder=Path(f"runs/{seed}"), manifest=manifest)

    return make


@pytest.fixture
def reaching(make_record: MakeRecord, seeded: SeededRun) -> Callable[..., Run]:
    """Return a function of a seed and accuracies that makes a run which finds them one after the other."""

    def make(seed: int, *accuracies: float, **changes: Any) -> Run:
        records = [make_record(n, accuracy, 100) for n, accuracy in enumerate(accuracies)]
        return seeded(seed, *records, **changes)

    return make


def ends(comparison: Comparison, arm: int = 0, measure: str = BEST) -> list[float]:
    return [float(value) for value in comparison.arms[arm].curves[measure].end]


def test_each_measure_climbs_with_the_cost(reaching: Callable[..., Run]) -> None:
    found = compare([Arm("a", (reaching(1, 0.4, 0.2, 0.6, 0.5),))])
    assert (found.by, found.end) == ("evaluations", 4.0)
    curve = found.arms[0].curves[BEST].values[0]
    for cost, best in ((0.5, 0.4), (1.0, 0.4), (2.0, 0.4), (2.5, 0.6), (4.0, 0.6)):
        assert curve[np.searchsorted(found.costs, cost)] == best
    np.testing.assert_allclose(found.arms[0].curves["hypervolume"].values[0], curve - 0.1)


def test_a_run_counts_with_what_a_budget_would_have_bought(
    make_record: MakeRecord, seeded: SeededRun
) -> None:
    """Tickets that began before it was spent: the last overshoots."""
    cheap = {"share": 0.1, "n_epochs": 1, "epochs": 10}
    long = seeded(
        1,
        make_record(0, 0.4, 9, n_epochs=10, epochs=10),
        make_record(1, 0.9, 9, **cheap),
        make_record(2, 0.5, 9, n_epochs=9, epochs=10, continues=1),
        make_record(3, 0.5, 9, reused_from=2, n_epochs=0, epochs=10),
        make_record(4, 0.8, 9, n_epochs=10, epochs=10),
    )
    short = seeded(2, make_record(0, 0.4, 9, n_epochs=10, epochs=10), make_record(1, 0.4, 9, **cheap))
    found = compare([Arm("a", (long, short))])
    assert found.end == pytest.approx(1.1)
    assert ends(found) == [0.4, 0.4]
    assert compare([Arm("a", (long, short))], "epochs").end == 11
    shorter = replace(long, records=long.records[:4])
    assert ends(compare([Arm("a", (shorter, long))])) == [0.5, 0.5]
    assert compare([Arm("a", (shorter, long))]).end == 2.0


def test_heirs_are_charged_by_the_epochs_with_which_their_line_began(
    make_record: MakeRecord, seeded: SeededRun
) -> None:
    run = seeded(
        1,
        make_record(0, 0.4, 9, n_epochs=10, epochs=10),
        make_record(1, 0.5, 9, n_epochs=5, epochs=5, donor=0),
        make_record(2, 0.6, 9, n_epochs=5, epochs=5, donor=1),
    )
    assert compare([Arm("a", (run,))]).end == 2.0


def test_seconds_count_in_the_order_in_which_results_were_known(
    make_record: MakeRecord, seeded: SeededRun
) -> None:
    first = seeded(1, make_record(0, 0.6, 9, elapsed=30.0), make_record(1, 0.4, 9, elapsed=10.0))
    second = seeded(2, make_record(0, 0.5, 9, elapsed=10.0), make_record(1, 0.7, 9, elapsed=20.0))
    found = compare([Arm("a", (first, second))], "seconds")
    assert found.end == 20.0
    assert ends(found) == [0.4, 0.7]
    assert found.arms[0].curves[BEST].values[1, 98:100].tolist() == [0.1, 0.5]  # just before, and at 10
    assert "1 of 2 went on, up to 30 seconds" in found.notes[0]


def test_unequal_budgets_are_cut_to_the_smaller_and_said(reaching: Callable[..., Run]) -> None:
    arms = [Arm("a", (reaching(1, 0.4, 0.5),)), Arm("b", (reaching(2, 0.4, 0.4, 0.9),))]
    found = compare(arms)
    assert (ends(found, 0), ends(found, 1)) == ([0.5], [0.4])
    (note,) = found.notes
    assert note == (
        "runs are of unequal length: all are compared at 2 evaluations, where runs/1 ended; 1 of 2 went on, "
        "up to 3 evaluations"
    )
    assert compare([arms[0], Arm("b", (reaching(2, 0.4, 0.9),))]).notes == ()


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_a_run_that_is_not_at_its_end_counts_up_to_the_first_ticket_that_is_out(
    status: str, make_record: MakeRecord, seeded: SeededRun, reaching: Callable[..., Run]
) -> None:
    unfinished = seeded(1, make_record(0, 0.4, 9), make_record(2, 0.9, 9), status=status)
    found = compare([Arm("a", (unfinished, reaching(2, 0.4, 0.5)))])
    assert found.end == 1.0
    assert ends(found) == [0.4, 0.4]
    assert found.notes[0] == f"runs/1 is {status}: it counts as far as it came, 1 evaluation"


@pytest.mark.parametrize("status", ["complete", "exhausted"])
def test_a_run_with_nothing_more_to_ask_keeps_what_it_had(status: str, reaching: Callable[..., Run]) -> None:
    done = reaching(1, 0.8, status=status)
    found = compare([Arm("a", (done,)), Arm("b", (reaching(2, 0.4, 0.5, 0.6),))])
    assert found.end == 3.0
    assert (ends(found, 0), ends(found, 1)) == ([0.8], [0.6])
    assert found.notes == (f"runs/1 was {status} after 1 evaluation: it keeps what it had reached",)
    assert compare([Arm("a", (done, replace(done, records=done.records * 1)))]).end == 1.0


def test_where_nothing_was_found_the_reference_counts(reaching: Callable[..., Run]) -> None:
    found = compare([Arm("a", (reaching(1, 0.2),))])
    assert (ends(found), ends(found, 0, "hypervolume")) == ([0.1], [0.0])


def test_the_best_is_the_least_where_the_first_objective_is_to_be_small(
    make_record: MakeRecord, seeded: SeededRun
) -> None:
    objectives = {"parameters": {"weight": -1, "scale": "log"}}
    runs = [
        seeded(seed, *(make_record(n, 0.5, size) for n, size in enumerate(sizes)), objectives=objectives)
        for seed, sizes in enumerate(((900, 100), (800, 400)))
    ]
    found = compare([Arm("a", runs[:1]), Arm("b", runs[1:])])
    assert (ends(found, 0, "best parameters"), ends(found, 1, "best parameters")) == ([100], [400])
    assert [test.superiority for test in found.tests] == [0, 0]


def test_replicates_count_by_their_mean_once_they_are_known(
    make_record: MakeRecord, seeded: SeededRun
) -> None:
    run = seeded(1, make_record(0, 0.9, 9, key="k"), make_record(1, 0.5, 9, key="k", replicate=1))
    found = compare([Arm("a", (run,))])
    assert found.arms[0].curves[BEST].values[0, [0, -1]].tolist() == [0.9, pytest.approx(0.7)]


def test_references_and_bounds_are_shared_and_said(make_record: MakeRecord, seeded: SeededRun) -> None:
    def objectives(reference: float, floor: float, largest: float) -> Any:
        return {
            "validation_accuracy": {"weight": 1, "reference": reference, "floor": floor},
            "parameters": {"weight": -1, "reference": largest, "scale": "linear", "ceiling": 60},
        }

    runs = [
        seeded(seed, make_record(0, 0.5, 50), objectives=objectives(*bounds))
        for seed, bounds in enumerate(((0.1, 0.3, 80), (0.2, 0.2, 100)))
    ]
    found = compare([Arm("a", tuple(runs))])
    assert found.reference_point == {"validation_accuracy": 0.1, "parameters": 100}
    assert ends(found, 0, "hypervolume") == pytest.approx([0.4 * 50] * 2)
    assert found.notes == (
        "references of validation_accuracy differ from run to run; the worst, 0.1, holds for all",
        "floors of validation_accuracy differ from run to run; the strictest, 0.3, holds for all",
        "references of parameters differ from run to run; the worst, 100, holds for all",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"objectives": {"validation_accuracy": {"weight": -1, "reference": 1}}},
            "the same objectives, .* were validation_accuracy up / validation_accuracy down; compare",
        ),
        (
            {"objectives": {**ONE, "parameters": {"weight": -1, "scale": "log"}}},
            "were validation_accuracy up / validation_accuracy up, parameters down on a log scale;",
        ),
        (
            {"data": {"digest": "abc"}},
            "must have the same data, but of 'runs/1' and 'runs/2' they were None / abc",
        ),
        (
            {"tables": {"space": {"layers": {"conv": {"filters": 8, "kernel": 3}}}}},
            "the same search space, .*layers.conv.filters 4, 8, space.limits.parameters 5000, not given",
        ),
        (
            {"tables": {"search": {"confirm": 0.3}}},
            "the same search.confirm, but .* were not given, 0.3; compare runs of one problem, judged alike",
        ),
    ],
)
def test_runs_of_other_problems_are_refused_with_both_values(
    changes: Any, message: str, reaching: Callable[..., Run]
) -> None:
    arms = [Arm("a", (reaching(1, 0.5),)), Arm("b", (reaching(2, 0.5, **changes),))]
    with pytest.raises(ExperimentError, match=message):
        compare(arms)


def test_other_founders_and_trainings_are_no_other_problem_but_said(reaching: Callable[..., Run]) -> None:
    plain = reaching(1, 0.5)
    space = {**plain.manifest["experiment"]["space"], "founders": ["conv4k3 | gap | sgd lr=.1"]}
    other = reaching(2, 0.5, tables={"space": space, "training": {"epochs": 5}})
    assert compare([Arm("a", (plain, other))]).notes == (
        "training.epochs is not the same in all runs: 10, 5",
    )


SILENT = {"layers": {"conv": {"filters": 4, "kernel": 3}}, "limits": {"parameters": 5000, "flops": 10**6}}
SAID = {
    "source": "somewhere",
    "layers": {"conv": {"filters": [4], "kernel": [3], "stride": 1, "weight": 1}},
    "recipe": {"schedule": "cosine"},
    "evolve": ["recipe", "head", "layers"],
    "limits": {"flops": 10**6, "parameters": 5000, "depth": 12},
    "pool_order": "early",
}


def test_a_default_that_one_run_states_and_another_leaves_out_is_no_difference(
    reaching: Callable[..., Run],
) -> None:
    runs = (
        reaching(1, 0.5, tables={"space": SILENT}),
        reaching(2, 0.5, tables={"space": SAID, "training": {"epochs": 10, "warmup": 0.1}}),
    )
    assert compare([Arm("a", runs)]).notes == ()
    other = {
        **SAID,
        "pool_order": "textbook",
        "layers": {"conv": {"filters": 4, "kernel": 3, "stride": [1, 2]}},
    }
    message = r"they were space.layers.conv.stride 1, \[1, 2\], space.pool_order early, textbook; compare"
    with pytest.raises(ExperimentError, match=message):
        compare([Arm("a", (runs[0], reaching(3, 0.5, tables={"space": other})))])


def test_runs_whose_experiments_cannot_be_made_again_are_compared_by_what_they_state(
    reaching: Callable[..., Run],
) -> None:
    gone = {**SILENT, "layers": {"own": {"gene": "gone_module:Gone", "filters": 4}}}
    first, second = (reaching(seed, 0.5, tables={"space": gone}) for seed in (1, 2))
    said = r"by what they state, .* what that of 'runs/1' means cannot be told, .* genes of one's own; "
    (note,) = compare([Arm("a", (first, second))]).notes
    assert re.search(f"{said}give --trust if the runs are your own$", note)
    (note,) = compare([Arm("a", (replace(first, is_trusted=True), second))]).notes
    assert re.search(f"{said}put its modules back$", note)
    limited = reaching(3, 0.5, tables={"space": {**gone, "limits": {"parameters": 9}}})
    rule = r"space.limits.parameters 5000, 9, space.limits.flops 1000000, not given; compare runs of one prob"
    with pytest.raises(ExperimentError, match=f"{rule}.*; .*{said}give"):
        compare([Arm("a", (first, limited))])


def test_seconds_of_unlike_machines_are_said(reaching: Callable[..., Run]) -> None:
    runs = tuple(
        reaching(cores, 0.5, environment={"processor": "x", "cores": cores}, workers={"count": 0})
        for cores in (2, 4)
    )
    assert compare([Arm("a", runs)]).notes == ()
    assert compare([Arm("a", runs)], "seconds").notes == (
        "seconds were not measured on like machines: x with 2 cores, workers 0, x with 4 cores, workers 0",
    )


@pytest.mark.parametrize(
    ("environments", "said"),
    [
        (
            [{"evocnn": "0.4.0", "commit": "none"}, {"evocnn": "0.5.0", "commit": "none"}],
            "0.4.0, 0.5.0",
        ),
        (
            [{"evocnn": "0.5.0", "commit": "aa"}, {"evocnn": "0.5.0", "commit": "bb+"}],
            "0.5.0 at commit aa, 0.5.0 at commit bb+",
        ),
        ([{"evocnn": "0.5.0", "commit": "none"}, {}], "0.5.0, not given"),
    ],
)
def test_runs_of_another_evocnn_are_said_for_its_defaults_may_have_been_others(
    environments: list[dict[str, str]], said: str, reaching: Callable[..., Run]
) -> None:
    runs = tuple(reaching(seed, 0.5, environment=own) for seed, own in enumerate(environments))
    (note,) = compare([Arm("a", runs)]).notes
    assert note == (
        f"runs are not of the same evocnn: {said}; what an experiment leaves out is read with today's "
        "defaults, which need not have been those of a run"
    )
    assert compare([Arm("a", runs[:1])]).notes == ()


def test_what_is_left_out_is_said(reaching: Callable[..., Run]) -> None:
    arm = Arm("a", (reaching(1, 0.5),), (Path("runs/copy"),))
    assert compare([arm]).notes[0].startswith("runs/copy is left out: 'a' has a run of this seed already")


def test_what_cannot_be_compared_is_refused(reaching: Callable[..., Run]) -> None:
    with pytest.raises(ExperimentError, match="must hold evaluations to be compared, but 'runs/2' held none"):
        compare([Arm("a", (reaching(1, 0.5), reaching(2)))])
    with pytest.raises(
        ExperimentError, match="must be by evaluations, epochs, seconds, but it was by 'hours'"
    ):
        compare([Arm("a", (reaching(1, 0.5),))], "hours")


def test_failures_count_as_cost_and_nothing_else(make_record: MakeRecord, seeded: SeededRun) -> None:
    run = seeded(1, make_record(0, 0.5, 9), make_record(1, status=Status.DIVERGED))
    assert compare([Arm("a", (run,))]).end == 2.0


@pytest.fixture
def arms(reaching: Callable[..., Run]) -> Callable[[int], list[Arm]]:
    """Return a function of n that makes three arms: one, one clearly better, one like the first."""

    def make(n: int) -> list[Arm]:
        bases = {"first": 0.5, "better": 0.8, "alike": 0.505}
        return [
            Arm(name, tuple(reaching(seed, base + seed / 100) for seed in range(n)))
            for name, base in bases.items()
        ]

    return make


def test_claims_go_as_far_as_the_test_does(arms: Callable[[int], list[Arm]]) -> None:
    better, alike = compare(arms(5)).tests[2:]
    assert (better.measure, better.other, better.superiority) == (BEST, "better", 1.0)
    assert better.p == pytest.approx(2 / 252)
    assert better.p_corrected == pytest.approx(8 / 252)  # of two arms and two measures
    assert better.claim == (
        f"{BEST}: 'better' may be claimed to be better than 'first' at 1 evaluation, where a run of it beats "
        "one of the other with probability 1.00 (n = 5 and 5, p = 0.032, corrected for 4 tests)"
    )
    assert alike.claim.startswith(
        f"{BEST}: no difference may be claimed between 'first' and 'alike' at 1 eval"
    )
    assert alike.claim.endswith(
        "nor that they are equal: a run of 'alike' beats one of 'first' with probability 0.60"
    )


def test_the_better_of_two_is_named_whichever_stands_first(arms: Callable[[int], list[Arm]]) -> None:
    first, better, _ = arms(5)
    (_, test) = compare([better, first]).tests
    assert test.superiority == 0
    assert "'better' may be claimed to be better than 'first'" in test.claim
    assert "with probability 1.00 (n = 5 and 5, p = 0.016, corrected for 2 tests)" in test.claim


def test_too_few_seeds_are_said_to_be_too_few(arms: Callable[[int], list[Arm]]) -> None:
    """Two arms in two measures with 3 seeds: 0.1 each, so 0.4 corrected at the least."""
    claim = compare(arms(3)).tests[0].claim
    assert claim == (
        "hypervolume: nothing may be claimed of 'better' against 'first', neither a difference nor that "
        "there is none: with n = 3 and 3, corrected for 4 tests, p cannot fall below 0.4; 5 seeds each could "
        "show one"
    )
    assert "p cannot fall below 0.2; 5 seeds" in compare(arms(3)[:2]).tests[0].claim
    assert "p cannot fall below 0.057; 5 seeds" in compare(arms(4)[:2]).tests[0].claim
    assert "may be claimed to be better" in compare(arms(5)[:2]).tests[0].claim


def test_what_holds_of_several_arms_and_measures_is_said_once(arms: Callable[[int], list[Arm]]) -> None:
    (claim,) = compare(arms(3)).claims
    assert claim.startswith(
        f"hypervolume and {BEST}: nothing may be claimed of 'better' or 'alike' against 'first', neither"
    )
    *claims, bounds = compare(arms(5)).claims
    assert bounds == "nothing is said of other data, spaces or budgets"
    assert claims == [test.claim for test in compare(arms(5)).tests]
    first, _, alike = arms(5)
    assert bounds not in compare([first, alike]).claims  # nothing is claimed


def test_the_table_says_all_of_it(
    arms: Callable[[int], list[Arm]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    found = replace(compare(arms(5)), notes=("something [red]",))
    show_comparison(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "at 1 evaluation, hypervolume up to validation_accuracy 0.1; median [quartiles] over runs"
    )
    rows = [line.split() for line in lines if line.startswith(("first", "better", "alike"))]
    assert rows[:2] == [
        ["first", "5", "0.42", "[0.41,", "0.43]", "0.52", "[0.51,", "0.53]"],
        ["better", "5", "0.72", "[0.71,", "0.73]", "0.032", "0.82", "[0.81,", "0.83]", "0.032"],
    ]
    assert "p: against 'first', Mann-Whitney, two-sided, Holm's correction for 4 tests" in lines
    assert list(found.claims) == lines[-6:-1]
    assert lines[-1] == "note: something [red]"


def test_the_json_holds_curves_and_tests(arms: Callable[[int], list[Arm]]) -> None:
    comparison = compare(arms(5))
    found = json.loads(comparison_json(comparison))
    assert sorted(found) == ["arms", "by", "costs", "end", "notes", "reference_point", "tests"]
    first = found["arms"][0]
    assert (first["name"], first["seeds"]) == ("first", [0, 1, 2, 3, 4])
    low, median, high = first["measures"][BEST]["quartiles"]
    assert (low[-1], median[-1], high[-1]) == pytest.approx((0.51, 0.52, 0.53))
    assert len(found["costs"]) == len(median)
    assert found["tests"][0]["p_corrected"] == pytest.approx(8 / 252)


def test_the_plot_has_a_line_and_a_band_an_arm_in_each_panel(
    arms: Callable[[int], list[Arm]], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    comparison = compare([replace(arm, name=f"{arm.name} $x_") for arm in arms(5)], "epochs")
    plot_comparison(comparison, Path("x.png"))
    (figure,) = figures
    figure.draw_without_rendering()
    hypervolume, best = figure.axes
    assert (hypervolume.get_ylabel(), best.get_ylabel()) == ("hypervolume", "best validation accuracy")
    assert best.get_xlabel() == "epochs"
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    assert [line.get_linestyle() for line in best.lines] == ["-", "--", "-."]  # seen where curves coincide
    assert [len(axes.collections) for axes in figure.axes] == [3, 3]
    assert best.lines[1].get_ydata()[-1] == pytest.approx(0.82)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        f"{name} $x_ (n = 5)" for name in ("first", "better", "alike")
    ]
    bottom, top = best.get_ylim()
    assert (0.4 < bottom < 0.51, 0.83 < top < 0.9) == (
        True,
        True,
    )  # what was at the very start is not in the picture


def test_records_that_change_nothing_compute_no_front(
    make_record: MakeRecord, seeded: SeededRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import evocnn.store.front

    calls: list[int] = []
    whole = evocnn.store.front.hypervolume
    monkeypatch.setattr(
        evocnn.store.front, "hypervolume", lambda *arguments: calls.append(1) or whole(*arguments)
    )
    rng = np.random.default_rng(0)
    records = [make_record(n, 0.3 + 0.7 * rng.random(), 9) for n in range(1000)]
    compare([Arm("a", (seeded(1, *records),))])
    assert len(calls) < 30
