"""Whether runs can be compared: the same problem for all, judged by the same objectives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from evocnn.errors import ExperimentError
from evocnn.evaluation import Objectives
from evocnn.runs import Run
from evocnn.runs.arms import differing

SPACE = "space."
FOUNDERS = "space.founder"  # where a search begins is no part of its space
MEASURED_BY = ("data.", "training.")  # keys that change what is measured
CONFIRM = "search.confirm"
MAX_SHOWN = 3  # differing keys


def check_alike(runs: Sequence[Run]) -> None:
    """Raise where runs have other objectives, data or spaces than the first, or repeat trainings otherwise.

    The best of single trainings was lucky, and looks better than the same network's mean.

    Raises:
        ExperimentError: They have.
    """
    first = runs[0]
    way_out = "; ".join(["compare runs of one problem, judged alike", *_untold(runs)])
    for run in runs[1:]:
        for what, difference in (
            ("objectives", _both(_objectives_text(first), _objectives_text(run))),
            ("data", _both(_digest(first), _digest(run))),
            ("search space", _space_difference(first, run)),
            (CONFIRM, _listed(differing((first, run)).get(CONFIRM, ()))),
        ):
            if difference:
                message = (
                    f"runs that are compared must have the same {what}, but of '{first.folder}' and "
                    f"'{run.folder}' they were {difference}; {way_out}"
                )
                raise ExperimentError(message)


def _both(mine: str, its: str) -> str:
    """Return two texts where they differ, else nothing."""
    return "" if mine == its else f"{mine} / {its}"


def _objectives_text(run: Run) -> str:
    return ", ".join(
        f"{o.name} {'up' if o.weight > 0 else 'down'}{' on a log scale' if o.log else ''}"
        for o in run.objectives.items
    )


def _digest(run: Run) -> str:
    """Return what names a run's data; a problem that trains nothing has its evaluator's context."""
    data = run.manifest.get("data")
    return str(run.manifest.get("context") if data is None else data.get("digest"))


def _space_difference(first: Run, run: Run) -> str:
    """Return in which keys two search spaces differ, with both values; nothing where they are the same."""
    shown = [
        f"{key} {_listed(values)}"
        for key, values in differing((first, run)).items()
        if key.startswith(SPACE) and not key.startswith(FOUNDERS)
    ]
    more = [f"and {len(shown) - MAX_SHOWN} more keys"] if len(shown) > MAX_SHOWN else []
    return ", ".join([*shown[:MAX_SHOWN], *more])


def shared_objectives(runs: Sequence[Run]) -> tuple[Objectives, list[str]]:
    """Return objectives that hold for all runs, and what of them was not every run's own."""
    notes, items = [], []
    for own in zip(*(run.objectives.items for run in runs), strict=True):
        is_up = own[0].weight > 0
        floors = [objective.floor for objective in own]
        ceilings = [objective.ceiling for objective in own]
        references = [objective.reference for objective in own]
        shared = replace(
            own[0],
            floor=max((floor for floor in floors if floor is not None), default=None),
            ceiling=min((ceiling for ceiling in ceilings if ceiling is not None), default=None),
            reference=(min if is_up else max)(references),
        )
        items.append(shared)
        for word, values, value in (
            ("reference", references, shared.reference),
            ("floor", floors, shared.floor),
            ("ceiling", ceilings, shared.ceiling),
        ):
            if len(set(values)) > 1:
                rule = "worst" if word == "reference" else "strictest"
                notes.append(
                    f"{word}s of {shared.name} differ from run to run; the {rule}, {value:.6g}, holds for all"
                )
    return Objectives(tuple(items)), notes


def unlikeness(runs: Sequence[Run], by: str) -> Iterator[str]:
    """Yield in what runs differ that has a say in their figures, and where that cannot be told in full."""
    yield from _untold(runs)
    for key, values in differing(runs).items():
        if key.startswith(MEASURED_BY):
            yield f"{key} is not the same in all runs: {_listed(values)}"
    makers = [_maker(run) for run in runs]
    if len(set(makers)) > 1:
        yield (
            f"runs are not of the same evocnn: {_listed(makers)}; what an experiment leaves out is read with "
            "today's defaults, which need not have been those of a run"
        )
    if by == "seconds":
        places = [_place(run) for run in runs]
        if len(set(places)) > 1:
            yield f"seconds were not measured on like machines: {_listed(places)}"


def _untold(runs: Sequence[Run]) -> Iterator[str]:
    """Yield that experiments are not compared by what they mean, where that cannot be told of one."""
    untold = [run for run in runs if run.manifest.get("data") is not None and run.meaning is None]
    if untold:
        way_out = "put its modules back" if untold[0].is_trusted else "give --trust if the runs are your own"
        yield (
            "experiments are compared by what they state, defaults left out, for what that of "
            f"'{untold[0].folder}' means cannot be told, as where it names genes of one's own; {way_out}"
        )


def _listed(values: Iterable[Any]) -> str:
    return ", ".join("not given" if value is None else value for value in dict.fromkeys(map(_text, values)))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _maker(run: Run) -> str | None:
    """Return the evocnn that began a run; None where the run does not say."""
    machine = run.manifest.get("environment", {})
    version, commit = machine.get("evocnn"), machine.get("commit", "none")
    return version if commit == "none" else f"{version} at commit {commit}"


def _place(run: Run) -> str:
    """Return what a run was on."""
    machine, workers = run.manifest.get("environment", {}), run.manifest.get("workers", {})
    cores, n_workers = machine.get("cores", "?"), workers.get("count")
    return f"{machine.get('processor', 'unknown')} with {cores} cores, workers {n_workers}"
