"""Claims: NSGA-II here finds what pymoo's finds, and costs half of Optuna's for an evaluation.

    pip install -r benchmarks/engine_zdt/requirements.txt
    evocnn reproduce benchmarks/engine_zdt [--quick]

On ZDT1, ZDT2, ZDT3 (30 variables) and DTLZ2 (12 variables, 3 objectives) each algorithm has the same
population and evaluations, and the same operators: simulated binary crossover of pairs at the rate of
0.9, index 15, of each variable at 0.5; polynomial mutation of each variable at 1 / n, index 20; binary
tournaments; no duplicates. pymoo's NSGA-II is generational. So is ours of the first column, which does the
same otherwise, too: shuffled parents compete by domination, then by crowding, and both children of a
crossover are asked. That of the second column is steady-state, without local search and surrogate: parents
are drawn with replacement and compete by rank, then by crowding, and have one child. Each column is compared
with pymoo's by the ratio of medians of the hypervolume of all that was evaluated. The ratio's interval is
that of 95 % of 10,000 ratios of seeds drawn anew with replacement: how far chance alone takes it.

Each hypervolume is kept in a file as soon as it is found, and one that the file holds of the same commit, or
of the same version of pymoo, is not searched for again: so a run that was stopped goes on. Where files differ
from the commit, nothing is kept.

The time of an evaluation is that of a whole search on ZDT1, the evaluation itself included, divided by
its evaluations; in Optuna with its default storage in memory. Searches of all are interleaved.
"""

import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import optuna
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import ElementwiseProblem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.optimize import minimize
from scipy.stats import mannwhitneyu

from evocnn.cli.study import Asked, perform
from evocnn.evaluation import hypervolume
from evocnn.problems import Problem, dtlz, zdt
from evocnn.report.figures import Figure
from evocnn.runs import solve
from evocnn.store import environment

PROBLEMS = {"zdt1": zdt(1), "zdt2": zdt(2), "zdt3": zdt(3), "dtlz2": dtlz(2)}
OURS: dict[str, dict[str, Any]] = {
    "generational": {"algorithm": "nsga2-generational"},
    "steady-state": {"algorithm": "nsga2", "local_search": 0.0, "proposals": 1},  # NSGA-II and no more
}
POPULATION = 100
REFERENCE = PROBLEMS["zdt1"].objectives.items[0].reference
EVALUATIONS = {"zdt1": 10_000, "zdt2": 10_000, "zdt3": 10_000, "dtlz2": 5_000}
TIMED_EVALUATIONS = 1_000
ROUNDS = 5
SEEDS, QUICK_SEEDS = 30, 1
PROCESSES = 2  # searches at a time; times are taken alone
KEPT = "kept.jsonl"
RATIO_BAR = 0.995
SPEED_BAR = 2.0


class PymooProblem(ElementwiseProblem):
    """One of our problems as pymoo's; it keeps what was evaluated."""

    def __init__(self, problem: Problem) -> None:
        n_objectives = len(problem.objectives.items)
        super().__init__(n_var=problem.space.n_variables, n_obj=n_objectives, xl=0.0, xu=1.0)
        self._function = problem.evaluator.function
        self.losses: list[Sequence[float]] = []

    def _evaluate(self, x: np.ndarray, out: dict[str, Any], *_: object, **__: object) -> None:
        out["F"] = self._function(x.tolist())
        self.losses.append(out["F"])


def pymoo_losses(problem: Problem, seed: int, n_evaluations: int) -> np.ndarray:
    """Return the losses of all that pymoo's NSGA-II evaluates."""
    evaluated = PymooProblem(problem)
    algorithm = NSGA2(
        pop_size=POPULATION,
        crossover=SBX(prob=0.9, eta=15, prob_var=0.5),
        mutation=PM(prob=1.0, eta=20, prob_var=1 / problem.space.n_variables),
    )
    minimize(evaluated, algorithm, ("n_eval", n_evaluations), seed=seed)
    return np.array(evaluated.losses[:n_evaluations])


def our_losses(problem: Problem, options: Mapping[str, Any], seed: int, n_evaluations: int) -> np.ndarray:
    """Return the losses of the front that a search here finds."""
    run = solve(problem, budget=n_evaluations, seed=seed, population=POPULATION, **options)
    return run.front.losses


def optuna_search(problem: Problem, seed: int, n_evaluations: int) -> None:
    """Search with Optuna's NSGA-II, the same crossover and rates; it has no mutation but drawing anew."""
    with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
        crossover = optuna.samplers.nsgaii.SBXCrossover(eta=15.0)
    sampler = optuna.samplers.NSGAIISampler(
        population_size=POPULATION, crossover=crossover, crossover_prob=0.9, seed=seed
    )
    names = [f"x{n}" for n in range(problem.space.n_variables)]
    directions = ["minimize"] * len(problem.objectives.items)
    study = optuna.create_study(sampler=sampler, directions=directions)
    study.optimize(
        lambda trial: tuple(problem.evaluator.function([trial.suggest_float(n, 0, 1) for n in names])),
        n_trials=n_evaluations,
    )


def found(form: str, name: str, seed: int) -> float:
    """Return the hypervolume that an algorithm reaches on a problem."""
    problem, n = PROBLEMS[name], EVALUATIONS[name]
    losses = our_losses(problem, OURS[form], seed, n) if form in OURS else pymoo_losses(problem, seed, n)
    return hypervolume(losses, problem.objectives.reference_losses)


def all_found(n_seeds: int, kept: Path) -> dict[str, dict[str, list[float]]]:
    """Return the hypervolumes by problem and algorithm, one of each seed; searches for what is not kept."""
    commit = str(environment()["commit"])
    is_kept = not commit.endswith("+")
    versions = dict.fromkeys([*OURS, "pymoo"], f"{commit}, pymoo {version('pymoo')}")
    tasks = [(form, name, seed) for seed in range(n_seeds) for name in PROBLEMS for form in versions]
    lines = kept.read_text(encoding="utf-8").splitlines() if is_kept and kept.exists() else []
    known = {
        (form, name, seed): volume
        for form, name, seed, of_version, volume in map(json.loads, lines)
        if of_version == versions.get(form)
    }
    missing = [task for task in tasks if task not in known]
    with ProcessPoolExecutor(PROCESSES) as pool:
        futures = {pool.submit(found, *task): task for task in missing}
        for future in as_completed(futures):
            form, name, seed = task = futures[future]
            known[task] = future.result()
            print(form, name, seed, known[task], file=sys.stderr, flush=True)
            if is_kept:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([form, name, seed, versions[form], known[task]]) + "\n")
    return {
        name: {form: [known[form, name, seed] for seed in range(n_seeds)] for form in versions}
        for name in PROBLEMS
    }


def milliseconds(seed: int) -> dict[str, tuple[float, float]]:
    """Return each algorithm's milliseconds for an evaluation of ZDT1: on the clock, of the processor."""
    problem, n = PROBLEMS["zdt1"], TIMED_EVALUATIONS
    searches = {
        **{form: partial(our_losses, problem, options, seed, n) for form, options in OURS.items()},
        "pymoo": partial(pymoo_losses, problem, seed, n),
        "Optuna": partial(optuna_search, problem, seed, n),
    }
    times = {}
    for form, search in searches.items():
        starts = perf_counter(), process_time()
        search()
        times[form] = 1000 * (perf_counter() - starts[0]) / n, 1000 * (process_time() - starts[1]) / n
    return times


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure, write the tables, and return the ratios."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    times = [milliseconds(seed) for seed in range(1 if asked.is_quick else ROUNDS)]
    figures = all_found(QUICK_SEEDS if asked.is_quick else SEEDS, asked.runs / KEPT)
    asked.write("results.md", report(figures, times).splitlines())
    ratios = {
        f"{name}.{form}.ratio": Figure(median(volumes[form]) / median(volumes["pymoo"]), 0.01)
        for name, volumes in figures.items()
        for form in OURS
    }
    optunas = median(one["Optuna"][0] for one in times)
    return ratios | {
        f"{form}.times_faster": Figure(optunas / median(one[form][0] for one in times), 1.0) for form in OURS
    }


def report(figures: dict[str, dict[str, list[float]]], times: list[dict[str, tuple[float, float]]]) -> str:
    """Return the results as Markdown."""
    where = environment()
    rows, ratios = [], []
    for name, volumes in figures.items():
        cells = [f"{EVALUATIONS[name]:,}", f"{PROBLEMS[name].best_hypervolume:.4f}"]
        cells += [described(volumes["pymoo"])]
        for form in OURS:
            ratios.append(median(volumes[form]) / median(volumes["pymoo"]))
            cells += [described(volumes[form]), compared(volumes[form], volumes["pymoo"])]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    speeds = {form: list(zip(*(one[form] for one in times), strict=True)) for form in times[0]}
    factors = {form: median(speeds["Optuna"][0]) / median(speeds[form][0]) for form in OURS}
    factor = factors["generational"]
    lines = [
        f"| {form} | {median(clock):.2f} | {min(clock):.2f} to {max(clock):.2f} | {median(processor):.2f} |"
        for form, (clock, processor) in speeds.items()
    ]
    n = len(next(iter(figures.values()))["pymoo"])
    return f"""# NSGA-II on problems with known fronts

Population {POPULATION}, window 1, the same operators and parameters, n = {n} seeds of each; hypervolume
up to the reference {REFERENCE} of every loss, median and interquartile range. Ratio: of medians, to pymoo's,
and where 95 % of such ratios lie when seeds are drawn anew; p: two-sided Mann-Whitney test of a difference.

| problem | evaluations | true front | pymoo | generational | ratio | steady-state | ratio |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Bar: every ratio at least {RATIO_BAR}. {"Met" if min(ratios) >= RATIO_BAR else "Missed"}: the least is
{min(ratios):.4f}.

## Time of an evaluation

Whole searches on ZDT1 of {TIMED_EVALUATIONS:,} evaluations, in milliseconds for each; n = {len(times)}
interleaved searches. Here each evaluation is committed to a journal, which is thrown away at the end and
so does not wait for the disk; pymoo and Optuna keep theirs in memory. pymoo breeds whole generations as
arrays.

| NSGA-II | median ms | range ms | median ms of the processor |
|---|---|---|---|
{chr(10).join(lines)}

Bar: the generational form, as Optuna's is, at least {SPEED_BAR:g} times faster than Optuna's.
{"Met" if factor >= SPEED_BAR else "Missed"}: {factor:.1f} times; the steady-state form
{factors["steady-state"]:.1f} times.

Command: `evocnn reproduce benchmarks/engine_zdt`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, numpy {where["numpy"]}, moocore {where["moocore"]}, pymoo {version("pymoo")},
optuna {version("optuna")}, commit {where["commit"]}.
"""


def compared(ours: Sequence[float], pymoos: Sequence[float]) -> str:
    """Return the ratio of medians, its bootstrap interval and the p of a difference."""
    rng, shape = np.random.default_rng(0), (10_000, len(ours))
    ratios = np.median(rng.choice(ours, shape), axis=1) / np.median(rng.choice(pymoos, shape), axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    p = mannwhitneyu(ours, pymoos).pvalue
    return f"{median(ours) / median(pymoos):.4f} ({low:.3f} to {high:.3f}; p = {p:.1g})"


def described(values: Sequence[float]) -> str:
    """Return median and interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return f"{median(values):.4f} ({low:.4f} to {high:.4f})"


if __name__ == "__main__":
    perform(study, __doc__)
