"""What a run was and how to repeat it."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from evocnn.report.page.repeating import repeating_of
from evocnn.runs import Run


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
