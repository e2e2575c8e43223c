"""Algorithms on NAS-Bench-201, whose networks somebody else has trained: what each finds for its evaluations.

    evocnn reproduce experiments/nasbench201 --data FOLDER [--quick]

FOLDER holds `nasbench201_cifar10.npz`, or a folder `nasbench201` that does. Every algorithm searches with its
defaults for validation accuracy after twelve epochs, parameters and latency, with as many evaluations and the
same seeds; they are compared as `evocnn compare` does, the default first. Peers and the comparison by regret
are in benchmarks/nasbench201.
"""

from collections.abc import Mapping
from statistics import median
from typing import Any

from evocnn.cli.study import Asked, perform
from evocnn.cli.tested import made_on
from evocnn.problems import Problem, nasbench201
from evocnn.report.comparison import Comparison, compare
from evocnn.report.comparison_plot import plot_comparison
from evocnn.report.figures import Figure
from evocnn.runs import Run, solve
from evocnn.runs.arms import Arm

TABLE = "nasbench201_cifar10.npz"
OBJECTIVES = ("validation_accuracy", "parameters", "latency")
DEVICE = "raspi4"
ALGORITHMS = ("nsga2", "nsga2-generational", "nsga3", "islands", "map-elites", "aging", "tpe", "random")
OPTIONS: Mapping[str, Mapping[str, Any]] = {"map-elites": {"widths": {"log parameters": 0.25}}}
BUDGET, QUICK_BUDGET = 300, 60
SEEDS, QUICK_SEEDS = 20, 3


def problem_of(asked: Asked) -> Problem:
    """Return the problem."""
    folder = asked.given_data("nasbench201", TABLE)
    return nasbench201(folder if folder.is_file() else folder / TABLE, OBJECTIVES, DEVICE)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search whatever is missing; return the medians of each algorithm's gap to the true front."""
    problem = problem_of(asked)
    n_seeds, budget = (QUICK_SEEDS, QUICK_BUDGET) if asked.is_quick else (SEEDS, BUDGET)
    runs: dict[str, list[Run]] = {name: [] for name in ALGORITHMS}
    for seed in range(n_seeds):
        for name, done in runs.items():
            folder = asked.runs / name / str(seed)
            options = OPTIONS.get(name, {})
            done.append(solve(problem, name, budget=budget, seed=seed, folder=folder, **options))
            print(name, seed, f"gap {problem.gap(done[-1].front.losses):.4f}", flush=True)
    gaps = {name: [problem.gap(run.front.losses) for run in done] for name, done in runs.items()}
    comparison = compare([Arm(name, tuple(done)) for name, done in runs.items()])
    plot_comparison(comparison, asked.out / "climb.png")
    asked.write("results.md", table(gaps, comparison, budget))
    return {
        f"{name}.gap": Figure(median(values), 0.02 if asked.is_quick else 0.003, is_exact=True)
        for name, values in gaps.items()
    }


def table(gaps: Mapping[str, list[float]], comparison: Comparison, budget: int) -> list[str]:
    """Return what came out as Markdown."""
    tests = {test.other: test for test in comparison.tests if test.measure == "hypervolume"}
    rows = []
    for name, values in gaps.items():
        test = tests.get(name)
        cells = "| |" if test is None else f"{test.p_corrected:.2g} | {1 - test.superiority:.2f} |"
        rows.append(f"| {name} | {median(values):.4f} | {min(values):.4f} to {max(values):.4f} | {cells}")
    return [
        "# Algorithms on NAS-Bench-201",
        "",
        f"Gap: the share of the true front's hypervolume that is missing after {budget} evaluations; n =",
        f"{len(gaps['nsga2'])} seeds. p: two-sided Mann-Whitney test of the hypervolume against nsga2's, by",
        f"Holm's correction for {len(comparison.tests)} tests; then the probability that a search with nsga2",
        "beats one with the other.",
        "",
        "| algorithm | gap, median | range | p | nsga2 is better |",
        "|---|---|---|---|---|",
        *rows,
        "",
        *(f"- {test.claim}." for test in comparison.tests),
        "",
        made_on(),
    ]


if __name__ == "__main__":
    perform(study, __doc__)
