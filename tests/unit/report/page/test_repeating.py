"""What a run was and how to repeat it."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from evocnn.evaluation import Status
from evocnn.report.page.repeating import repeating_of
from evocnn.runs import Run
from evocnn.store import Record


def _with_manifest(run: Run, **entries: Any) -> Run:
    return replace(run, manifest={**run.manifest, **entries})


def test_the_experiment_is_a_file_that_says_the_same(make_run: Callable[..., Run]) -> None:
    run = make_run()
    tables = {
        **run.manifest["experiment"],
        "note": 'quoted "\n" text',
        "training": {"timeout": None, "epochs": 3},
    }
    written = repeating_of(_with_manifest(run, experiment=tables)).experiment
    assert tomllib.loads(written) == {**tables, "training": {"epochs": 3}}


def test_a_commit_with_changes_says_so(make_run: Callable[..., Run]) -> None:
    (first, *_) = repeating_of(_with_manifest(make_run(), environment={"commit": "abc123+"})).steps
    assert first.startswith("Check out evocnn at commit abc123 (with changes that the commit does not hold)")


def test_a_run_outside_of_a_checkout_names_no_commit(make_run: Callable[..., Run]) -> None:
    found = repeating_of(_with_manifest(make_run(), environment={"commit": "none", "torch": "2.13"}))
    assert found.steps[0] == "Install the versions below."
    assert dict(found.groups)["Versions"] == (("torch", "2.13"),)


def test_measured_costs_stand_in_the_experiment_for_the_order_of_networks_hangs_on_them(
    make_run: Callable[..., Run],
) -> None:
    costs = {"start": 0.005, "per_flop": 4.2e-11}
    found = tomllib.loads(repeating_of(_with_manifest(make_run(), cost_model=costs)).experiment)
    assert found["training"] == {"cost": costs}


def test_what_hangs_on_the_clock_is_not_promised_to_repeat(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    run = make_run(make_record(0, status=Status.TIMED_OUT))
    in_time = {**run.manifest["experiment"], "search": {"budget": "10m"}}
    said = " ".join(repeating_of(_with_manifest(run, experiment=in_time)).steps)
    assert "for time-outs and crashes depend on the machine and the budget is a time" in said
    assert "the same networks are found" in " ".join(repeating_of(make_run()).steps)
