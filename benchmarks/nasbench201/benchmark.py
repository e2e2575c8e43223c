"""Claims: the default search needs few queries of NAS-Bench-201, fewer than its controls and peers.

    pip install -r benchmarks/nasbench201/requirements.txt
    evocnn reproduce benchmarks/nasbench201 --data FOLDER [--quick]

FOLDER holds `nasbench201_cifar10.npz`, or a folder `nasbench201` that does.

One objective: the search sees validation accuracy after twelve epochs. Regret: percentage points by which
the best cell queried misses the best of all. Three objectives: that accuracy, the logarithm of the
parameters, and the latency on one device; gap: 1 - hypervolume / hypervolume of the true front.

A query is an evaluation. What evocnn's algorithms ask a second time is answered from the journal and is no
query; the peers have no journal, so what they ask a second time costs them one, as it would in training.
evocnn's algorithms have their defaults but for what is said in their names. The default's surrogate sees of
a cell what `CellSpace.describe` tells: the exact number of parameters, and what is on the open paths, which
was chosen with this table at hand. "edges alone" shows how much of the result is owed to that: there it sees
no more than which operation is on which edge. "no surrogate" is `proposals=1`. Optuna sees six categorical
parameters and has its samplers' defaults; pymoo sees six choices and has uniform crossover, binary
tournaments, each edge drawn anew at the rate of 1 / 6, and no duplicates within parents and offspring.

Each search is kept in the folder of `--runs` as soon as it ends, as long as what decides it is as it is: of
evocnn the packages that search, of peers their version. A second call makes those that are missing. The
tables are results-one.md and results-three.md. The quick form has one objective and one seed.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
import optuna
from pymoo.algorithms.moo.nsga2 import NSGA2, binary_tournament
from pymoo.core.mixed import MixedVariableDuplicateElimination, MixedVariableMating, MixedVariableSampling
from pymoo.core.problem import ElementwiseProblem
from pymoo.core.variable import Choice
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.rm import ChoiceRandomMutation
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.optimize import minimize
from scipy.stats import mannwhitneyu

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.evaluation import EvaluationRequest
from evocnn.problems import Cell, CellSpace, Problem, nasbench201
from evocnn.problems.cells import EDGES, OPERATIONS
from evocnn.report import figures as told
from evocnn.runs import solve
from evocnn.store import environment

TABLE = "nasbench201_cifar10.npz"
OBJECTIVES = {"one": ("validation_accuracy",), "three": ("validation_accuracy", "parameters", "latency")}
DEVICE = "raspi4"
EARLY, LATE, LONG = 100, 300, 1_000  # queries after which figures are taken
N_BEST = 16  # cells, the best 0.1 %
POPULATION = 24  # of the default algorithm
PEER_POPULATION = 50
SEEDS = {"one": 200, "three": 30}
QUICK_SEEDS = {"one": 1}
PROCESSES = 2  # searches at a time
SEARCHING = ("evaluation", "genotype", "operators", "problems", "search")  # packages
EDGES_ALONE = "nsga2, edges alone"
LEVEL = 0.01  # of every test

Search = Callable[[Problem, int], list[int]]  # from a problem and a seed to the rows queried, in order


@dataclass(frozen=True)
class Algorithm:
    """One column of the comparison.

    Attributes:
        search: Returns the rows of the table that it queries, in order.
        most_seeds: Searches of it, at most.
    """

    search: Search
    most_seeds: int = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One number of each search of an algorithm; lower is better, infinite where it was not reached."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over searches."""
        return fmean(self.values)

    @property
    def median(self) -> float:
        """The median over searches."""
        return median(self.values)

    def spread(self, digits: int) -> str:
        """Return mean and standard deviation."""
        deviation = stdev(self.values) if len(self.values) > 1 else math.nan
        return f"{self.mean:.{digits}f} ± {deviation:.{digits}f}"

    def quartiles(self, digits: int, limit: int | None = None) -> str:
        """Return median and interquartile range; what was not reached within the limit as more than it."""
        outer = np.quantile(self.values, [0.25, 0.75], method="inverted_cdf")  # which takes infinite values
        values = (self.median, *outer)
        middle, low, high = (f"{v:.{digits}f}" if math.isfinite(v) else f"> {limit}" for v in values)
        return f"{middle} ({low} to {high})"

    def against(self, other: "Figure") -> tuple[float, float]:
        """Return p of a two-sided Mann-Whitney test, and the share of pairs in which this one is lower.

        Both follow from the test's statistic: the pairs in which this one is higher, ties counted half.
        """
        found = mannwhitneyu(self.values, other.values)
        n_pairs = len(self.values) * len(other.values)
        return float(found.pvalue), 1 - float(found.statistic) / n_pairs

    def beats(self, other: "Figure") -> bool:
        """Return whether this one is lower in the mean and in significantly more than half of the pairs."""
        p, share = self.against(other)
        return self.mean < other.mean and share > 0.5 and p < LEVEL


class EdgesAlone(CellSpace):
    """Cells of which a surrogate is told as much as the peers are."""

    def describe(self, genome: Cell, /) -> dict[str, float]:
        """Return 1 for the operation on each edge and 0 for all others."""
        pairs = zip(EDGES, genome.operations, strict=True)
        return {f"{edge}={one}": float(one == chosen) for edge, chosen in pairs for one in OPERATIONS}


def edges_alone_search(n_queries: int, problem: Problem, seed: int, **options: Any) -> list[int]:
    """Search with the default and the plain description."""
    return evocnn_search("nsga2", n_queries, replace(problem, space=EdgesAlone()), seed, **options)


def evocnn_search(name: str, n_queries: int, problem: Problem, seed: int, **options: Any) -> list[int]:
    """Search with an algorithm of evocnn."""
    run = solve(problem, name, budget=n_queries, seed=seed, **options)
    return [problem.evaluator.rows[record.key] for record in run.candidates]


def optuna_search(
    sampler: Callable[..., optuna.samplers.BaseSampler], n_queries: int, problem: Problem, seed: int
) -> list[int]:
    """Search with a sampler of Optuna by ask and tell."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directions = ["minimize"] * len(problem.objectives.items)
    study = optuna.create_study(sampler=sampler(seed=seed), directions=directions)
    rows = []
    for _ in range(n_queries):
        trial = study.ask()
        cell = Cell(tuple(trial.suggest_categorical(edge, OPERATIONS) for edge in EDGES))
        rows.append(problem.evaluator.rows[cell.key])
        study.tell(trial, losses_of(problem, cell))
    return rows


class PymooProblem(ElementwiseProblem):
    """Ours as pymoo's; it keeps what was queried."""

    def __init__(self, problem: Problem) -> None:
        edges = {edge: Choice(options=OPERATIONS) for edge in EDGES}
        super().__init__(vars=edges, n_obj=len(problem.objectives.items))
        self._problem = problem
        self.rows: list[int] = []

    def _evaluate(self, x: Mapping[str, str], out: dict[str, Any], *_: object, **__: object) -> None:
        cell = Cell(tuple(str(x[edge]) for edge in EDGES))
        self.rows.append(self._problem.evaluator.rows[cell.key])
        out["F"] = losses_of(self._problem, cell)


def pymoo_search(n_queries: int, problem: Problem, seed: int) -> list[int]:
    """Search with pymoo's NSGA-II."""
    queried = PymooProblem(problem)
    mating = MixedVariableMating(
        selection=TournamentSelection(func_comp=binary_tournament),
        crossover={Choice: UX()},
        mutation={Choice: ChoiceRandomMutation(prob_var=1 / len(EDGES))},
        eliminate_duplicates=MixedVariableDuplicateElimination(),
    )
    algorithm = NSGA2(
        pop_size=PEER_POPULATION,
        sampling=MixedVariableSampling(),
        mating=mating,
        eliminate_duplicates=MixedVariableDuplicateElimination(),
    )
    minimize(queried, algorithm, ("n_eval", n_queries), seed=seed)
    return queried.rows[:n_queries]


def losses_of(problem: Problem, cell: Cell) -> list[float]:
    """Return a cell's losses, lower is better, on the scales on which they are compared."""
    evaluation = problem.evaluator(EvaluationRequest(cell, problem.fidelity))
    losses: list[float] = problem.objectives.losses(problem.objectives.fitness(evaluation).values).tolist()
    return losses


def algorithms(objectives: str, population: int) -> dict[str, Algorithm]:
    """Return the comparison's algorithms by name, the default first."""
    tpe = optuna.samplers.TPESampler
    edges_alone = partial(edges_alone_search, population=population)
    if objectives == "one":
        ours = partial(evocnn_search, "nsga2", LATE, population=population)
        aging = partial(evocnn_search, "aging", LATE, population=50, sample=10)
        return {
            f"nsga2, population {population}": Algorithm(ours),
            EDGES_ALONE: Algorithm(partial(edges_alone, LATE), 40),
            "nsga2, no surrogate": Algorithm(partial(ours, proposals=1), 40),
            "random": Algorithm(partial(evocnn_search, "random", LATE)),
            "aging, population 50, sample 10": Algorithm(aging),
            "tpe": Algorithm(partial(evocnn_search, "tpe", LATE), most_seeds=40),
            "Optuna TPE": Algorithm(partial(optuna_search, tpe, LATE), most_seeds=40),
        }
    ours = partial(evocnn_search, "nsga2", LONG, population=population)
    nsga2 = partial(optuna.samplers.NSGAIISampler, population_size=PEER_POPULATION)
    return {
        f"nsga2, population {population}": Algorithm(ours),
        f"nsga2, population {population}, window 64": Algorithm(partial(ours, window=64)),
        EDGES_ALONE: Algorithm(partial(edges_alone, LONG)),
        "nsga2, no surrogate": Algorithm(partial(ours, proposals=1)),
        "random": Algorithm(partial(evocnn_search, "random", LONG)),
        "Optuna NSGA-II": Algorithm(partial(optuna_search, nsga2, LONG)),
        "Optuna TPE": Algorithm(partial(optuna_search, tpe, LATE)),
        "pymoo NSGA-II": Algorithm(partial(pymoo_search, LONG)),
    }


@cache
def problem_of(data: Path, objectives: str) -> Problem:
    """Return the problem, read once in a process."""
    return nasbench201(data, OBJECTIVES[objectives], DEVICE)


def searched(name: str, seed: int, file: Path, *, data: Path, objectives: str, population: int) -> None:
    """Search, and put what was queried into a file."""
    search = algorithms(objectives, population)[name].search
    rows = search(problem_of(data, objectives), seed)
    found = {"commit": environment()["commit"], "by": decided_by(name), "rows": rows}
    file.parent.mkdir(parents=True, exist_ok=True)
    partial_file = file.with_suffix(".partial")
    partial_file.write_text(json.dumps(found), encoding="utf-8")
    partial_file.replace(file)  # a file is whole or missing


@cache
def decided_by(name: str) -> str:
    """Return what decides a search: a peer's version, or a digest of evocnn's packages that search."""
    peer = name.partition(" ")[0].lower()
    if peer in ("optuna", "pymoo"):
        return f"{peer} {version(peer)}"
    folders = [Path(evocnn.__file__).parent / package for package in SEARCHING]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def is_kept(name: str, file: Path) -> bool:
    """Return whether a file holds a search as it would be made now."""
    return file.exists() and json.loads(file.read_text(encoding="utf-8")).get("by") == decided_by(name)


def measured(
    data: Path, objectives: str, n_seeds: int, folder: Path
) -> tuple[dict[str, list[list[int]]], set[str]]:
    """Return the rows that each search of each algorithm queried, and the commits; search what is missing."""
    columns = algorithms(objectives, POPULATION)
    files = {
        (name, seed): folder / objectives / re.sub(r"\W+", "-", name) / f"{seed}.json"
        for seed in range(n_seeds)
        for name, algorithm in columns.items()
        if seed < algorithm.most_seeds
    }
    missing = {pair: file for pair, file in files.items() if not is_kept(pair[0], file)}
    with ProcessPoolExecutor(PROCESSES) as pool:
        search = partial(searched, data=data, objectives=objectives, population=POPULATION)
        names, seeds = zip(*missing, strict=True) if missing else ((), ())
        for pair, _ in zip(missing, pool.map(search, names, seeds, missing.values()), strict=True):
            print(*pair, file=sys.stderr, flush=True)
    rows: dict[str, list[list[int]]] = {name: [] for name in columns}
    commits = set()
    for (name, _), file in files.items():
        found = json.loads(file.read_text(encoding="utf-8"))
        rows[name].append(found["rows"])
        commits.add(found["commit"])
    return rows, commits


def one_objective(problem: Problem, rows: Mapping[str, list[list[int]]]) -> str:
    """Return the table and the bars of one objective as Markdown."""
    seen = 100 * problem.evaluator.metrics["validation_accuracy"]
    judged = 100 * problem.evaluator.test_accuracies[200]
    is_best = seen >= np.sort(seen)[-N_BEST]

    def chosen(search: Sequence[int], n_queries: int) -> int:
        return max(search[:n_queries], key=lambda row: float(seen[row]))

    regrets = {n: each(rows, lambda s, n=n: float(seen.max() - seen[chosen(s, n)])) for n in (EARLY, LATE)}
    tests = {n: each(rows, lambda s, n=n: float(judged.max() - judged[chosen(s, n)])) for n in (EARLY, LATE)}
    reached = each(rows, lambda s: first(bool(is_best[row]) for row in s))
    ours, peers = next(iter(rows)), others_than_ours(rows)
    lines = [
        f"| {name} | {len(rows[name])} | {regrets[EARLY][name].spread(3)} | {regrets[LATE][name].spread(3)} "
        f"| {reached[name].quartiles(0, LATE)} | {tests[EARLY][name].spread(2)} "
        f"| {tests[LATE][name].spread(2)} | {tested(regrets[EARLY], ours, name)} "
        f"| {tested(regrets[LATE], ours, name)} | {n_repeated(rows[name], LATE):.0f} |"
        for name in rows
    ]
    bars = [
        *bars_of(f"mean regret after {EARLY} at most", 0.15, {n: f.mean for n, f in regrets[EARLY].items()}),
        *bars_of(f"mean regret after {LATE} at most", 0.01, {n: f.mean for n, f in regrets[LATE].items()}),
        *bars_of(
            f"median queries to the best {N_BEST} at most", 50, {n: f.median for n, f in reached.items()}
        ),
        *(
            bar(
                f"lower regret than {name} after {n}, p < {LEVEL}",
                regrets[n][ours].beats(regrets[n][name]),
                f"p = {tested(regrets[n], ours, name)}",
            )
            for name in peers
            for n in (EARLY, LATE)
        ),
    ]
    head = (
        f"regret after {EARLY}, mean ± sd",
        f"after {LATE}",
        f"queries to the best {N_BEST}, median (quartiles)",
        f"test regret after {EARLY}",
        f"after {LATE}",
        f"p after {EARLY} (default lower)",
        f"after {LATE}",
        f"repeated of {LATE}",
    )
    return f"""# NAS-Bench-201, one objective

Regret: percentage points below the best of all cells in validation accuracy after 12 epochs, which is what
the search sees. Test regret: the same of the chosen cell in test accuracy after 200 epochs, which no search
sees. p: of a two-sided Mann-Whitney test of regret against the default's; in brackets the share of pairs of
searches in which the default's is lower, ties counted half. Lower in the bars below: in the mean and in more
than half of the pairs. Repeated: queries of a cell that the search had queried before, mean. Edges alone: the
surrogate sees no more than the peers do; no surrogate: `proposals=1`.

| search | n | {" | ".join(head)} |
|---|---|{"---|" * len(head)}
{chr(10).join(lines)}

{chr(10).join(bars)}
"""


def three_objectives(problem: Problem, rows: Mapping[str, list[list[int]]]) -> str:
    """Return the table and the bars of three objectives as Markdown."""
    losses = losses_of_all(problem)

    def gap(search: Sequence[int], n_queries: int) -> float:
        return problem.gap(losses[search[:n_queries]])

    ours, apart, *_ = rows
    peers = others_than_ours(rows)
    short = {name: searches for name, searches in rows.items() if len(searches[0]) < LONG}
    late = each(rows, lambda s: gap(s, LATE))
    long = {n: f for n, f in each(rows, lambda s: gap(s, LONG)).items() if n not in short}
    target = long["Optuna NSGA-II"].median
    reached = each(rows, lambda s: first_within(lambda n: gap(s, n) <= target, len(s)))
    lines = [
        f"| {name} | {len(rows[name])} | {late[name].spread(4)} | {late[name].quartiles(4)} "
        f"| {long[name].spread(5) if name in long else '–'} "
        f"| {reached[name].quartiles(0, len(rows[name][0]))} | {tested(late, ours, name)} "
        f"| {n_repeated(rows[name], LATE):.0f} |"
        for name in rows
    ]
    ratio = long[apart].mean / long[ours].mean if long[ours].mean else math.inf
    bars = [
        *bars_of(f"mean gap after {LATE} at most", 0.005, {n: f.mean for n, f in late.items()}),
        *bars_of(
            f"median queries to what Optuna's NSGA-II has after {LONG:,} (median {target:.4f}) at most",
            500,
            {n: f.median for n, f in reached.items()},
        ),
        *(
            bar(
                f"lower gap than {name} after {LATE}, p < {LEVEL}",
                late[ours].beats(late[name]),
                f"p = {tested(late, ours, name)}",
            )
            for name in peers
        ),
        bar(
            f"mean gap after {LONG:,} with a window of 64 at most 1.2 times that with 1",
            ratio <= 1.2,
            f"{ratio:.2f} times",
        ),
    ]
    head = (
        f"gap after {LATE}, mean ± sd",
        "median (quartiles)",
        f"gap after {LONG:,}, mean ± sd",
        f"queries to Optuna's after {LONG:,}, median (quartiles)",
        f"p after {LATE} (default lower)",
        f"repeated of {LATE}",
    )
    return f"""# NAS-Bench-201, three objectives

Validation accuracy after 12 epochs, logarithm of the parameters, latency on {DEVICE}; each min-max
normalized, reference (1, 1, 1). Gap: 1 - hypervolume of all that was queried / hypervolume of the true
front ({len(problem.front)} cells). p: of a two-sided Mann-Whitney test against the default's; in brackets
the share of pairs of searches in which the default's is lower, ties counted half. Lower in the bars below:
in the mean and in more than half of the pairs. Repeated: queries of a cell that the search had queried
before, mean. Edges alone: the surrogate sees no more than the peers do; no surrogate: `proposals=1`.
Populations of the peers: {PEER_POPULATION}.

| search | n | {" | ".join(head)} |
|---|---|{"---|" * len(head)}
{chr(10).join(lines)}

{chr(10).join(bars)}
"""


def losses_of_all(problem: Problem) -> np.ndarray:
    """Return the losses of all cells, lower is better, shape `(n_cells, n_objectives)`."""
    scaled = [
        [objective.scaled(value) for value in problem.evaluator.metrics[objective.name].tolist()]
        for objective in problem.objectives.items
    ]
    losses: np.ndarray = np.array(scaled).T * -np.sign(problem.objectives.weights)
    return losses


def others_than_ours(rows: Iterable[str]) -> list[str]:
    """Return the names of those that the default must beat."""
    return [name for name in rows if not name.startswith("nsga2")]


def each(rows: Mapping[str, list[list[int]]], figure: Callable[[Sequence[int]], float]) -> dict[str, Figure]:
    """Return a figure of each search, by algorithm."""
    return {name: Figure(tuple(map(figure, searches))) for name, searches in rows.items()}


def first(hits: Iterator[bool]) -> float:
    """Return the 1-based place of the first hit, infinite where there is none."""
    return next((float(place) for place, is_hit in enumerate(hits, start=1) if is_hit), math.inf)


def first_within(is_within: Callable[[int], bool], n_queries: int) -> float:
    """Return the least number of queries after which something holds that holds ever after; by bisection."""
    if not is_within(n_queries):
        return math.inf
    low, high = 0, n_queries  # holds after high, not after low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_within(middle) else (middle, high)
    return float(high)


def n_repeated(searches: Sequence[Sequence[int]], n_queries: int) -> float:
    """Return the mean number of queries that repeat an earlier one."""
    return fmean(len(search[:n_queries]) - len(set(search[:n_queries])) for search in searches)


def number(value: float) -> str:
    """Return a number in words, infinite where something was not reached."""
    return f"{value:.4g}" if math.isfinite(value) else "not reached"


def tested(figures: Mapping[str, Figure], ours: str, name: str) -> str:
    """Return the p of a difference from ours, and the share of pairs in which ours is lower."""
    if name == ours:
        return "–"
    p, share = figures[ours].against(figures[name])
    return f"{p:.1g} ({share:.2f})"


def bars_of(claim: str, most: float, found: Mapping[str, float]) -> list[str]:
    """Return the line of a claim, and what would come of it had the surrogate only seen the edges."""
    ours, edges = next(iter(found.values())), found[EDGES_ALONE]
    without = f"  (edges alone: {number(edges)}, {'met' if edges <= most else 'missed'})"
    return [bar(f"{claim} {most:g}", ours <= most, number(ours)), without]


def bar(claim: str, is_met: bool, value: str = "") -> str:  # noqa: FBT001 - what came of the claim
    """Return a line of a claim and whether it holds."""
    return f"- {claim}: {value}{', ' if value else ''}{'met' if is_met else 'missed'}"


def study(asked: Asked) -> Mapping[str, told.Figure]:
    """Search whatever is missing, write the tables, and return regrets and gaps."""
    data = asked.given_data("nasbench201", TABLE)
    data = data if data.is_file() else data / TABLE
    reports = {"one": one_objective, "three": three_objectives}
    found: dict[str, told.Figure] = {}
    for objectives, n_seeds in (QUICK_SEEDS if asked.is_quick else SEEDS).items():
        rows, commits = measured(data, objectives, n_seeds, asked.runs)
        problem = problem_of(data, objectives)
        text = f"{reports[objectives](problem, rows)}\n{provenance(commits)}"
        asked.write(f"results-{objectives}.md", text.splitlines())
        for name, searches in rows.items():
            key = re.sub(r"\W+", "-", name)
            found[f"{objectives}.{key}"] = told.Figure(
                fmean(missed(problem, search) for search in searches), 0.05
            )
    return found


def missed(problem: Problem, search: Sequence[int]) -> float:
    """Return by how much a search misses the best, or the true front, after as many queries as all have."""
    metrics, objectives = problem.evaluator.metrics, problem.objectives
    if len(objectives.items) == 1:
        seen = 100 * metrics["validation_accuracy"]
        return float(seen.max() - max(seen[row] for row in search[:LATE]))
    return problem.gap(losses_of_all(problem)[search[:LATE]])


def provenance(commits: set[str]) -> str:
    """Return command, machine, versions and commits."""
    where = environment()
    return f"""Command: `evocnn reproduce benchmarks/nasbench201 --data FOLDER`
Machine: {where["processor"]}, {where["cores"]} cores; Python {where["python"]}, numpy {where["numpy"]},
moocore {where["moocore"]}, optuna {version("optuna")}, pymoo {version("pymoo")}; commits of the searches:
{", ".join(sorted(commits))}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
