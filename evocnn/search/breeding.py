"""Founders and offspring that have not been asked before."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evocnn.evaluation import EvaluationRequest, Individual
from evocnn.genotype import Fidelity, Space
from evocnn.operators import Offspring
from evocnn.search.algorithm import Candidate, Variation

ATTEMPTS = 30  # draws for one ticket before a genome is asked a second time
NEWCOMERS = 0.3  # the share of newcomers among those from which one is chosen
DRAWS_EACH = 3  # for each of these


class Breeding:
    """Makes candidates and remembers which genomes have been asked.

    Args:
        space: The search space.
        variation: How offspring are made.
        fidelity: The fidelity of every request.
        inherit: Share of the epochs for offspring, which then start from the weights of the parent that
            they take after. Not given, all start from their own.

    Attributes:
        space: The search space.
    """

    def __init__(
        self, space: Space[Any], variation: Variation, fidelity: Fidelity, inherit: float | None = None
    ) -> None:
        self.space = space
        self._variation = variation
        self._fidelity = fidelity
        self._inherit = inherit
        self._asked: set[str] = set()
        self._repeated: set[str] = set()  # asked again; no donors, for their states may be gone
        self._founders = list(space.founders)  # not yet asked

    def is_asked(self, genome: Any) -> bool:
        """Return whether a repaired genome has been asked."""
        return genome.key in self._asked

    def founder(self, rng: np.random.Generator) -> Candidate:
        """Return the next of the space's given founders; a draw where all have been asked."""
        return self._first_unseen(lambda: self._next_founder(rng))

    def offspring_of(
        self,
        parents: Callable[[], Sequence[Individual]],
        rng: np.random.Generator,
        siblings: list[Candidate] | None = None,
    ) -> Candidate:
        """Return an offspring of given parents; a newcomer where all that they had have been asked.

        Args:
            parents: Returns mother and father, or one individual that is mutated and not crossed; called
                at every attempt.
            rng: The ticket's stream.
            siblings: For both children of each couple: the list in which the second waits, which then is the
                next; to be emptied when parents may have no more offspring. Not given, each has one child.
        """
        if siblings is None:
            return self._first_unseen(lambda: self._bred(parents(), rng), lambda: self._newcomer(rng))
        return self._first_unseen(lambda: self._next_of(siblings, parents, rng), lambda: self._newcomer(rng))

    def proposed(
        self,
        parents: Callable[[], Sequence[Individual]],
        n: int,
        choose: Callable[[Sequence[Any]], int],
        rng: np.random.Generator,
    ) -> Candidate:
        """Return what is chosen among offspring of given parents and newcomers not yet asked.

        Args:
            parents: As in `offspring_of`.
            n: Offspring and newcomers; fewer where so many are not found.
            choose: From genomes to the place of one.
            rng: The ticket's stream.
        """
        found: dict[str, Candidate] = {}
        for _ in range(DRAWS_EACH * n):
            is_new = rng.random() < NEWCOMERS
            candidate = self._newcomer(rng) if is_new else self._bred(parents(), rng)
            if candidate.request.genome.key not in self._asked:
                found.setdefault(candidate.request.genome.key, candidate)
            if len(found) == n:
                break
        candidates = [*found.values()] or [self.offspring_of(parents, rng)]
        chosen = candidates[choose([one.request.genome for one in candidates])]
        self._asked.add(chosen.request.genome.key)
        return chosen

    def given(self, genome: Any) -> Candidate:
        """Return a genome that an algorithm made by itself, repaired, as a candidate; asked before or not."""
        repaired = self.space.repair(genome)
        self._asked.add(repaired.genome.key)
        return self._candidate(*repaired)

    def learn(self, candidate: Candidate, *, succeeded: bool) -> None:
        """Take whether a candidate survived selection."""
        self._variation.learn(candidate.operators, succeeded=succeeded)

    def donors(self, population: Iterable[Individual]) -> list[int]:
        """Return the tickets of those whose weights offspring may inherit; none where they inherit none."""
        return [] if self._inherit is None else [individual.ticket for individual in population]

    def _bred(self, parents: Sequence[Individual], rng: np.random.Generator) -> Candidate:
        mother, father = parents[0], parents[-1]
        child = self._variation.breed(mother.genome, father.genome, self.space, rng)
        return self._child(child, mother, father)

    def _next_of(
        self,
        siblings: list[Candidate],
        parents: Callable[[], Sequence[Individual]],
        rng: np.random.Generator,
    ) -> Candidate:
        """Return the sibling that waits, or the first of two new ones."""
        if not siblings:
            couple = parents()
            mother, father = couple[0], couple[-1]
            first, second = self._variation.breed_both(mother.genome, father.genome, self.space, rng)
            siblings += [self._child(first, mother, father), self._child(second, father, mother)]
        return siblings.pop(0)

    def _child(self, child: Offspring, mother: Individual, father: Individual) -> Candidate:
        tickets = tuple(dict.fromkeys((mother.ticket, father.ticket)[: child.n_parents]))
        candidate = self._candidate(child.genome, child.repairs, tickets, child.operators)
        return self._heir(candidate, father if child.takes_after else mother)

    def _next_founder(self, rng: np.random.Generator) -> Candidate:
        if self._founders:
            return self._candidate(*self.space.repair(self._founders.pop(0)))
        return self._newcomer(rng)

    def _newcomer(self, rng: np.random.Generator) -> Candidate:
        return self._candidate(*self.space.repair(self.space.draw(rng)))

    def _candidate(
        self, genome: Any, repairs: Any, parents: tuple[int, ...] = (), operators: tuple[str, ...] = ()
    ) -> Candidate:
        fidelity, is_donor = self.space.fidelity(genome, self._fidelity), self._inherit is not None
        request = EvaluationRequest(genome, fidelity, saves_state=is_donor)
        return Candidate(request, parents, operators, repairs)

    def _heir(self, candidate: Candidate, donor: Individual) -> Candidate:
        """Return a candidate that starts from a donor's weights, if offspring do."""
        if self._inherit is None or donor.genome.key in self._repeated:
            return candidate
        fidelity = replace(self._fidelity, epochs=max(1, round(self._inherit * self._fidelity.epochs)))
        return replace(candidate, request=replace(candidate.request, fidelity=fidelity, donor=donor.ticket))

    def _first_unseen(self, *draws: Callable[[], Candidate]) -> Candidate:
        """Return the first draw that has not been asked; after many attempts of each, whatever came last."""
        for draw in draws:
            for _ in range(ATTEMPTS):
                candidate = draw()
                if candidate.request.genome.key not in self._asked:
                    self._asked.add(candidate.request.genome.key)
                    return candidate
        self._repeated.add(candidate.request.genome.key)
        return candidate
