"""Claim: the driver's own time stays below 2 ms for each evaluation at a population of 100.

    evocnn reproduce benchmarks/driver_overhead [--quick]

The driver's own time is everything but waiting for workers: asking (breeding, repair, canonical
form, key), the virtual clock, committing to the journal on disk, telling (ranking, selection).
Candidates are chromosomes of experiments/fashion-mnist's space; an evaluator that trains nothing
answers at once with figures that follow from the chromosome, so that selection has work to do. There
are no rungs: each ticket is an evaluation. NSGA-II is without surrogate and local search, whose time is
their own; the default algorithm, which has both, stands beside it, over fewer evaluations.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from evocnn import load_experiment
from evocnn.cli.study import Asked, perform
from evocnn.config.parts import algorithm_of, objectives_of, space_of
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity, SearchSpace
from evocnn.report.figures import Figure
from evocnn.rng import derive_seed
from evocnn.search import Budget, Driver
from evocnn.store import Journal, Record, environment
from evocnn.workers import SerialExecutor

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "fashion-mnist" / "experiment.toml"
POPULATION = 100
WINDOW = 32
EVALUATIONS = 2000
ROUNDS = 5
BAR = 2.0  # milliseconds
STEADY_STATE = '{use = "nsga2", proposals = 1, local_search = 0.0}'  # NSGA-II and no more
DEFAULT = '"nsga2"'
FORMS = {"steady-state NSGA-II": STEADY_STATE, "generational NSGA-II": '"nsga2-generational"'}
WITH_SURROGATE = "default, with its surrogate"
DEFAULT_EVALUATIONS = 500


class InstantEvaluator:
    """Answers with figures that follow from the chromosome, at once."""

    context = "instant"

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return the true size, and an accuracy that rises with it but for noise."""
        counts = request.genome.counts(self._space.input_shape, self._space.n_classes)
        noise = derive_seed(request.genome.key) / 2**63  # in [0, 1)
        accuracy = 0.98 - 0.2 / counts.parameters**0.25 - 0.05 * noise
        gap = 0.02 + 0.05 * (derive_seed(request.genome.key, "gap") / 2**63)
        metrics = {
            "validation_accuracy": accuracy,
            "generalization_gap": gap,
            "parameters": float(counts.parameters),
        }
        return Evaluation(Status.OK, metrics)


def driver_of(
    journal: Journal,
    algorithm: str = STEADY_STATE,
    population: int = POPULATION,
    evaluations: int = EVALUATIONS,
    on_told: Callable[[Record], None] = lambda _: None,
) -> Driver:
    """Return the driver of a search.

    Args:
        journal: What it writes, or replays.
        algorithm: As in an experiment file.
        population: Its population.
        evaluations: The budget.
        on_told: Called with each record.
    """
    experiment = load_experiment(
        EXPERIMENT,
        [f"search.algorithm={algorithm}", f"search.population={population}", "search.rungs=[1]"],
    )
    space = space_of(experiment, (1, 28, 28), 10)
    objectives = objectives_of(experiment, majority_share=0.1, n_validation=3000)
    return Driver(
        algorithm_of(experiment, space, objectives, Fidelity(6, 9000)),
        space,
        SerialExecutor(InstantEvaluator(replace(space))),
        journal,
        context="instant",
        seed=1,
        window=WINDOW,
        budget=Budget(evaluations=evaluations),
        on_told=on_told,
    )


def measure(algorithm: str, n_evaluations: int = EVALUATIONS) -> float:
    """Return the driver's own milliseconds for each evaluation in one search."""
    with tempfile.TemporaryDirectory() as folder, Journal.create(Path(folder), {}) as journal:
        driver = driver_of(journal, algorithm, evaluations=n_evaluations)
        start = perf_counter()
        driver.run()
        return 1000 * (perf_counter() - start - driver.seconds_waiting) / n_evaluations


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure all forms, interleaved, write the table, and return the figures."""
    found: dict[str, list[float]] = {form: [] for form in (*FORMS, WITH_SURROGATE)}
    share = 10 if asked.is_quick else 1  # of the evaluations
    for _ in range(1 if asked.is_quick else ROUNDS):
        for form, algorithm in FORMS.items():
            found[form].append(measure(algorithm, EVALUATIONS // share))
        found[WITH_SURROGATE].append(measure(DEFAULT, DEFAULT_EVALUATIONS // share))
    asked.write("results.md", report(found, share).splitlines())
    medians = zip(("steady-state", "generational", "default"), map(median, found.values()), strict=True)
    return {name: Figure(value, value, "ms") for name, value in medians}  # twice as long on a busy machine


def report(figures: dict[str, list[float]], share: int) -> str:
    """Return the results as Markdown."""
    where, n_rounds = environment(), len(figures[WITH_SURROGATE])
    rows = "\n".join(
        f"| {form} | {median(ms):.2f} | {min(ms):.2f} to {max(ms):.2f} |" for form, ms in figures.items()
    )
    worst = max(median(figures[form]) for form in FORMS)
    return f"""# Driver's own time for an evaluation

Population {POPULATION}, window {WINDOW}, {EVALUATIONS // share} evaluations a search
({DEFAULT_EVALUATIONS // share} of the default), seed 1, three objectives, journal on disk with synchronous
commits; n = {n_rounds} interleaved
searches of each form.

| algorithm | median ms | range ms |
|---|---|---|
{rows}

Bar: below {BAR:g} ms. {"Met" if worst < BAR else "Missed"}: the larger median of NSGA-II's two forms is
{worst:.2f} ms. The default's surrogate is no part of the driver.

Command: `evocnn reproduce benchmarks/driver_overhead`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, numpy {where["numpy"]}, moocore {where["moocore"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
