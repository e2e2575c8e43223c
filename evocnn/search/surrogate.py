"""A surrogate that proposes: of many offspring, the one that promises to widen the front the most."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import norm
from threadpoolctl import ThreadpoolController

from evocnn.evaluation import Individual, Objectives, hypervolume, nondominated_ranks
from evocnn.genotype import Genome
from evocnn.search.gaussian_process import GaussianProcess, Scales, likeliest

LEAST_TOLD = 10  # candidates to learn from
MOST_TOLD = 400  # the candidates told last, from which it learns
RELEARN = 1.2  # scales are sought anew once that many times as many candidates were told
N_DRAWS = 16, 4  # from each prediction: of a single objective, and of several, which cost more
GREEDY = 3  # each so manieth proposal goes by what is expected alone
TRUSTED = 0.75  # the share of offspring that it chooses while that pays; else the rest
LEAST_GAINS = 10  # of offspring that it did not choose, below which it is trusted
FAR = 50.0  # standard deviations; what is farther from the mean is alike
N_GAINS = 100  # the last ones, by which it is judged


class Surrogate:
    """Predicts each objective of a genome from what describes it, by Gaussian processes.

    Losses far worse than the median are learned as if they were a little worse, so that networks that
    hardly learned do not bend the rest. A candidate that was halted at a rung is learned from with its
    share of the training; predictions are of full training. The promise of an offspring is the hypervolume
    that it is expected to add to the front of what was told and of what is expected of those in flight
    (Emmerich et al. 2006, "Single- and Multiobjective Evolutionary Optimization Assisted by Gaussian
    Random Field Metamodels"), a mean over draws from its prediction; of every third, what its expected
    losses would add.

    Some offspring are asked without it. While these have widened the front more than those that it chose,
    it chooses few: a quarter, for it is to be seen when it pays again. Each counts once, at the first rung
    where it is judged, with the front of that rung.

    Args:
        describe: From a genome to numbers, by the same names for each; `Space.describe`.
        objectives: What is optimized; nothing is promised beyond references, floors and ceilings.
    """

    def __init__(self, describe: Callable[[Any], Mapping[str, float]], objectives: Objectives) -> None:
        self._describe = describe
        self._reference, self._worst = objectives.reference_losses, objectives.worst_losses
        self._told: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # by key: row, losses; told last is last
        self._expected: dict[str, np.ndarray] = {}  # in flight, by key: predicted losses
        self._others: set[str] = set()  # in flight without having been chosen
        self._fronts: dict[float, np.ndarray] = {}  # losses of the front at each share of training
        self._gains: deque[tuple[bool, float]] = deque(maxlen=N_GAINS)  # whether chosen, hypervolume added
        self._scales: list[Scales] = []  # of each objective
        self._n_told = self._n_learned = 0  # candidates, by now and when the scales were sought
        self._models: list[GaussianProcess] | None = None
        self._n_proposed = 0

    @property
    def share(self) -> float:
        """The share of offspring that it should choose: the greater one as long as that pays."""
        chosen, others = ([gain for was, gain in self._gains if was is guided] for guided in (True, False))
        if len(others) < LEAST_GAINS or fmean(chosen or [0.0]) >= fmean(others):
            return TRUSTED
        return 1 - TRUSTED

    def tell(self, individual: Individual, share: float) -> None:
        """Take what was found of a candidate.

        Args:
            individual: The candidate; where it misses a constraint, it is on no front.
            share: The share of full training after which it was judged.
        """
        losses = -np.sign(individual.fitness.weights) * np.array(individual.fitness.values)
        key = individual.genome.key
        front = self._fronts.get(share, np.zeros((0, len(losses))))
        if individual.fitness.violation == 0:
            if key in self._expected or key in self._others:
                gain = _gains(losses[None], front, self._reference)[0]
                self._gains.append((key in self._expected, float(gain)))
            known = np.vstack([front, losses])
            self._fronts[share] = known[nondominated_ranks(known, np.zeros(len(known))) == 0]
        self.forget(individual.genome)
        self._told.pop(key, None)
        self._told[key] = np.array([*self._describe(individual.genome).values(), share]), losses
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]
        self._n_told += 1
        self._models = None

    def forget(self, genome: Genome) -> None:
        """Take that a candidate is in flight no more."""
        self._expected.pop(genome.key, None)
        self._others.discard(genome.key)

    def choose(self, genomes: Sequence[Genome]) -> int:
        """Return the place of the genome that promises the most, which then is in flight.

        Where too little is known, that is the first.
        """
        if len(self._told) < LEAST_TOLD:
            return 0
        means, deviations = self._predicted(genomes)
        is_greedy = self._n_proposed % GREEDY == GREEDY - 1
        chosen = int(np.argmax(self._promises(means, deviations * (not is_greedy))))
        self._n_proposed += 1
        self._expected[genomes[chosen].key] = means[chosen]
        return chosen

    def pass_by(self, genome: Genome) -> None:
        """Take that an offspring is in flight that was not chosen."""
        self._others.add(genome.key)

    def _predicted(self, genomes: Sequence[Genome]) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of losses, each `(n_genomes, n_objectives)`."""
        rows, losses = (np.array(column) for column in zip(*self._told.values(), strict=True))
        asked = np.array([[*self._describe(genome).values(), 1.0] for genome in genomes])
        with _in_one_thread():
            models = self._learned(rows, _bounded(losses))
            means, deviations = zip(*(model.predict(asked) for model in models), strict=True)
        return np.stack(means, axis=1), np.stack(deviations, axis=1)

    def _learned(self, rows: np.ndarray, losses: np.ndarray) -> list[GaussianProcess]:
        """Return a model of each objective."""
        if self._n_told >= RELEARN * self._n_learned:
            self._scales = [likeliest(rows, column) for column in losses.T]
            self._n_learned = self._n_told
            self._models = None
        if self._models is None:
            columns = zip(losses.T, self._scales, strict=True)
            self._models = [GaussianProcess(rows, column, scales) for column, scales in columns]
        return self._models

    def _promises(self, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
        """Return the hypervolume that each is expected to add; of one that adds none, how near, below 0."""
        n_objectives = means.shape[1]
        known = np.vstack([*self._fronts.values(), *self._expected.values(), self._worst])
        front = known[nondominated_ranks(known, np.zeros(len(known))) == 0]
        draws = _quantiles(N_DRAWS[n_objectives > 1], n_objectives)  # (n_draws, n_objectives)
        points = means[:, None, :] + draws * deviations[:, None, :]  # (n, n_draws, n_objectives)
        gains = _gains(points.reshape(-1, n_objectives), front, self._worst)
        expected = gains.reshape(len(means), -1).mean(axis=1)
        losses = np.array([found for _, found in self._told.values()])
        spreads = losses.std(axis=0)
        distances = ((means - losses.mean(axis=0)) / np.where(spreads > 0, spreads, 1.0)).sum(axis=1)
        promises: np.ndarray = np.where(expected > 0, expected, -np.exp(np.minimum(distances, FAR)))
        return promises


def _gains(points: np.ndarray, front: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Return the hypervolume that each point by itself would add to a front, shape `(n_points,)`."""
    gains = np.zeros(len(points))
    is_behind = np.all(front[None, :, :] <= points[:, None, :], axis=2).any(axis=1)
    adds = ~is_behind & np.all(points < corner, axis=1)
    if front.shape[1] == 1:
        gains[adds] = np.min(front, initial=corner[0]) - points[adds, 0]
        return gains
    before = hypervolume(front, corner)
    gains[adds] = [hypervolume(np.vstack([front, point]), corner) - before for point in points[adds]]
    return gains


def _quantiles(n_draws: int, n_objectives: int) -> np.ndarray:
    """Return normal quantiles, those of each objective in its own order, `(n_draws, n_objectives)`."""
    quantiles = norm.ppf((np.arange(n_draws) + 0.5) / n_draws)
    orders = [np.random.default_rng(number).permutation(n_draws) for number in range(n_objectives)]
    return np.stack([quantiles[order] for order in orders], axis=1)


def _bounded(losses: np.ndarray) -> np.ndarray:
    """Return losses that are no farther above the median than the best is below, `(n, n_objectives)`.

    Where half of them are the best, as gaps of 0 may be, they stay as they are.
    """
    best, median = losses.min(axis=0), np.median(losses, axis=0)
    bounded: np.ndarray = np.minimum(losses, np.where(median > best, 2 * median - best, np.inf))
    return bounded


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def _in_one_thread() -> AbstractContextManager[Any]:
    """Return a context in which linear algebra has the same bits on any number of cores."""
    context: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return context
