"""Claim: the default search stays ahead of its controls where what it is told of a network is noisy.

    evocnn reproduce benchmarks/noise [--quick]

The landscape of `evocnn.problems` has a known front, and gives accuracies with as much noise as asked. Each
algorithm has 150 evaluations and 30 seeds, without noise, with a standard deviation of half a point, as
repeated trainings of one network have, and of two. A search is judged by its own front, which it
chose by noisy accuracies, in true ones: the share of the true front's hypervolume that is missing.

Searches are kept as long as evocnn and this file are as they are, and a second call makes those missing.
"""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.problems import landscape, true_losses
from evocnn.report.figures import Figure
from evocnn.report.rank_test import RankTest, holm, mann_whitney
from evocnn.runs import solve
from evocnn.store import environment

NOISES = (0.0, 0.005, 0.02)  # standard deviations of accuracy
DEFAULT = "default"
ALGORITHMS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    "no surrogate": {"proposals": 1},
    "aging": {"algorithm": "aging"},
    "tpe": {"algorithm": "tpe"},
    "random": {"algorithm": "random"},
}
BUDGET, QUICK_BUDGET = 150, 60
SEEDS, QUICK_SEEDS = 30, 2
PROCESSES = 2
Task = tuple[float, str, int, int]  # noise, algorithm, seed and evaluations


def gap_of(task: Task) -> float:
    """Return what a search's own front misses of the true one, in true accuracies."""
    noise, name, seed, budget = task
    problem = landscape(noise, seed)
    run = solve(problem, seed=seed, budget=budget, **ALGORITHMS[name])
    front = [problem.space.from_json(member.genome) for member in run.front.members]
    return problem.gap(true_losses(front))


def sources() -> str:
    """Return a digest of evocnn and this file."""
    files = [*sorted(Path(evocnn.__file__).parent.rglob("*.py")), Path(__file__)]
    return sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def gaps(n_seeds: int, budget: int, kept: Path) -> dict[tuple[float, str], list[float]]:
    """Return the gaps by noise and algorithm, one of each seed; searches for what is not kept."""
    digest = sources()
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    known = {tuple(task): gap for task, gap, of in map(json.loads, lines) if of == digest}
    tasks = [(x, name, seed, budget) for seed in range(n_seeds) for x in NOISES for name in ALGORITHMS]
    with ProcessPoolExecutor(PROCESSES) as pool:
        futures = {pool.submit(gap_of, task): task for task in tasks if task not in known}
        for future in as_completed(futures):
            task = futures[future]
            known[task] = future.result()
            print(*task, f"{known[task]:.4f}", file=sys.stderr, flush=True)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([task, known[task], digest]) + "\n")
    return {
        (noise, name): [known[noise, name, seed, budget] for seed in range(n_seeds)]
        for noise in NOISES
        for name in ALGORITHMS
    }


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search, write the table, and return the median gaps."""
    n_seeds, budget = (QUICK_SEEDS, QUICK_BUDGET) if asked.is_quick else (SEEDS, BUDGET)
    asked.runs.mkdir(parents=True, exist_ok=True)
    found = gaps(n_seeds, budget, asked.runs / "gaps.jsonl")
    asked.write("results.md", report(found, n_seeds, budget).splitlines())
    tolerance = 1.0 if asked.is_quick else 0.01
    return {
        f"{name.replace(' ', '_')}.noise_{noise}": Figure(median(own), tolerance, is_exact=True)
        for (noise, name), own in found.items()
    }


def report(found: Mapping[tuple[float, str], list[float]], n_seeds: int, budget: int) -> str:
    """Return the results as Markdown."""
    where = environment()
    sections = "\n\n".join(
        section(noise, {name: found[noise, name] for name in ALGORITHMS}) for noise in NOISES
    )
    return f"""# Search where accuracy is noisy

The landscape of `evocnn.problems`, {budget} evaluations, n = {n_seeds} seeds. Gap: share of the true front's
hypervolume that a search's own front misses, in true accuracies. p: two-sided Mann-Whitney test against the
default, by Holm's correction for the {len(ALGORITHMS) - 1} others of a table; then the probability that a
search with the default beats one with the other.

{sections}

Command: `evocnn reproduce benchmarks/noise`
Machine: {where["processor"]}, {where["cores"]} cores; Python {where["python"]}, numpy {where["numpy"]},
optuna {where["optuna"]}, commit {where["commit"]}.
"""


def section(noise: float, found: Mapping[str, list[float]]) -> str:
    """Return the table of one kind of noise."""
    tests = [mann_whitney(own, found[DEFAULT]) for name, own in found.items() if name != DEFAULT]
    cells = iter(zip(tests, holm([test.p for test in tests]), strict=True))
    lines = [
        f"| {name} | {described(own)} | {'| ' if name == DEFAULT else tested(*next(cells))} |"
        for name, own in found.items()
    ]
    return f"""## Standard deviation {noise:g}

| algorithm | gap, median [quartiles] | p | default is better |
|---|---|---|---|
{chr(10).join(lines)}"""


def described(own: list[float]) -> str:
    """Return median and quartiles."""
    low, middle, high = np.quantile(own, (0.25, 0.5, 0.75))
    return f"{middle:.4f} [{low:.4f}, {high:.4f}]"


def tested(test: RankTest, p: float) -> str:
    """Return p and how often the default, whose gap is smaller, is better."""
    return f"{p:.2g} | {test.superiority:.2f}"


if __name__ == "__main__":
    perform(study, __doc__)
