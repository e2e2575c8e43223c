"""Claims: many workers are kept busy, change no result, and the driver keeps up with them.

    evocnn reproduce benchmarks/scaling [--quick] [--data FOLDER]

Workers are simulated. A training's predicted seconds are log-normal (sigma = 1) and follow from the
candidate; it really takes these times a log-normal factor (sigma = 0.2: predictions are off by 20 %).
Where the folder of `--runs` holds run folders in `trainings`, all is done again with pairs of predicted
and real seconds drawn from their trainings, beside the cost model's error there; the first training of a
run, in which a worker warms up, is left out.

- Utilization: 1 to 256 workers, window twice the workers, population as large as the window and at least
  100, for steady-state and generational NSGA-II alike. It is the share of all workers' time in which they
  train, from the start until the last candidate begins: afterwards nothing is left to do, and workers run
  dry whatever the algorithm. Beside it stands the same share until the last candidate ends. One long
  training that takes longer than predicted holds up the virtual clock, and all workers once the rest of the
  window is trained; so single searches differ, and the bar is judged by the median over seeds.
- Equality: one search with a window of 64 on different numbers of workers; all records are compared.
- Quality: the gap of the hypervolume to the true front's by window; on the landscape of `evocnn.problems`
  after 200 evaluations (nearly all is found after 400), or, where `--data` holds it, on NAS-Bench-201 with
  three objectives after 1,000.
- The driver: evaluations a second at a population of 1,000, on the clock without the time of evaluating
  and by the processor with it, once the population is full; and the seconds of replaying a journal. Both
  on the chromosomes of benchmarks/driver_overhead.

NSGA-II is without surrogate and local search, which are no driver's work; where the driver is measured, the
default algorithm, which has both, stands beside it, over fewer evaluations.
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

from evocnn.cli.study import Asked, perform
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import Fidelity, Genome
from evocnn.problems import Problem, landscape, nasbench201
from evocnn.report.cost_error import cost_error
from evocnn.report.figures import Figure
from evocnn.rng import derive_seed
from evocnn.runs import open_run
from evocnn.search import Breeding, Budget, Driver, GenerationalNSGA2, SteadyStateNSGA2
from evocnn.store import Journal, Record, environment
from evocnn.workers import SimulatedExecutor

sys.path.append(str(Path(__file__).parents[1]))
from driver_overhead.benchmark import DEFAULT, STEADY_STATE, driver_of

WORKERS = (1, 4, 16, 64, 128, 256)
EVALUATIONS_A_WORKER = 32  # in shorter searches, one long training decides the figure
LEAST_EVALUATIONS = 3000
EQUAL_EVALUATIONS = 1000
SEEDS, QUICK_SEEDS = 5, 1
TABLE = "nasbench201_cifar10.npz"
LEAST_POPULATION = 100
SAME_WINDOW = 64
SMALL_POPULATION = 24  # where quality is compared
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


class Simulated(NamedTuple):
    """A search on simulated workers.

    Attributes:
        records: Its records, in order of tickets.
        utilization: The share of all workers' time in which they train, until the last candidate begins.
        with_tail: The same until the last one ends.
    """

    records: list[Record]
    utilization: float
    with_tail: float


def simulated(
    costs: Costs,
    *,
    n_workers: int,
    window: int,
    n_evaluations: int,
    form: str = "steady-state",
    population: int | None = None,
    problem: Problem | None = None,
    seed: int = 1,
) -> Simulated:
    """Search a problem, the landscape if not given, on simulated workers."""
    problem = problem or landscape()
    starts: list[tuple[float, float]] = []  # of each training, with its seconds

    def took(ticket: int, request: EvaluationRequest) -> float:
        seconds = costs.real(ticket, request)
        starts.append((executor.now, seconds))
        return seconds

    executor = SimulatedExecutor(problem.evaluator, n_workers, took)
    breeding = Breeding(problem.space, problem.variation, problem.fidelity)
    algorithm = FORMS[form](breeding, problem.objectives, population or max(LEAST_POPULATION, window))
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
            seed=seed,
            window=window,
            budget=Budget(evaluations=n_evaluations),
        ).run()
        records = list(journal.records())
    shares = []
    for end in (max(start for start, _ in starts), max(start + seconds for start, seconds in starts)):
        busy = sum(min(seconds, end - start) for start, seconds in starts)
        shares.append(busy / (n_workers * end))
    return Simulated(records, *shares)


def utilizations(costs: Costs, n_seeds: int) -> dict[str, list[list[Simulated]]]:
    """Return each form's searches, one a seed, by number of workers."""
    found: dict[str, list[list[Simulated]]] = {form: [] for form in FORMS}
    for n_workers in WORKERS:
        n_evaluations = max(LEAST_EVALUATIONS, EVALUATIONS_A_WORKER * n_workers)
        search = partial(
            simulated, costs, n_workers=n_workers, window=2 * n_workers, n_evaluations=n_evaluations
        )
        for form, rows in found.items():
            rows.append([search(form=form, seed=seed)._replace(records=[]) for seed in range(n_seeds)])
    return found


def is_equal_on_all(costs: Costs) -> bool:
    """Return whether a search finds the same, ticket by ticket, whatever the number of workers."""
    found = []
    for n_workers in WORKERS:
        search = simulated(costs, n_workers=n_workers, window=SAME_WINDOW, n_evaluations=EQUAL_EVALUATIONS)
        # A ticket's row is written when it finishes; its parents tell in which order others were told.
        found.append(
            [(r.ticket, r.identity, r.parents, r.operators, dict(r.metrics)) for r in search.records]
        )
    return all(records == found[0] for records in found)


def gaps(costs: Costs, problem: Problem, n_evaluations: int, n_seeds: int) -> dict[int, list[float]]:
    """Return the gaps of each window, one a seed."""

    def gap(window: int, seed: int) -> float:
        search = simulated(
            costs,
            n_workers=1,  # the same on any number
            window=window,
            n_evaluations=n_evaluations,
            population=SMALL_POPULATION,
            problem=problem,
            seed=seed,
        )
        fitnesses = [problem.objectives.fitness(record.evaluation) for record in search.records]
        return problem.gap(np.array([problem.objectives.losses(fitness.values) for fitness in fitnesses]))

    return {window: [gap(window, seed) for seed in range(n_seeds)] for window in WINDOWS}


def rates(algorithm: str, n_before: int, n_evaluations: int, population: int = 1000) -> tuple[float, float]:
    """Return the driver's evaluations a second, on the clock and by the processor.

    Args:
        algorithm: As in an experiment file.
        n_before: Evaluations that fill the population and do not count.
        n_evaluations: Those that count.
        population: The population.
    """
    begun: list[float] = []

    def note(_: Record) -> None:
        n_told.append(None)
        if len(n_told) == n_before:
            begun.extend((perf_counter() - driver.seconds_waiting, process_time()))

    n_told: list[None] = []
    with tempfile.TemporaryDirectory() as folder, Journal.create(Path(folder), {}) as journal:
        n = n_before + n_evaluations
        driver = driver_of(journal, algorithm, population=population, evaluations=n, on_told=note)
        driver.run()
        ended = perf_counter() - driver.seconds_waiting, process_time()
    n_counted = len(n_told) - n_before
    return n_counted / (ended[0] - begun[0]), n_counted / (ended[1] - begun[1])


def replay_seconds(algorithm: str, n_evaluations: int) -> tuple[float, float]:
    """Return the seconds that replaying a journal takes, on the clock and of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        with Journal.create(Path(folder), {}, is_kept=False) as journal:
            driver_of(journal, algorithm, evaluations=n_evaluations).run()
        starts = perf_counter(), process_time()
        with Journal.open(Path(folder)) as journal:
            driver_of(journal, algorithm, evaluations=n_evaluations).run()
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


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure, write the tables, and return the figures."""
    text, figures = report(asked)
    asked.write("results.md", text.splitlines())
    return figures


def report(asked: Asked) -> tuple[str, dict[str, Figure]]:
    """Return the results as Markdown, and the figures."""
    load, n_seeds = os.getloadavg()[0], QUICK_SEEDS if asked.is_quick else SEEDS
    folder = asked.data_of("nasbench201")
    table = None if folder is None else folder if folder.is_file() else folder / TABLE
    problem, n = (landscape(), 200) if table is None else (nasbench201(table), 1000)
    text, figures = searches_with(Costs(), problem, n, n_seeds)
    synthetic = f"""## With log-normal seconds

Predicted seconds are log-normal (sigma = {SPREAD:g}), real ones off by {ERROR:.0%}.

{text}"""
    pairs, errors = trainings(sorted((asked.runs / "trainings").glob("*")))
    real_text = searches_with(Costs(pairs), problem, n, n_seeds)[0] if pairs else ""
    real = f"""## With the seconds of real trainings

{len(pairs)} pairs of predicted and real seconds, predictions scaled by each run's ratio. The cost model:

{chr(10).join(errors)}

{real_text}"""
    driver, rates_found = driver_section(asked)
    where = environment()
    text = f"""# Scaling

Utilization is the share of all workers' time in which they train, until the last candidate begins; "with
tail" until the last one ends, while ever fewer have anything left to do.

{synthetic}{real if pairs else ""}{driver}
Command: `evocnn reproduce benchmarks/scaling`{", with --data" * (table is not None)}
Machine: {where["processor"]}, {where["cores"]} cores, load average {load:.1f} at the start and
{os.getloadavg()[0]:.1f} at the end (others worked on it wherever it is above 1); Python {where["python"]},
numpy {where["numpy"]}, moocore {where["moocore"]}, commit {where["commit"]}.
"""
    return text, figures | rates_found


def searches_with(
    costs: Costs, problem: Problem, n_evaluations: int, n_seeds: int
) -> tuple[str, dict[str, Figure]]:
    """Return what holds with some seconds of training: utilization, equality and quality."""
    found, is_equal = utilizations(costs, n_seeds), is_equal_on_all(costs)
    quality = gaps(costs, problem, n_evaluations, n_seeds)
    least = min(median(search.utilization for search in row) for row in found["steady-state"])
    single = min(search.utilization for row in found["steady-state"] for search in row)
    lines = [
        f"| {window} | {described(values)} | {median(values) / median(quality[1]):.2f} |"
        for window, values in quality.items()
    ]
    figures = {
        "least_utilization": Figure(least, 0.02),
        "equal_on_all": Figure(float(is_equal), 0),
        **{f"gap.window_{window}": Figure(median(values), 0.05) for window, values in quality.items()},
    }
    text = f"""Utilization; window twice the workers, {EVALUATIONS_A_WORKER} evaluations a worker and at least
{LEAST_EVALUATIONS:,}; n = {n_seeds} seeds: median (least to most):

{utilization_table(found)}

Bar: steady-state at least {UTILIZATION_BAR} throughout. {met(least >= UTILIZATION_BAR)} by the median of
seeds, whose least is {least:.3f}; {met(single >= UTILIZATION_BAR).lower()} by single searches, whose least is
{single:.3f}.

Bar: the same front whatever the number of workers. {met(is_equal)}: {EQUAL_EVALUATIONS:,} evaluations, window
{SAME_WINDOW}, on {", ".join(map(str, WORKERS))} workers; tickets, their parents and their metrics were
{"all" if is_equal else "not all"} equal.

Quality by window; {problem.name}, population {SMALL_POPULATION}, {n_evaluations:,} evaluations,
n = {n_seeds} seeds: gap to the true front's hypervolume, median (interquartile range), and the median's ratio
to that of a window of 1:

| window | gap | ratio |
|---|---|---|
{chr(10).join(lines)}

"""
    return text, figures


def driver_section(asked: Asked) -> tuple[str, dict[str, Figure]]:
    """Return how fast the driver is, and how fast it replays."""
    share = 10 if asked.is_quick else 1
    rate, processor_rate = rates(STEADY_STATE, n_before=2000 // share, n_evaluations=1000 // share)
    default_rate, _ = rates(DEFAULT, n_before=1100 // share, n_evaluations=100 // share)
    n_replayed, n_default = 10_000 // share, 500 // share
    replay, processor_replay = replay_seconds(STEADY_STATE, n_replayed)
    default_replay, _ = replay_seconds(DEFAULT, n_default)
    figures = {
        "rate": Figure(rate, rate / 2),
        "default_rate": Figure(default_rate, default_rate / 2),
        "replay": Figure(replay, replay, "s"),
    }
    text = f"""## The driver

- Population 1,000: {rate:.0f} evaluations a second on the clock, evaluating left out; {processor_rate:.0f} by
  the processor, evaluating included. Bar: at least {RATE_BAR:g}. {met(rate >= RATE_BAR)} on the clock. With
  the default algorithm, whose surrogate takes nearly all of the time: {default_rate:.1f} on the clock
  (100 evaluations), {met(default_rate >= RATE_BAR).lower()}.
- Replay of {n_replayed:,} evaluations at a population of 100: {replay:.1f} s on the clock,
  {processor_replay:.1f} s of the processor. Bar, of 10,000: at most {REPLAY_BAR:g} s.
  {met(replay <= REPLAY_BAR)} on the clock. With the default algorithm, whose surrogate learns
  and proposes again: {default_replay:.1f} s for {n_default:,} alone.
"""
    return text, figures


def utilization_table(found: dict[str, list[list[Simulated]]]) -> str:
    """Return utilizations as a table."""
    heads = [head for form in found for head in (form, "with tail")]
    lines = [f"| workers | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for n_workers, rows in zip(WORKERS, zip(*found.values(), strict=True), strict=True):
        cells = []
        for searches in rows:
            shares = [search.utilization for search in searches]
            cells.append(f"{median(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})")
            cells.append(f"{median(search.with_tail for search in searches):.3f}")
        lines.append(f"| {n_workers} | {' | '.join(cells)} |")
    return "\n".join(lines)


def described(values: Sequence[float]) -> str:
    """Return median and interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return f"{median(values):.4f} ({low:.4f} to {high:.4f})"


def met(is_met: bool) -> str:  # noqa: FBT001 - a bar is met or not
    """Return what is said of a bar."""
    return "Met" if is_met else "Missed"


if __name__ == "__main__":
    perform(study, __doc__)
