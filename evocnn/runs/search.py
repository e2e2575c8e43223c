"""Starting a run and going on with one."""

import sys
import warnings
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evocnn.config import Experiment, Parts, build_parts, to_plain
from evocnn.errors import JournalError, ReplayError
from evocnn.genotype import JSON, CostModel
from evocnn.genotype.cuts import impossible_cuts
from evocnn.runs.folder import RESUMPTIONS, RUNNING, Run, open_run
from evocnn.runs.observer import NOBODY, Observer, Progress
from evocnn.runs.workers import Workers, executor_of
from evocnn.search import Concluding, Driver, Ending
from evocnn.store import (
    Journal,
    Running,
    check_links,
    environment,
    forget_running,
    locked,
    write_running,
)
from evocnn.store.journal import check_new
from evocnn.training.cost_measurement import machine_cost_model

# Of the environment.
DECISIVE = (
    *("python", "processor", "torch", "numpy", "scipy", "scikit-learn"),
    *("deap", "moocore", "optuna", "evocnn"),
)
FINAL = (Ending.FINISHED, Ending.COMPLETE, Ending.EXHAUSTED)  # there is nothing to resume


def run(
    experiment: Experiment,
    folder: str | Path | None = None,
    *,
    workers: int | Workers = 0,
    data: str | Path | None = None,
    observer: Observer = NOBODY,
) -> Run:
    """Search, and return the run.

    Args:
        experiment: What to search.
        folder: The run folder, `runs/NAME` by default; it must not hold a run.
        workers: Ray workers, 0 for none, or a `Workers` with more to say.
        data: Images in place of the experiment's own.
        observer: Hears how it goes, and may stop it.

    Raises:
        EvocnnError: Experiment, data, workers or folder are not as they must be.
    """
    folder = Path("runs") / experiment.name if folder is None else Path(folder)
    crew = workers if isinstance(workers, Workers) else Workers(workers)
    path = None if data is None else Path(data).resolve()
    parts = build_parts(experiment, path, gpu_share=crew.gpus_per_worker or 0.0)
    for sentence in impossible_cuts(parts.space):
        warnings.warn(sentence, stacklevel=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = (
            f"run folder '{folder}' must be a folder that can be made, but: {error.strerror}; give "
            "another --out"
        )
        raise JournalError(message) from error
    with locked(folder):
        check_new(folder)
        machine = environment()
        if experiment.training.cost is None:  # measured last: it takes seconds
            parts = parts.charging(machine_cost_model(machine))
        manifest: dict[str, Any] = {
            "status": RUNNING,
            "experiment": to_plain(experiment.tables),
            "experiment_folder": str(experiment.folder or Path(sys.path[0] or ".").resolve()),
            "data_path": None if path is None else str(path),
            "data": _data_entry(parts),
            "objectives": [asdict(objective) for objective in parts.objectives.items],
            "protocol": asdict(parts.evaluator.protocol),
            "context": parts.evaluator.context,
            "cost_model": asdict(parts.space.cost_model),
            "environment": dict(machine),
            "workers": asdict(crew),
        }
        with Journal.create(folder, manifest) as journal:
            _search(experiment, parts, journal, crew, observer)
    return open_run(folder)


def resume(
    folder: str | Path,
    experiment: Experiment | None = None,
    *,
    workers: int | Workers = 0,
    data: str | Path | None = None,
    budget: str | int | None = None,
    observer: Observer = NOBODY,
) -> Run:
    """Go on with a run where it was left, and return it; a finished one is returned as it is.

    Args:
        folder: The run folder.
        experiment: The run's experiment, where it was made of objects that cannot be imported.
        workers: As in `run`; they need not be those of the first session.
        data: Where the same images lie now.
        budget: A new budget, in evaluations, as `500 epochs` or as a time such as `10m`; one that a run
            which has ended spent already leaves it as it is, with a warning.
        observer: As in `run`; it hears evaluations of earlier sessions again first.

    Raises:
        ReplayError: Data or experiment are not those of the run.
        EvocnnError: As in `run`.
    """
    folder = Path(folder)
    crew = workers if isinstance(workers, Workers) else Workers(workers)
    check_links(folder)  # before the journal is read, for its log may be one
    known = open_run(folder)  # before the lock, which would make a file in any folder
    is_asked_more = any(asked is not None for asked in (experiment, budget, data))
    if known.status in FINAL and not is_asked_more:
        return known
    with locked(folder), Journal.open(folder) as journal:
        known = open_run(folder)  # again: until now others may have read the test split, or gone on
        if known.status in FINAL and not is_asked_more:
            return known
        with suppress(OSError):  # left by a search that was killed; from here on others see this one at work
            forget_running(folder)
        experiment = _continued(known, experiment or known.experiment, budget)
        # Of a search that was cut short, trainings that are charged already may be missing.
        is_spent = known.status in FINAL and known.spending.uses_up(experiment.search.budget)
        if is_spent and budget is not None:
            warnings.warn(_spent_text(known, budget), stacklevel=2)
            return known
        path = known.data_path(data)
        parts = parts_of(known, experiment, path, crew)
        warn_of_changes(known)
        if known.readings and not is_spent:
            _tell_of_readings(known, journal)
        journal.set("experiment", to_plain(experiment.tables))
        journal.set("data_path", None if path is None else str(path))
        _search(experiment, parts, journal, crew, observer)
    return open_run(folder)


def _spent_text(known: Run, budget: str | int) -> str:
    """Return that a budget is spent, and by what."""
    spent = known.spending
    return (
        f"the budget should be more than the run had spent already, {float(spent.n_trainings):.4g} full "
        f"trainings, {spent.n_epochs:,} epochs or {spent.seconds:.0f}s, but it was {budget}; nothing was "
        "trained or changed: give a larger --budget"
    )


def _continued(known: Run, experiment: Experiment, budget: str | int | None) -> Experiment:
    """Return the experiment of a run with another budget.

    Raises:
        ReplayError: The experiment is not the run's.
    """
    tables = dict(experiment.tables)
    if _without_budget(to_plain(tables)) != _without_budget(known.manifest["experiment"]):
        message = (
            f"the experiment must be that of the run in '{known.folder}', but it was another; run it anew"
        )
        raise ReplayError(message)
    if budget is not None:
        tables["search"] = {**tables.get("search", {}), "budget": budget}
    return Experiment.from_dict(tables, folder=experiment.folder, source=f"experiment of {known.folder}")


def _without_budget(tables: Any) -> dict[str, Any]:
    search = {name: value for name, value in tables.get("search", {}).items() if name != "budget"}
    return {**tables, "search": search}


def _search(
    experiment: Experiment, parts: Parts, journal: Journal, workers: Workers, observer: Observer
) -> None:
    window = experiment.search.window

    def tell_plan(plan: str, n_candidates: int) -> None:
        observer.on_workers(plan)
        if 2 * n_candidates > window:
            warnings.warn(
                f"search.window should be about four times the {n_candidates} candidates that are trained at "
                f"a time, but it was {window}; workers will wait for each other",
                stacklevel=3,
            )

    folder = journal.path.parent

    def show_running(running: tuple[Running, ...]) -> None:
        with suppress(OSError):  # for others to look at, and no reason to end a search
            write_running(folder, running)
        observer.on_running(running)

    replayed = {record.ticket for record in journal.records()}
    journal.set("status", RUNNING)
    observer.on_start(parts)
    with closing(executor_of(parts, workers, tell_plan)) as executor:
        driver = Driver(
            parts.algorithm,
            parts.space,
            executor,
            journal,
            context=parts.evaluator.context,
            seed=experiment.seed,
            window=window,
            budget=experiment.search.budget,
            rejection=parts.rejection,
            on_told=lambda record: observer.on_told(Progress(record, record.ticket in replayed)),
            on_running=show_running,
            should_stop=observer.should_stop,
        )
        try:
            ending = driver.run()
        finally:
            with suppress(OSError):
                forget_running(folder)
        if parts.rejection is not None:
            journal.set("rejection", asdict(parts.rejection.report()))
        if isinstance(parts.algorithm, Concluding):
            journal.set("outcome", parts.algorithm.outcome())
        journal.set("status", ending.value)


def parts_of(known: Run, experiment: Experiment, data: Path | None, workers: Workers) -> Parts:
    """Return the objects of a run's search, with its own data and cost model.

    Raises:
        ReplayError: The data are not those of the run.
        EvocnnError: Experiment or data cannot be used.
    """
    parts = build_parts(experiment, data, gpu_share=workers.gpus_per_worker or 0.0)
    check_data(known, parts)
    return parts.charging(CostModel(**known.manifest["cost_model"]))


def check_data(known: Run, parts: Parts) -> None:
    """Raise where data differ from those of a run.

    Raises:
        ReplayError: They do.
    """
    digest = known.manifest["data"]["digest"]
    if parts.data.digest != digest:
        message = (
            f"the data must be those of the run, digest {digest[:12]}, but were "
            f"{parts.data.digest[:12]}; give them with --data"
        )
        raise ReplayError(message)


def warn_of_changes(known: Run) -> None:
    """Warn where versions or hardware differ from those of a run."""
    before, now = known.manifest.get("environment", {}), environment()  # a rescue may have lost it
    changed = [
        f"{n} {before[n]} -> {now[n]}" for n in now if n in DECISIVE and before.get(n, now[n]) != now[n]
    ]
    if changed:
        warnings.warn(f"figures may differ from an uninterrupted run: {', '.join(changed)}", stacklevel=3)


def _tell_of_readings(known: Run, journal: Journal) -> None:
    """Warn that the test split of a run has been read before its search goes on, and write that down."""
    n_readings = len(known.readings)
    entry: dict[str, JSON] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "readings": n_readings,
        "records": len(known.records),
    }
    journal.set(RESUMPTIONS, [*known.resumptions, entry])
    times = "once" if n_readings == 1 else f"{n_readings} times"
    warnings.warn(
        f"the search goes on after the test split of this run has been read {times}, as its manifest now "
        "says; if you go on because of what it said, test figures from now on are no estimates any more",
        stacklevel=3,
    )


def _data_entry(parts: Parts) -> dict[str, Any]:
    data = parts.data
    return {
        "name": data.name,
        "digest": data.digest,
        "shape": list(data.shape),
        "class_names": list(data.class_names),
        "notes": list(data.notes),
        "n_training": len(parts.evaluator.training),
        "n_validation": len(parts.evaluator.validation),
    }
