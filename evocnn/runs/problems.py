"""Searching a problem with a known answer."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evocnn.config.algorithm_names import algorithm_named
from evocnn.errors import ReplayError
from evocnn.problems import Problem
from evocnn.runs.folder import RUNNING, Run, open_run
from evocnn.search import Algorithm, Breeding, Budget, Driver, Rungs
from evocnn.store import Journal, locked
from evocnn.store.journal import FILE_NAME
from evocnn.workers import SerialExecutor


def solve(
    problem: Problem,
    algorithm: str | Callable[..., Algorithm] = "nsga2",
    *,
    budget: int = 300,
    seed: int = 0,
    window: int = 1,
    population: int = 24,
    folder: str | Path | None = None,
    **options: Any,
) -> Run:
    """Search a problem in this process, and return the run.

    Args:
        problem: The problem.
        algorithm: Its name in experiment files, or the class.
        budget: Evaluations.
        seed: The run's seed.
        window: Virtual workers.
        population: The algorithm's population, where it has one.
        folder: A new run folder, or one of the same search, which then goes on; if not given a
            temporary one, which is gone when the search ends.
        options: The algorithm's own options.

    Raises:
        ExperimentError: There is no such algorithm or option.
        ReplayError: The folder holds another search.
        JournalError: The folder cannot be used.
    """
    choice = algorithm_named({"use": algorithm, **options}, None)
    strategy = choice.made(
        breeding=Breeding(problem.space, problem.variation, problem.fidelity),
        objectives=problem.objectives,
        population=population,
        rungs=Rungs((1.0,)),
    )
    tables = {
        "algorithm": {"use": choice.name, **choice.options},
        "budget": budget,
        "population": population,
        "window": window,
    }
    manifest = _manifest(problem, {"name": problem.name, "seed": seed, "search": tables})
    is_kept = folder is not None
    with ExitStack() as cleanup:
        if folder is None:
            folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="evocnn-"))
        home = Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        cleanup.enter_context(locked(home))
        if (home / FILE_NAME).exists():
            journal = cleanup.enter_context(Journal.open(home))
            _check_same(home, journal.manifest(), manifest)
            journal.set("experiment", manifest["experiment"])
            journal.set("status", RUNNING)
        else:
            journal = cleanup.enter_context(Journal.create(home, manifest, is_kept=is_kept))
        ending = Driver(
            strategy,
            problem.space,
            SerialExecutor(problem.evaluator),
            journal,
            context=problem.evaluator.context,
            seed=seed,
            window=window,
            budget=Budget(evaluations=budget),
        ).run()
        journal.set("status", ending.value)
        return open_run(home)


def _manifest(problem: Problem, experiment: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": RUNNING,
        "experiment": experiment,
        "objectives": [asdict(objective) for objective in problem.objectives.items],
        "context": problem.evaluator.context,
    }


def _check_same(folder: Path, known: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise where a folder holds another search; the budget may differ."""

    def compared(manifest: Mapping[str, Any]) -> dict[str, Any]:
        experiment = manifest["experiment"]
        return {**experiment, "search": {**experiment["search"], "budget": None}, "of": manifest["context"]}

    if compared(known) != compared(asked):
        message = (
            f"'{folder}' must hold the search that is asked for, {asked['experiment']}, but it held "
            f"{known['experiment']}; give another folder"
        )
        raise ReplayError(message)
