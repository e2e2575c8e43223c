"""The arms of a comparison: runs that differ in nothing but their seed stand together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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


def arms_of(folders: Iterable[str | Path], *, is_trusted: bool = False) -> tuple[Arm, ...]:
    """Return the runs of some folders, in arms.

    The runs below one folder, and all those that are named one by one, are divided by what their
    experiments mean, with seed, name and budget set aside.

    Args:
        folders: Run folders, or folders with runs somewhere below.
        is_trusted: Whether code that the runs name may be imported to compare them.

    Raises:
        ExperimentError: There is no run in one of them.
        JournalError: A run cannot be read.
    """
    groups: list[tuple[Path | None, dict[str, Any], list[Run]]] = []
    for path, home in run_folders(folders):
        run = replace(open_run(path), is_trusted=is_trusted)
        own = {key: value for key, value in (run.meaning or _stated(run)).items() if key not in ASIDE}
        found = next((runs for place, meant, runs in groups if (place, meant) == (home, own)), None)
        if found is None:
            groups.append((home, own, [run]))
        else:
            found.append(run)
    homes = [home for home, *_ in groups]
    names = [
        home.name if home is not None and homes.count(home) == 1 else described
        for home, described in zip(homes, _described([runs[0] for *_, runs in groups]), strict=True)
    ]
    return tuple(
        _arm(name if names.count(name) == 1 else f"{name} #{names[: n + 1].count(name)}", runs)
        for n, (name, (*_, runs)) in enumerate(zip(names, groups, strict=True))
    )


def differing(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Return by dotted key in what the experiments of runs differ; None where one has no such key.

    What they mean is compared; where that cannot be told of one, what they state.
    """
    tables = [table for run in runs if (table := run.meaning) is not None]
    return _unlike(tables if len(tables) == len(runs) else [_stated(run) for run in runs])


def _stated(run: Run) -> dict[str, Any]:
    return dict(_flat(run.manifest["experiment"], ""))


def _unlike(tables: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    found = {key: [table.get(key) for table in tables] for key in dict.fromkeys(k for t in tables for k in t)}
    return {key: values for key, values in found.items() if any(value != values[0] for value in values)}


def run_folders(folders: Iterable[str | Path]) -> Iterator[tuple[Path, Path | None]]:
    """Yield each run folder once, and the folder below which it was found; None where it was named.

    Raises:
        ExperimentError: There is no run in one of the folders.
    """
    seen: set[Path] = set()
    for folder in map(Path, folders):
        is_run = (folder / FILE_NAME).is_file()
        for path in [folder] if is_run else _below(folder):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path, None if is_run else folder.resolve()


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
    """Return names of experiments, each with its own value of what one states and another does not mean."""
    stated = [_stated(run) for run in runs]
    unlike = [key for key in _unlike(stated) if key not in ASIDE]
    tables = [
        _telling(run, {key: table[key] for key in unlike if key in table})
        for run, table in zip(runs, stated, strict=True)
    ]
    keys = _unlike(tables)
    values = [{**_meant(run), **table} for run, table in zip(runs, tables, strict=True)]
    return [
        " ".join([run.name, *(f"{key}={_short(own[key])}" for key in keys if own.get(key) is not None)])
        for run, own in zip(runs, values, strict=True)
    ]


def _meant(run: Run) -> dict[str, Any]:
    """Return what a run means, with the name of what has options also where a name alone would stand."""
    meant = run.meaning or {}
    return {**{key.removesuffix(".use"): value for key, value in meant.items()}, **meant}


def _telling(run: Run, stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return of some of the keys that a run states what they mean, without those that say a default."""
    meant = run.meaning
    if meant is None:
        return stated
    experiment = run.manifest["experiment"]
    needed = [key for key in stated if run.meaning_of(_without(experiment, key)) != meant]
    return {key: meant.get(key, stated[key]) for key in needed}


def _without(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {
        name: _without(value, key.removeprefix(f"{name}."))
        if isinstance(value, Mapping) and key.startswith(f"{name}.")
        else value
        for name, value in table.items()
        if name != key
    }


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
