"""Algorithms of the package conform; each rule has an algorithm that breaks it alone and is refused."""

import random
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from evocnn.config.algorithm_names import ALGORITHMS
from evocnn.errors import ConformanceError, ExperimentError
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import Choice, Conv, GeneAlleles, Head, Limits, Recipe, SearchSpace, Shape
from evocnn.search import Breeding, Candidate
from evocnn.testing import check_algorithm, example_space

OPTIONS: Mapping[str, Mapping[str, Any]] = {"gene-sweep": {"gene": "head.dropout", "values": [0, 0.3]}}
SLOW = {"tpe": 6}  # tickets that do
N = 30


def small_space() -> SearchSpace:
    """Return a space that a grid can walk."""
    return SearchSpace(
        Shape(3, 12, 12),
        3,
        layers=(GeneAlleles(Conv, {"filters": Choice((4, 8, 16)), "kernel": Choice((1, 3))}),),
        head=GeneAlleles(Head, {"dropout": Choice((0, 0.3))}),
        recipe=GeneAlleles(Recipe, {}),
        founder_depth=(1, 2),
        limits=Limits(depth=2),
    )


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_of_the_package_conforms(name: str) -> None:
    """A grid needs a small space."""
    space = small_space() if name == "grid" else example_space()
    check_algorithm(ALGORITHMS[name], space, n=SLOW.get(name, N), **OPTIONS.get(name, {}))


@pytest.mark.parametrize(
    "options",
    [{"local_search": 0.5}, {"restart_after": 2}],
    ids=["local search", "restarts"],
)
def test_the_options_of_steady_state_conform(options: dict[str, Any]) -> None:
    """They change what is asked."""
    check_algorithm(ALGORITHMS["nsga2"], n=N, **options)


class Plain:
    """Asks for founders and forgets what it is told; what breaks a rule derives from it."""

    def __init__(self, breeding: Breeding) -> None:
        self.breeding = breeding
        self.told: list[int] = []
        self.asked: dict[int, Candidate] = {}

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Return a founder."""
        self.asked[ticket] = self.breeding.founder(rng)
        return self.asked[ticket]

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Remember the ticket."""
        self.told.append(ticket)

    def needed_states(self) -> Collection[int]:
        """Return all that was told."""
        return self.told


class DrawsGlobally(Plain):
    """Draws from Python's random."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Draw."""
        random.random()
        return super().ask(ticket, rng)


class SharesBetweenInstances(Plain):
    """Counts in the class."""

    n_asked = 0

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Draw more with each call of any instance."""
        type(self).n_asked += 1
        rng.random(self.n_asked)
        return super().ask(ticket, rng)


class KeepsCandidatesInTheClass(Plain):
    """Breeds from what was told last, by a dictionary that all instances share."""

    shared: ClassVar[dict[int, Candidate]] = {}

    def __init__(self, breeding: Breeding) -> None:
        super().__init__(breeding)
        self.last: Candidate | None = None

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Draw as often as the last one has layers."""
        if self.last is not None:
            rng.random(len(self.last.request.genome.layers))
        self.shared[ticket] = super().ask(ticket, rng)
        return self.shared[ticket]

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take the candidate out of the dictionary, which is empty in the end."""
        super().tell(ticket, evaluation)
        self.last = self.shared.pop(ticket, None)


class PopsOutOfTheClass(KeepsCandidatesInTheClass):
    """Expects to find there what it asked."""

    shared: ClassVar[dict[int, Candidate]] = {}

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take the candidate out of the dictionary."""
        self.last = self.shared.pop(ticket)


class TrainsEachInstanceOnMore(Plain):
    """Asks for more images with each instance there was."""

    n_instances = 0

    def __init__(self, breeding: Breeding) -> None:
        super().__init__(breeding)
        type(self).n_instances += 1

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Return a founder."""
        candidate = super().ask(ticket, rng)
        fidelity = replace(candidate.request.fidelity, n_images=self.n_instances)
        return replace(candidate, request=replace(candidate.request, fidelity=fidelity))


class WaitsForever(Plain):
    """Never answers after the third ticket."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Answer at first."""
        return super().ask(ticket, rng) if ticket < 3 else None


class AnswersGenomes(Plain):
    """Returns no candidate."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Return a genome."""
        return super().ask(ticket, rng).request.genome


class AsksUnrepaired(Plain):
    """Asks for what is beyond the limits."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Pile layers up."""
        candidate = super().ask(ticket, rng)
        genome = replace(candidate.request.genome, layers=candidate.request.genome.layers * 20)
        return replace(candidate, request=replace(candidate.request, genome=genome))


class BreedsWithoutLooking(Plain):
    """Names a parent that is not told."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Name the ticket before."""
        return replace(super().ask(ticket, rng), parents=(ticket - 1,) if ticket else ())


class BreedsWithTheFailed(Plain):
    """Names a parent whatever its status."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Name the one told last."""
        return replace(super().ask(ticket, rng), parents=tuple(self.told[-1:]))


class ContinuesInPlace(Plain):
    """Continues what is complete."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Ask for what was told last once more."""
        candidate = super().ask(ticket, rng)
        if not self.told:
            return candidate
        before = self.asked[self.told[-1]]
        return replace(before, request=replace(before.request, continues=self.told[-1]))


class NeedsTheUntold(Plain):
    """Needs states of what is in flight."""

    def needed_states(self) -> Collection[int]:
        """Return all that was asked."""
        return self.asked


class TrustsEachEvaluation(Plain):
    """Reads metrics that a failure does not have."""

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Read."""
        super().tell(ticket, evaluation)
        assert evaluation.metrics["parameters"] > 0


class ExpectsOrder(Plain):
    """Takes tickets for told in order."""

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Insist."""
        if ticket != len(self.told):
            raise IndexError(ticket)
        super().tell(ticket, evaluation)


class HatesRejection(Plain):
    """Copes with failures, but not with being rejected."""

    def __init__(self, breeding: Breeding) -> None:
        super().__init__(breeding)
        self.ok: list[int] = []

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Name a parent, so that there is something to reject."""
        return replace(super().ask(ticket, rng), parents=tuple(self.ok[-1:]))

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Raise at a rejection."""
        if evaluation.status is Status.REJECTED:
            raise ValueError("rejected")
        if evaluation.status is Status.OK:
            self.ok.append(ticket)


class Stalls(Plain):
    """Waits for a success."""

    def __init__(self, breeding: Breeding) -> None:
        super().__init__(breeding)
        self.n_ok = 0

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Wait."""
        return super().ask(ticket, rng) if ticket < 3 or self.n_ok else None

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Count successes."""
        self.n_ok += evaluation.status is Status.OK


class RefusesRepetition(Plain):
    """Raises where nothing new is left."""

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        """Insist on something new."""
        keys = {candidate.request.genome.key for candidate in self.asked.values()}
        candidate = super().ask(ticket, rng)
        if candidate.request.genome.key in keys:
            raise LookupError("nothing new")
        return candidate


def test_a_plain_algorithm_conforms() -> None:
    """So it is the rule alone for which those that derive from it are refused."""
    check_algorithm(Plain, n=N)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (DrawsGlobally, "must draw from rng alone, but it was drawn from Python's random"),
        (SharesBetweenInstances, "must ask the same again where it is told the same"),
        (KeepsCandidatesInTheClass, "must ask the same again.*beside another instance.*the class is shared"),
        (PopsOutOfTheClass, "must take every call of tell, but it was KeyError.*; keep what is told"),
        (TrainsEachInstanceOnMore, "must ask the same again.* on 1 images.* on 2 images"),
        (WaitsForever, "must answer once all it asked has been told, but it was None"),
        (AnswersGenomes, "must answer with a Candidate"),
        (AsksUnrepaired, "must ask for repaired genomes"),
        (BreedsWithoutLooking, r"must build on tickets that were told and succeeded, but it was on \[0\]"),
        (BreedsWithTheFailed, "must build on tickets that were told and succeeded"),
        (ContinuesInPlace, "must continue the same genome, further on"),
        (NeedsTheUntold, "must need the states of tickets that were told"),
        (TrustsEachEvaluation, "must take every call of tell, but it was KeyError"),
        (ExpectsOrder, "must take every call of tell, but it was IndexError.*any order of telling"),
        (HatesRejection, "must take every call of tell, but it was ValueError: rejected"),
        (Stalls, "must answer once all it asked has been told.*no success"),
        (RefusesRepetition, "must take every call of ask, but it was LookupError.*six genomes"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_algorithm_that_breaks_a_rule_is_refused(make: Any, complaint: str) -> None:
    """By the rule, and with the situation where it matters."""
    with pytest.raises(ConformanceError, match=f"algorithm '{make.__name__}' {complaint}"):
        check_algorithm(make, n=N)


def test_options_that_it_does_not_have_are_the_callers_mistake() -> None:
    """Not the algorithm's."""
    with pytest.raises(ExperimentError, match="must accept its options"):
        check_algorithm(Plain, n=N, sample=3)


def test_a_method_that_it_lacks_is_named() -> None:
    """Before anything is asked."""

    class Deaf:
        def ask(self, ticket: int, rng: np.random.Generator) -> None:
            """Wait."""

    with pytest.raises(
        ExperimentError, match=r"must have the methods .* had no tell and no needed_states; add"
    ):
        check_algorithm(Deaf)  # type: ignore[arg-type]
