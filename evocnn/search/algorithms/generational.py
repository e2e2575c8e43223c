"""What generational algorithms share: a generation is bred, waited for, and selected from."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from evocnn.evaluation import Evaluation, Individual, Objectives, Status
from evocnn.operators import better_ranked
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding
from evocnn.search.rungs import Rungs, individual_of, third

MIN_PARENTS = 2


class Generational:
    """Breeds a whole generation, waits for all of it, and keeps the best of parents and offspring.

    A generation climbs the rungs together: once all of it is told at one, its best third goes on to
    the next. Those that were trained in full meet the parents.

    Parents win tournaments of two, for which the shuffled survivors are drawn in turn: all equally often.
    Both children of a crossover are asked, so that what one does not inherit is not lost.

    Args:
        breeding: Makes founders and offspring.
        objectives: What is optimized.
        population: Survivors of a generation, and candidates that are looked at in it.
        rungs: Where training is halted to be judged.
        select: Returns the best k of individuals and sets their ranks and crowding distances.
        compete: Returns the winner of a tournament.
    """

    def __init__(
        self,
        breeding: Breeding,
        objectives: Objectives,
        population: int,
        rungs: Rungs | None,
        select: Callable[[Sequence[Individual], int], list[Individual]],
        *,
        compete: Callable[[Individual, Individual], Individual] = better_ranked,
    ) -> None:
        self._breeding = breeding
        self._objectives = objectives
        self._size = population
        self._rungs = rungs or Rungs()
        self._select = select
        self._compete = compete
        self._survivors: list[Individual] = []
        self._contestants: list[Individual] = []  # survivors that are still to be drawn for tournaments
        self._siblings: list[Candidate] = []  # bred beside an offspring of this generation, not asked yet
        self._n_to_ask = population  # of this generation at this rung
        self._to_continue: dict[int, Candidate] = {}  # continuations, by the ticket that they continue
        self._asked: dict[int, Candidate] = {}  # of this generation at this rung, by ticket
        self._told: dict[int, Evaluation] = {}

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | None:
        """Return a founder, an offspring of the survivors or a continuation; None once all are asked."""
        if self._n_to_ask == 0:
            return None
        self._n_to_ask -= 1
        if self._to_continue:
            candidate = self._to_continue.pop(next(iter(self._to_continue)))
        elif len(self._survivors) < MIN_PARENTS:
            candidate = self._rungs.first(self._breeding.founder(rng))
        else:
            candidate = self._rungs.first(
                self._breeding.offspring_of(
                    lambda: (self._parent(rng), self._parent(rng)), rng, self._siblings
                )
            )
        self._asked[ticket] = candidate
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take an evaluation; the last one at a rung selects who goes on, or survives.

        In place of one that was rejected another is bred.
        """
        if evaluation.status is Status.REJECTED:
            self._breeding.learn(self._asked.pop(ticket), succeeded=False)
            self._n_to_ask += 1
            return
        self._told[ticket] = evaluation
        if self._n_to_ask or len(self._told) < len(self._asked):
            return
        found = self._found()
        judged = {number for number, one in self._asked.items() if not one.request.fidelity.is_full}
        chosen = self._select([one for one in found if one.ticket in judged], third(len(judged)))
        self._to_continue = {
            one.ticket: self._rungs.next(self._asked[one.ticket], one.ticket) for one in chosen
        }
        if not chosen:  # else heirs, which have fewer rungs, wait for the others
            judged = set(self._asked)
            chosen = self._survivors = self._select([*self._survivors, *found], self._size)
            self._contestants, self._siblings = [], []
        tickets = {individual.ticket for individual in chosen}
        for number in sorted(judged):
            candidate = self._asked.pop(number)
            del self._told[number]
            if number not in self._to_continue:  # or its fate is not known yet
                self._breeding.learn(candidate, succeeded=number in tickets)
        self._n_to_ask = len(self._to_continue) or self._size

    def needed_states(self) -> Collection[int]:
        """Return the tickets that may still be continued, or whose weights may be inherited."""
        return [*self._told, *self._to_continue, *self._breeding.donors(self._survivors)]

    def _parent(self, rng: np.random.Generator) -> Individual:
        """Return the winner of a tournament of the two survivors that are drawn next."""
        if len(self._contestants) < 2:
            order = rng.permutation(len(self._survivors)).tolist()
            self._contestants = [self._survivors[place] for place in order]
        return self._compete(self._contestants.pop(), self._contestants.pop())

    def _found(self) -> list[Individual]:
        """Return those told that succeeded, one of each genome, in order of tickets."""
        seen = {individual.genome.key for individual in self._survivors}
        found = []
        for ticket, evaluation in sorted(self._told.items()):
            genome = self._asked[ticket].request.genome
            if evaluation.status is Status.OK and genome.key not in seen:
                seen.add(genome.key)
                found.append(individual_of(ticket, self._asked[ticket], evaluation, self._objectives))
        return found
