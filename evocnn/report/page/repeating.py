"""What a run was and how to repeat it: experiment, seed, data, versions, machine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tomli_w

from evocnn.report.front_table import by_the_clock
from evocnn.report.standing import budget_of
from evocnn.report.wording import label
from evocnn.runs import Run

UNKNOWN = ("none", "unknown", "not installed")


@dataclass(frozen=True)
class Repeating:
    """What a run was.

    Attributes:
        groups: Facts by heading.
        experiment: The experiment as a file would say it.
        steps: How to repeat the run, a sentence each.
        commands: The commands for it.
        tests: Every reading of the test split: which, when, what, number of images, of those
            that are training images, too, and accuracies.
    """

    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    experiment: str
    steps: tuple[str, ...]
    commands: tuple[str, ...]
    tests: tuple[Mapping[str, Any], ...]


def repeating_of(run: Run) -> Repeating:
    """Return what a run was and how to repeat it, as its manifest says it."""
    manifest = run.manifest
    is_trained = "data" in manifest
    return Repeating(
        tuple((name, facts) for name, facts in _groups(manifest) if facts),
        tomli_w.dumps(_without_none(_with_cost(manifest))),
        tuple(_steps(run)),
        ("evocnn run repeat.toml --out runs/repeat",) if is_trained else (),
        tuple(manifest.get("tests", ())),
    )


def _groups(manifest: Mapping[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    data = dict(manifest.get("data", {}))
    environment = dict(manifest.get("environment", {}))
    shape = data.get("shape")
    first = {
        "seed": manifest["experiment"].get("seed", 0),
        "folder of the experiment": manifest.get("experiment_folder"),
    }
    yield "Experiment", _facts(first)
    yield (
        "Data",
        _facts(
            {
                "name": data.get("name"),
                "digest (SHA-256)": data.get("digest"),
                "channels, height, width": None if shape is None else ", ".join(map(str, shape)),
                "training images": data.get("n_training"),
                "validation images": data.get("n_validation"),
                "classes": ", ".join(data.get("class_names", ())) or None,
                "notes": "; ".join(data.get("notes", ())) or None,
                "images in place of the experiment's": manifest.get("data_path"),
            }
        ),
    )
    machine = {name: environment.pop(name, None) for name in ("platform", "processor", "cores")}
    workers = {f"workers: {label(name)}": value for name, value in manifest.get("workers", {}).items()}
    yield "Machine", _facts(machine | workers)
    commit = environment.pop("commit", None)
    yield "Versions", _facts({**environment, "commit of evocnn": None if commit in UNKNOWN else commit})
    yield "Cost model (seconds)", _facts(manifest.get("cost_model", {}))


def _facts(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in values.items() if value is not None)


def _without_none(value: Any) -> Any:
    """Return tables without what was not given, for which TOML has no word."""
    if isinstance(value, Mapping):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _with_cost(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the experiment with the constants by which this run told candidates in order."""
    tables = manifest["experiment"]
    training = tables.get("training", {})
    if "cost_model" not in manifest or "cost" in training:
        return dict(tables)
    return {**tables, "training": {**training, "cost": manifest["cost_model"]}}


def _steps(run: Run) -> Iterator[str]:
    manifest = run.manifest
    if "data" not in manifest:
        yield "This run solved a problem of evocnn.problems: evocnn.solve with the figures below repeats it."
        return
    commit = manifest.get("environment", {}).get("commit", "none")
    if commit not in UNKNOWN:
        changed = " (with changes that the commit does not hold)" if commit.endswith("+") else ""
        yield (
            f"Check out evocnn at commit {commit.removesuffix('+')}{changed}, and install the versions below."
        )
    else:
        yield "Install the versions below."
    yield (
        "Save the experiment below as repeat.toml in the folder of the experiment, from which its relative "
        "paths start, and run it."
    )
    reasons = by_the_clock(run)
    if budget_of(manifest).seconds is not None:
        reasons.append("the budget is a time")
    if reasons:
        yield f"Other networks may be found, for {' and '.join(reasons)}; the journal holds what was found."
    else:
        yield (
            "On one kind of processor and with the same versions the same networks are found, with any "
            "number of workers."
        )
    yield "The digest of the data must be the same; evocnn says so where it is not."
