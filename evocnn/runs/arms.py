"""The arms of a comparison: runs that differ in nothing but their seed stand together."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evocnn.errors import ExperimentError
from evocnn.runs.folder import Run, open_run
from evocnn.store.journal import FILE_NAME

ASIDE = ("name", "seed", "search.budget")  # in which the runs of one arm may differ
MAX_SHOWN = 40  # letters of a value in an arm's name


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        name: What tells it from the others.
        runs: Its runs, each with a seed of its own.
        left_out: Folders of runs whose seed an earlier run of the arm has: they repeat it.
    """

    name: str
    runs: tuple[Run, ...]
    left_out: tuple[Path, ...] = ()


def arms_of(folders: Iterable[str | Path]) -> tuple[Arm, ...]:
    """Return the runs of some folders, in arms.

    The runs below one folder, and all those that are named one by one, are divided by their
    experiments, with seed, name and budget set aside.

    Args:
        folders: Run folders, or folders with runs somewhere below.

    Raises:
        ExperimentError: There is no run in one of them.
        JournalError: A run cannot be read.
    """
    groups: dict[tuple[Path | None, str], list[Run]] = {}
    seen: set[Path] = set()
    for folder in map(Path, folders):
        is_run = (folder / FILE_NAME).is_file()
        for path in [folder] if is_run else _below(folder):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                run = open_run(path)
                key = json.dumps({k: v for k, v in stated(run).items() if k not in ASIDE}, sort_keys=True)
                groups.setdefault((None if is_run else folder.resolve(), key), []).append(run)
    homes = [home for home, _ in groups]
    names = [
        home.name if home is not None and homes.count(home) == 1 else described
        for home, described in zip(homes, _described([runs[0] for runs in groups.values()]), strict=True)
    ]
    return tuple(
        _arm(name if names.count(name) == 1 else f"{name} #{names[: n + 1].count(name)}", runs)
        for n, (name, runs) in enumerate(zip(names, groups.values(), strict=True))
    )


def stated(run: Run) -> dict[str, Any]:
    """Return what a run's experiment states, by dotted key."""
    return dict(_flat(run.manifest["experiment"], ""))


def differing(runs: Iterable[Run]) -> dict[str, list[Any]]:
    """Return by dotted key what the experiments of runs state differently; None where one is silent."""
    tables = [stated(run) for run in runs]
    found = {key: [table.get(key) for table in tables] for key in dict.fromkeys(k for t in tables for k in t)}
    return {key: values for key, values in found.items() if any(value != values[0] for value in values)}


def _below(folder: Path) -> list[Path]:
    """Return the run folders below one.

    Raises:
        ExperimentError: There are none.
    """
    found = sorted(path.parent for path in folder.rglob(FILE_NAME))
    if not found:
        message = f"'{folder}' must be a run or a folder of runs, but there was none; give another folder"
        raise ExperimentError(message)
    return found


def _flat(table: Mapping[str, Any], before: str) -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _described(runs: list[Run]) -> list[str]:
    """Return names of experiments, each with what it states and another does not."""
    keys = [key for key in differing(runs) if key not in ASIDE]
    tables = [stated(run) for run in runs]
    return [
        " ".join([run.name, *(f"{key}={_short(table[key])}" for key in keys if key in table)])
        for run, table in zip(runs, tables, strict=True)
    ]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _arm(name: str, runs: list[Run]) -> Arm:
    """Return an arm of the first run of each seed."""
    of_seed: dict[int, Run] = {}
    for run in runs:
        of_seed.setdefault(int(run.manifest["experiment"].get("seed", 0)), run)
    kept = tuple(of_seed.values())
    return Arm(name, kept, tuple(run.folder for run in runs if run not in kept))
