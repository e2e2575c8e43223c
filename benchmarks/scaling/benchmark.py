"""Claims: many workers are kept busy, change no result, and the driver keeps up with them.

    .venv/bin/python benchmarks/scaling/benchmark.py [--write] [--data CELLS.npz] [--runs FOLDER ...]

Workers are simulated. A training's predicted seconds are log-normal (sigma = 1) and follow from the
candidate; it really takes these times a log-normal factor (sigma = 0.2: predictions are off by 20 %).
With `--runs`, pairs of predicted and real seconds are drawn from the trainings in these run folders
instead, in a table of its own, beside the cost model's error there; the first training of a run, in which
a worker warms up, is left out.

- Utilization: 1 to 256 workers, window twice the workers, population as large as the window and at least
  100, for steady-state and generational NSGA-II alike. It is the share of all workers' time in which they
  train, until the last candidate begins; afterwards they run dry whatever the algorithm.
- Equality: one search with a window of 64 on different numbers of workers; all records are compared.
- Quality: the gap of the hypervolume to the true front's by window; on the landscape of `evocnn.problems`
  after 400 evaluations (all is found after 1,000), or with `--data` on NAS-Bench-201 with three objectives
  after 1,000.
- The driver: evaluations a second at a population of 1,000, on the clock without the time of evaluating
  and by the processor with it, once the population is full; and the seconds of replaying a journal. Both
  on the chromosomes of benchmarks/driver_overhead.

NSGA-II is without surrogate and local search throughout. `--write` puts the tables into results.md.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import Fidelity, Genome
from evocnn.problems import Problem, landscape, nasbench201
from evocnn.report.cost_error import cost_error
from evocnn.rng import derive_seed
from evocnn.runs import open_run, solve
from evocnn.search import Breeding, Budget, Driver, GenerationalNSGA2, SteadyStateNSGA2
from evocnn.store import Journal, Record, environment
from evocnn.workers import SimulatedExecutor

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
from driver_overhead.benchmark import driver_of  # noqa: E402 - beside this one

WORKERS = (1, 4, 16, 64, 128, 256)
EVALUATIONS_A_WORKER = 32  # in shorter searches, one long training decides the figure
LEAST_EVALUATIONS = 3000
EQUAL_EVALUATIONS = 1000
LEAST_POPULATION = 100
SAME_WINDOW = 64
WINDOWS = (1, 4, 16, 64, 256)
SPREAD, ERROR = 1.0, 0.2  # sigmas of predicted seconds, and of real ones around them
UTILIZATION_BAR, RATE_BAR, REPLAY_BAR = 0.95, 300.0, 15.0
PLAIN: dict[str, Any] = {"proposals": 1, "local_search": 0.0}  # NSGA-II and no more
FORMS = {"steady-state": partial(SteadyStateNSGA2, **PLAIN), "generational": GenerationalNSGA2}
Pairs = Sequence[tuple[float, float]]


class Costs:
    """Predicted and real seconds of a genome's training, both following from its key.

    Args:
        pairs: Predicted and real seconds to draw from; log-normal ones without any.
    """

    def __init__(self, pairs: Pairs = ()) -> None:
        self._pairs = pairs

    def cost(self, genome: Genome, fidelity: Fidelity) -> float:
        """Return the predicted seconds, as a space does."""
        del fidelity
        return self._both(genome)[0]

    def real(self, ticket: int, request: EvaluationRequest) -> float:
        """Return the real seconds, as the simulated executor asks for them."""
        del ticket
        return self._both(request.genome)[1]

    def _both(self, genome: Genome) -> tuple[float, float]:
        rng = np.random.default_rng(derive_seed("cost", genome.key))
        if self._pairs:
            return self._pairs[int(rng.integers(len(self._pairs)))]
        predicted = float(np.exp(SPREAD * rng.standard_normal()))
        return predicted, predicted * float(np.exp(ERROR * rng.standard_normal()))


def simulated(
    form: str, costs: Costs, n_workers: int, window: int, n_evaluations: int
) -> tuple[list[Record], float]:
    """Return the records of a search of the landscape, and the utilization of its workers."""
    problem = landscape()
    starts: list[tuple[float, float]] = []  # of each training, with its seconds

    def took(ticket: int, request: EvaluationRequest) -> float:
        seconds = costs.real(ticket, request)
        starts.append((executor.now, seconds))
        return seconds

    executor = SimulatedExecutor(problem.evaluator, n_workers, took)
    breeding = Breeding(problem.space, problem.variation, problem.fidelity)
    algorithm = FORMS[form](breeding, problem.objectives, max(LEAST_POPULATION, window))
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.create(Path(folder), {}, is_kept=False) as journal,
    ):
        Driver(
            algorithm,
            costs,  # of a space, the driver needs no more
            executor,
            journal,
            context=problem.evaluator.context,
            seed=1,
            window=window,
            budget=Budget(evaluations=n_evaluations),
        ).run()
        records = list(journal.records())
    last = max(start for start, _ in starts)
    busy = sum(min(seconds, last - start) for start, seconds in starts)
    return records, busy / (n_workers * last)


def utilizations(costs: Costs) -> dict[str, list[float]]:
    """Return each form's utilization by number of workers."""
    found: dict[str, list[float]] = {form: [] for form in FORMS}
    for n_workers in WORKERS:
        n_evaluations = max(LEAST_EVALUATIONS, EVALUATIONS_A_WORKER * n_workers)
        for form, values in found.items():
            values.append(simulated(form, costs, n_workers, 2 * n_workers, n_evaluations)[1])
    return found


def is_equal_on_all() -> bool:
    """Return whether a search finds the same, ticket by ticket, whatever the number of workers."""
    found = []
    for n_workers in WORKERS:
        records = simulated("steady-state", Costs(), n_workers, SAME_WINDOW, EQUAL_EVALUATIONS)[0]
        # A ticket's row is written when it finishes; its parents tell in which order others were told.
        found.append([(r.ticket, r.identity, r.parents, r.operators, dict(r.metrics)) for r in records])
    return all(records == found[0] for records in found)


def gaps(problem: Problem, n_evaluations: int, n_seeds: int) -> dict[int, list[float]]:
    """Return the gaps of each window, one a seed."""
    search = partial(solve, problem, "nsga2", budget=n_evaluations, **PLAIN)
    return {
        window: [problem.gap(search(seed=seed, window=window).front.losses) for seed in range(n_seeds)]
        for window in WINDOWS
    }


def rates(population: int = 1000, n_evaluations: int = 3000) -> tuple[float, float]:
    """Return the driver's evaluations a second, on the clock and by the processor, after two populations."""
    begun: list[float] = []

    def note(_: Record) -> None:
        n_told.append(None)
        if len(n_told) == 2 * population:
            begun.extend((perf_counter() - driver.seconds_waiting, process_time()))

    n_told: list[None] = []
    with tempfile.TemporaryDirectory() as folder, Journal.create(Path(folder), {}) as journal:
        driver = driver_of(journal, population=population, evaluations=n_evaluations, on_told=note)
        driver.run()
        ended = perf_counter() - driver.seconds_waiting, process_time()
    n = len(n_told) - 2 * population
    return n / (ended[0] - begun[0]), n / (ended[1] - begun[1])


def replay_seconds(n_evaluations: int = 10_000) -> tuple[float, float]:
    """Return the seconds that replaying a journal takes, on the clock and of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        with Journal.create(Path(folder), {}, is_kept=False) as journal:
            driver_of(journal, evaluations=n_evaluations).run()
        starts = perf_counter(), process_time()
        with Journal.open(Path(folder)) as journal:
            driver_of(journal, evaluations=n_evaluations).run()
        return perf_counter() - starts[0], process_time() - starts[1]


def trainings(folders: Sequence[Path]) -> tuple[list[tuple[float, float]], list[str]]:
    """Return predicted and real seconds of the trainings in run folders, and the model's error in each."""
    pairs, errors = [], []
    for number, folder in enumerate(folders):
        records = open_run(folder).records
        error = cost_error(records)
        if error is None:
            continue
        first = min(records, key=lambda record: record.elapsed)
        errors.append(f"- run {number + 1}: {error}")
        pairs += [
            (record.cost * error.ratio, record.evaluation.seconds)
            for record in records
            if record is not first and record.reused_from is None and record.continues is None
            if record.evaluation.status is Status.OK and record.cost > 0 < record.evaluation.seconds
        ]
    return pairs, errors


def main() -> None:
    """Measure, print the tables and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write results.md")
    parser.add_argument("--data", type=Path, help="NAS-Bench-201, for the quality by window")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="run folders with real trainings")
    parser.add_argument("--seeds", type=int, default=5, help="searches of each window")
    arguments = parser.parse_args()
    start = perf_counter()
    table = report(arguments, start)
    print(table)
    if arguments.write:
        (HERE / "results.md").write_text(table, encoding="utf-8")


def report(arguments: argparse.Namespace, start: float) -> str:
    """Return the results as Markdown."""
    load = os.getloadavg()[0]
    problem, n = (landscape(), 400) if arguments.data is None else (nasbench201(arguments.data), 1000)
    synthetic, is_equal, quality = utilizations(Costs()), is_equal_on_all(), gaps(problem, n, arguments.seeds)
    (rate, processor_rate), (replay, processor_replay) = rates(), replay_seconds()
    least = min(synthetic["steady-state"])
    lines = [
        f"| {window} | {described(values)} | {median(values) / median(quality[1]):.2f} |"
        for window, values in quality.items()
    ]
    where = environment()
    return f"""# Scaling

## Utilization of simulated workers

Log-normal predicted seconds (sigma = {SPREAD:g}), real ones off by {ERROR:.0%}; window twice the workers,
{EVALUATIONS_A_WORKER} evaluations a worker and at least {LEAST_EVALUATIONS:,}; n = 1 search each, seed 1.

{utilization_table(synthetic)}

Bar: steady-state at least {UTILIZATION_BAR} throughout. {met(least >= UTILIZATION_BAR)}: the least is
{least:.3f}.

{real_costs(arguments.runs)}## The same front on every number of workers

{EQUAL_EVALUATIONS:,} evaluations, window {SAME_WINDOW}, on {", ".join(map(str, WORKERS))} workers: all
tickets, their parents and their metrics were {"equal" if is_equal else "NOT equal"}.

## Quality by window

{problem.name}, population 24, {n:,} evaluations, n = {arguments.seeds} seeds: gap to the true front's
hypervolume, median (interquartile range), and the median's ratio to that of a window of 1.

| window | gap | ratio |
|---|---|---|
{chr(10).join(lines)}

## The driver

- Population 1,000: {rate:.0f} evaluations a second on the clock, evaluating left out; {processor_rate:.0f} by
  the processor, evaluating included. Bar: at least {RATE_BAR:g}. {met(rate >= RATE_BAR)} on the clock.
- Replay of 10,000 evaluations at a population of 100: {replay:.1f} s on the clock, {processor_replay:.1f} s
  of the processor. Bar: at most {REPLAY_BAR:g} s. {met(replay <= REPLAY_BAR)} on the clock.

Command: `python benchmarks/scaling/benchmark.py --write`{", with --data" * (arguments.data is not None)}\
{", with --runs" * bool(arguments.runs)}; {perf_counter() - start:.0f} s
Machine: {where["processor"]}, {where["cores"]} cores, load average {load:.1f} at the start and
{os.getloadavg()[0]:.1f} at the end (others worked on it wherever it is above 1); Python {where["python"]},
numpy {where["numpy"]}, moocore {where["moocore"]}, commit {where["commit"]}.
"""


def real_costs(folders: Sequence[Path]) -> str:
    """Return the section on the costs of real trainings; nothing without any."""
    pairs, errors = trainings(folders)
    if not pairs:
        return ""
    return f"""## With the seconds of real trainings

{len(pairs)} pairs of predicted and real seconds, predictions scaled by each run's ratio. The cost model:

{chr(10).join(errors)}

{utilization_table(utilizations(Costs(pairs)))}

"""


def utilization_table(found: dict[str, list[float]]) -> str:
    """Return utilizations as a table."""
    rows = [[f"{value:.3f}" for value in values] for values in zip(*found.values(), strict=True)]
    lines = [f"| {n} | {' | '.join(row)} |" for n, row in zip(WORKERS, rows, strict=True)]
    return "\n".join([f"| workers | {' | '.join(found)} |", "|---|" + "---|" * len(found), *lines])


def described(values: Sequence[float]) -> str:
    """Return median and interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return f"{median(values):.4f} ({low:.4f} to {high:.4f})"


def met(is_met: bool) -> str:  # noqa: FBT001 - a bar is met or not
    """Return what is said of a bar."""
    return "Met" if is_met else "Missed"


if __name__ == "__main__":
    main()
