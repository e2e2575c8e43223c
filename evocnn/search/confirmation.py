"""Contested members of the front trained again with other seeds, beside any algorithm.

A front is chosen among noisy figures: some of its members were lucky. Where a member and the network next
to it in the first objective lie closer together than repeated trainings of one network do, the one that was
trained less often is trained again, until their order is significant or the share of the budget is spent.
The closest are the first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from operator import itemgetter
from statistics import fmean
from typing import Literal

import numpy as np
from scipy.stats import t as student

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Fitness, Objectives, Status, identity, nondominated_ranks
from evocnn.search.algorithm import Algorithm, Candidate, Planned
from evocnn.search.budget import Budget, Ending

SIGNIFICANT = 0.05  # two-sided
LEAST_DEGREES = 3  # of freedom of the spread; with fewer, every neighbour is contested
MOST_TRAININGS = 10  # of one network


@dataclass
class _Network:
    """A network that was trained in full.

    Attributes:
        candidate: How it was asked first.
        found: The metrics of each training, by replicate.
        n_asked: Trainings, those in flight included.
    """

    candidate: Candidate
    found: dict[int, Mapping[str, float]] = field(default_factory=dict)
    n_asked: int = 1

    def mean(self, objectives: Objectives) -> Fitness:
        """Return the fitness of the means."""
        names = [objective.name for objective in objectives.items]
        means = {name: fmean(metrics[name] for metrics in self.found.values()) for name in names}
        return objectives.fitness(Evaluation(Status.OK, means))


class Confirmation:
    """An algorithm that asks what another asks, and now and then a member of its front again.

    Repeated trainings are full trainings from scratch and are not told to the other algorithm; the
    front of the run is chosen by the means.

    Args:
        algorithm: The other.
        objectives: What is optimized; the order is that in the first of them.
        share: The greatest share of the trainings that may go into repeated ones, below 1.

    Raises:
        ExperimentError: The share is out of its range.
    """

    def __init__(self, algorithm: Algorithm, objectives: Objectives, share: float) -> None:
        if not 0 < share < 1:
            message = f"confirm must be a share above 0 and below 1, but it was {share}; correct it"
            raise ExperimentError(message)
        self._algorithm = algorithm
        self._objectives = objectives
        self._share = Fraction(share).limit_denominator(10**6)
        self._in_flight: dict[int, Candidate] = {}
        self._own: set[int] = set()  # repeated trainings in flight
        self._stops: dict[int, Fraction] = {}  # of each ticket, as a share of full training
        self._charged: set[str] = set()  # identities; what is asked again is answered, not trained
        self._networks: dict[str, _Network] = {}  # by key
        self._n_trainings = self._n_repeated = Fraction(0)  # asked, in full trainings

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | Literal[Ending.COMPLETE] | None:
        """Return a repeated training where one is due, else what the other algorithm asks."""
        if self._n_repeated + 1 <= self._share * (self._n_trainings + 1):
            network = self._contested()
            if network is not None:
                self._n_repeated += 1
                self._own.add(ticket)
                return self._entered(ticket, _repeated(network))
        answer = self._algorithm.ask(ticket, rng)
        return self._entered(ticket, answer) if isinstance(answer, Candidate) else answer

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; the other algorithm hears of those that it asked."""
        candidate = self._in_flight.pop(ticket)
        request = candidate.request
        if ticket in self._own:
            self._own.remove(ticket)
        else:
            self._algorithm.tell(ticket, evaluation)
        if evaluation.status is Status.OK and request.fidelity.is_full:
            network = self._networks.setdefault(request.genome.key, _Network(candidate))
            network.found[request.replicate] = evaluation.metrics
        if evaluation.status is Status.REJECTED:
            self._n_trainings -= self._stops[ticket]
            self._charged.remove(identity(request, ""))

    def plan(self, budget: Budget) -> str:
        """Return what the other plans, and what of the trainings may be repeated."""
        own = (
            f"confirm: up to {float(self._share):.0%} of the trainings repeat contested members of the front"
        )
        return f"{self._algorithm.plan(budget)}\n{own}" if isinstance(self._algorithm, Planned) else own

    def needed_states(self) -> Collection[int]:
        """Return what the other algorithm needs; repeated trainings start from scratch."""
        return self._algorithm.needed_states()

    def _entered(self, ticket: int, candidate: Candidate) -> Candidate:
        """Return a candidate whose training is counted, unless the same was asked before."""
        fidelity, continues = candidate.request.fidelity, candidate.request.continues
        self._stops[ticket] = Fraction(fidelity.stop, fidelity.epochs)
        name = identity(candidate.request, "")
        if name not in self._charged:
            self._charged.add(name)
            self._n_trainings += self._stops[ticket] - (0 if continues is None else self._stops[continues])
        self._in_flight[ticket] = candidate
        return candidate

    def _contested(self) -> _Network | None:
        """Return what to train again: a member of the front or the next to it in the first objective."""
        judged = [(one, one.mean(self._objectives)) for one in self._networks.values()]
        known = [network for network, fitness in judged if fitness.violation == 0]
        if len(known) < 2:
            return None
        means = [fitness.values for _, fitness in judged if fitness.violation == 0]
        losses = np.stack([self._objectives.losses(values) for values in means])
        is_front = nondominated_ranks(losses, np.zeros(len(known))) == 0
        order = np.argsort(losses[:, 0], kind="stable")
        spread, degrees = self._spread()
        found: list[tuple[float, _Network]] = []
        for better, worse in pairwise(order):
            if not is_front[better]:
                continue
            pair = sorted((known[better], known[worse]), key=lambda network: network.n_asked)
            if pair[0].n_asked >= MOST_TRAININGS:
                continue
            error = spread * sqrt(sum(1 / len(network.found) for network in pair))
            distance = float(losses[worse, 0] - losses[better, 0])
            odds = 1.0 if degrees < LEAST_DEGREES else 0.0
            if degrees >= LEAST_DEGREES and error > 0:
                odds = float(2 * student.sf(distance / error, degrees))
            if odds > SIGNIFICANT:
                found.append((distance, pair[0]))
        return min(found, key=itemgetter(0), default=(0.0, None))[1]

    def _spread(self) -> tuple[float, int]:
        """Return the standard deviation of the first objective over repeated trainings, and its degrees."""
        first = self._objectives.items[0]
        repeated = [
            [first.scaled(metrics[first.name]) for metrics in network.found.values()]
            for network in self._networks.values()
        ]
        degrees = sum(len(values) - 1 for values in repeated)
        squares = sum((value - fmean(values)) ** 2 for values in repeated for value in values)
        return (sqrt(squares / degrees), degrees) if degrees else (0.0, 0)


def _repeated(network: _Network) -> Candidate:
    """Return a network with its next seed, trained in full from scratch."""
    request, network.n_asked = network.candidate.request, network.n_asked + 1
    again = replace(request, replicate=network.n_asked - 1, continues=None, saves_state=False)
    return replace(network.candidate, request=again)
