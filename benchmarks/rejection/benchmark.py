"""Claim: within equal sizes, a predictor learned from the journal says more than training-free scores.

    evocnn reproduce benchmarks/rejection [--quick]

Random networks of the preset `tiny` are trained on digits for a few epochs. Each score is then held
against validation accuracy: over all networks (Spearman), and among networks of about equal size,
which is what a filter goes by. The predictor is learned from some of the networks and judged on the
others. In the quick form they are trained for an epoch.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment
from evocnn.config.parts import load_data, space_of
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import Chromosome, Fidelity, SearchSpace
from evocnn.report.figures import Figure
from evocnn.search.predictor import Predictor
from evocnn.search.rank_correlation import correlation_within_sizes
from evocnn.store import environment
from evocnn.training.data import split
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.protocol import Protocol
from evocnn.training.scores import SCORES, InitialScore

CHROMOSOMES = 100
EPOCHS, QUICK_EPOCHS = 8, 1
SEED = 0
LEARNED_FROM = (20, 40, 60)
DRAWS = 20  # of the networks that the predictor learns from
RESAMPLES = 500  # of the networks, for an interval


def networks(n_epochs: int) -> tuple[list[Chromosome], np.ndarray, SearchSpace, TrainingEvaluator]:
    """Return random networks that trained without failure, and their validation accuracies."""
    experiment = Experiment.from_dict(
        {"name": "rejection", "data": {"source": "digits"}, "space": {"preset": "tiny"}}
    )
    data = load_data(experiment)
    training, validation = split(data, validation=experiment.data.validation, seed=SEED)
    space = space_of(experiment, data.shape, data.n_classes)
    evaluator = TrainingEvaluator(training, validation, Protocol(seed=SEED))
    rng = np.random.default_rng(SEED)
    trained, accuracies = [], []
    for _ in range(CHROMOSOMES):
        chromosome = space.sample(rng)
        found = evaluator(EvaluationRequest(chromosome, Fidelity(n_epochs, len(training))))
        if found.status is Status.OK:
            trained.append(chromosome)
            accuracies.append(found.metrics["validation_accuracy"])
    return trained, np.array(accuracies), space, evaluator


def timed(
    score: Callable[[Chromosome], float | None], chromosomes: Sequence[Chromosome]
) -> tuple[np.ndarray, float]:
    """Return the scores of chromosomes, and the median time of one in milliseconds."""
    times, scores = [], []
    for chromosome in chromosomes:
        start = perf_counter()
        score_of_one = score(chromosome)
        times.append(1000 * (perf_counter() - start))
        scores.append(-np.inf if score_of_one is None else score_of_one)
    return np.array(scores), median(times)


class Row(NamedTuple):
    """What one score says of validation accuracy.

    Attributes:
        name: The score.
        overall: Spearman's correlation over all networks.
        within: Correlation within equal sizes.
        low: Lower bound of it.
        high: Upper bound.
        ms: Milliseconds for a network; None where it is no work.
    """

    name: str
    overall: float
    within: float
    low: float
    high: float
    ms: float | None

    @property
    def line(self) -> str:
        """The row of the table."""
        time = "" if self.ms is None else f"{self.ms:.1f}"
        return (
            f"| {self.name} | {self.overall:+.2f} | {self.within:+.2f} | {self.low:+.2f} to {self.high:+.2f} "
            f"| {time} |"
        )


def study(asked: Asked) -> Mapping[str, Figure]:
    """Train, score, write the table, and return the correlations within equal sizes."""
    n_epochs = QUICK_EPOCHS if asked.is_quick else EPOCHS
    chromosomes, accuracies, space, evaluator = networks(n_epochs)
    counts = [chromosome.counts(space.input_shape, space.n_classes) for chromosome in chromosomes]
    log_sizes = np.log([count.parameters for count in counts])
    rows = [row("log parameters", log_sizes, accuracies, log_sizes)]
    rows.append(row("log FLOPs", np.log([count.flops for count in counts]), accuracies, log_sizes))
    for name in SCORES:
        scores, ms = timed(InitialScore(name, evaluator.training, SEED), chromosomes)
        rows.append(row(name, scores, accuracies, log_sizes, ms))
    rows += [predictor_row(n, chromosomes, accuracies, log_sizes, space) for n in LEARNED_FROM]
    asked.write("results.md", report(rows, accuracies, log_sizes, n_epochs).splitlines())
    figures = {}
    for one in rows:
        name = one.name.replace(", ", "_").replace(" ", "_")
        figures[name] = Figure(one.within, 0.15, is_exact=True)
    return figures


def row(
    name: str, scores: np.ndarray, accuracies: np.ndarray, log_sizes: np.ndarray, ms: float | None = None
) -> Row:
    """Return what a score says, with an interval from networks drawn again with replacement."""
    rng = np.random.default_rng(SEED)
    draws = [rng.integers(len(scores), size=len(scores)) for _ in range(RESAMPLES)]
    within = correlation_within_sizes(scores, accuracies, log_sizes).value
    again = [correlation_within_sizes(scores[d], accuracies[d], log_sizes[d]).value for d in draws]
    low, high = np.quantile(again, [0.025, 0.975])
    return Row(name, float(spearmanr(scores, accuracies).statistic), within, float(low), float(high), ms)


def predictor_row(
    n: int,
    chromosomes: Sequence[Chromosome],
    accuracies: np.ndarray,
    log_sizes: np.ndarray,
    space: SearchSpace,
) -> Row:
    """Return what the predictor says after learning from n networks, judged on the others."""
    overall, within, times = [], [], []
    for draw in range(DRAWS):
        order = np.random.default_rng((SEED, draw)).permutation(len(chromosomes))
        known, other = order[:n], order[n:]
        predictor = Predictor(space.describe)
        predictor.fit([chromosomes[k] for k in known], accuracies[known])
        scores, ms = timed(predictor, [chromosomes[k] for k in other])
        times.append(ms)
        overall.append(spearmanr(scores, accuracies[other]).statistic)
        within.append(correlation_within_sizes(scores, accuracies[other], log_sizes[other]).value)
    low, high = np.quantile(within, [0.025, 0.975])
    name = f"predictor, {n} told"
    return Row(name, fmean(overall), fmean(within), float(low), float(high), median(times))


def report(rows: Sequence[Row], accuracies: np.ndarray, log_sizes: np.ndarray, n_epochs: int) -> str:
    """Return the results as Markdown."""
    where = environment()
    n_pairs = correlation_within_sizes(accuracies, accuracies, log_sizes).n_pairs
    quartiles = " / ".join(f"{value:.3f}" for value in np.quantile(accuracies, [0.25, 0.5, 0.75]))
    sizes = " to ".join(f"{value:,.0f}" for value in np.exp([log_sizes.min(), log_sizes.max()]))
    return f"""# What scores say before training

{len(accuracies)} random networks of the preset `tiny` with {sizes} parameters, trained on digits, epochs:
{n_epochs}, seed {SEED}; quartiles of validation accuracy {quartiles}. Overall is Spearman's correlation
with validation accuracy. Within equal sizes is the filter's own estimator, of
`evocnn/search/rank_correlation.py`: over the {n_pairs} pairs of networks whose sizes differ by at most
a factor of 1.5. Intervals are 95 %: of {RESAMPLES} bootstrap samples of the networks; for the predictor,
of {DRAWS} draws of the networks that it learns from, judged on the others.

| score | overall | within equal sizes | interval | ms a network |
|---|---|---|---|---|
{chr(10).join(row.line for row in rows)}

Command: `evocnn reproduce benchmarks/rejection`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
