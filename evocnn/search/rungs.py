"""Rungs: candidates are first trained a little, and only the best of them go on."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Individual, Objectives
from evocnn.operators import select_nsga2
from evocnn.search.algorithm import Candidate

ONE_IN = 3  # is continued; the reduction factor of Li et al. 2020


@dataclass(frozen=True, slots=True)
class Rungs:
    """Where training is halted to be judged, and how it goes on from there.

    Attributes:
        shares: Shares of the epochs of full training, ascending; the last is 1.
        saves_last: Whether full training, too, saves its state, for offspring to inherit.
    """

    shares: tuple[float, ...] = (0.1, 0.3, 1.0)
    saves_last: bool = False

    def __post_init__(self) -> None:
        """Check the shares.

        Raises:
            ExperimentError: They do not lead up to full training.
        """
        climbs = all(lower < upper for lower, upper in pairwise((0.0, *self.shares)))
        if not climbs or self.shares[-1:] != (1.0,):
            message = (
                "rungs must be ascending shares of the epochs, above 0 and the last of them 1, but they were "
                f"{list(self.shares)}; write [0.1, 0.3, 1], or [1] to train every candidate in full"
            )
            raise ExperimentError(message)

    def first(self, candidate: Candidate) -> Candidate:
        """Return a new candidate at its first rung."""
        return self._above(0, candidate)

    def next(self, candidate: Candidate, ticket: int) -> Candidate:
        """Return the continuation, to the next rung, of a candidate that was told under a ticket."""
        return self._above(candidate.request.fidelity.stop, candidate, ticket)

    def _above(self, n_epochs: int, candidate: Candidate, ticket: int | None = None) -> Candidate:
        """Return a candidate at its first rung beyond some epochs; of rungs that end together, the last."""
        fidelities = [replace(candidate.request.fidelity, share=share) for share in self.shares]
        rungs = {fidelity.stop: fidelity for fidelity in fidelities}
        fidelity = rungs[min(stop for stop in rungs if stop > n_epochs)]
        saves_state = self.saves_last or not fidelity.is_full
        request = replace(candidate.request, fidelity=fidelity, continues=ticket, saves_state=saves_state)
        return replace(candidate, request=request)


def individual_of(
    ticket: int, candidate: Candidate, evaluation: Evaluation, objectives: Objectives
) -> Individual:
    """Return a told candidate; at a rung, floors and ceilings of what training changes do not count."""
    # Random networks on digits: 69 of 97 are below a floor of 0.8 after 1 of 10 epochs, 16 after all 10.
    # The ninth that passes the rungs has 0.82 of the hypervolume of all where floors count there, 0.99 where
    # they do not (mean over 60 subsets of 60).
    fitness = objectives.fitness(evaluation, is_full=candidate.request.fidelity.is_full)
    return Individual(ticket, candidate.request.genome, fitness)


def third(n_told: int) -> int:
    """Return how many of those told at a rung are continued: a third, rounded up."""
    return -(-n_told // ONE_IN)


@dataclass
class _Rung:
    """What was told at a rung: those remembered, oldest first, and counts of all."""

    told: list[Individual] = field(default_factory=list)
    n_told: int = 0
    n_continued: int = 0


class AsynchronousHalving:
    """Continues the best of each rung, a third of those told there so far, without waiting for anybody.

    Asynchronous successive halving, Li et al. (2020), "A System for Massively Parallel Hyperparameter
    Tuning"; by front and crowding, Schmucker et al. (2021), "Multi-objective Asynchronous Successive
    Halving". They continue whoever is in the best third of all that was ever told; as a search gets
    better, that would be nearly everybody. So a rung remembers those told last, and the number that is
    continued is held at a third; who is forgotten goes no further.

    Args:
        rungs: The rungs.
        memory: Candidates that a rung remembers.

    Attributes:
        waiting: Those who may be continued, by ticket.
    """

    def __init__(self, rungs: Rungs, memory: int) -> None:
        self._rungs = rungs
        self._memory = memory
        self._by_share: dict[float, _Rung] = {}
        self.waiting: dict[int, Candidate] = {}

    def tell(self, individual: Individual, candidate: Candidate) -> list[Candidate]:
        """Take a candidate that was told at a rung; return those that will not be continued any more.

        One that the rung remembers already is not judged again, but counts as told at every rung: where
        nothing new is found, those that are known go on.
        """
        rung = self._by_share.setdefault(candidate.request.fidelity.share, _Rung())
        if any(individual.genome.key == known.genome.key for known in rung.told):
            for each in self._by_share.values():
                each.n_told += 1
            return [candidate]
        rung.n_told += 1
        rung.told.append(individual)
        self.waiting[individual.ticket] = candidate
        overtaken = rung.told.pop(0).ticket if len(rung.told) > self._memory else None
        return [self.waiting.pop(overtaken)] if overtaken in self.waiting else []

    def next(self) -> Candidate | None:
        """Return the continuation of the best on the highest rung where one is due; None where none is."""
        for _, rung in sorted(self._by_share.items(), reverse=True):
            is_due = rung.n_continued < third(rung.n_told)
            if is_due and any(individual.ticket in self.waiting for individual in rung.told):
                ranked = (individual.ticket for individual in select_nsga2(rung.told, self._memory))
                best = next(ticket for ticket in ranked if ticket in self.waiting)
                rung.n_continued += 1
                return self._rungs.next(self.waiting.pop(best), best)
        return None
