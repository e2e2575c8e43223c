"""Conformance check of algorithms."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, NoReturn

import numpy as np

from evocnn.config.algorithm_names import AlgorithmChoice
from evocnn.config.operator_names import default_crossovers, default_mutations
from evocnn.errors import ConformanceError
from evocnn.evaluation import METRICS, Evaluation, Objective, Objectives, Status, identity
from evocnn.genotype import Choice, Fidelity, GeneAlleles, Head, Limits, Recipe, SearchSpace, Shape
from evocnn.genotype.layers import Conv
from evocnn.operators import Variation
from evocnn.rng import Purpose, derive_seed, stream
from evocnn.search import Algorithm, Breeding, Candidate, Ending, Rungs
from evocnn.testing.example_space import example_space
from evocnn.testing.purity import borrowed_process, moved, random_states, seed_everything

POPULATION = 8
MORE_THAN_SIX = 10  # tickets; each that finds nothing new takes many attempts
FIDELITY = Fidelity(epochs=10, n_images=10)
SEGMENTS = ("layers", "head", "recipe")
NOT_SHARED = "keep what is told in the instance, for what lies in the class is shared by all"
OBJECTIVES = Objectives(
    (
        Objective("validation_accuracy", 1.0, floor=0.2),
        Objective("parameters", -0.1, log=True),
        Objective("generalization_gap", -0.5),
    )
)


def check_algorithm(
    make: Callable[..., Algorithm],
    space: SearchSpace | None = None,
    *,
    n: int = 40,
    seed: int = 0,
    **options: Any,
) -> None:
    """Check that an algorithm keeps the rules that evocnn relies on.

    It answers each ticket with a candidate, with None while something is in flight, or that it is complete.
    It asks for repaired genomes, and its candidates continue, descend and inherit from nothing but tickets
    that were told and succeeded. It copes with evaluations that fail or are rejected, with none that
    succeeds, with any order of telling, and with a space in which nothing new is left. The states that it
    needs are those of tickets that were told. It draws from the ticket's stream alone, and asks the same
    again where it is told the same, also while another instance of it searches.

    Args:
        make: The class, or a function that returns an algorithm.
        space: Where candidates come from; `example_space()` if not given.
        n: Tickets of each search; nothing is trained.
        seed: Of the streams.
        options: The algorithm's own arguments.

    Raises:
        ConformanceError: It breaks a rule.
        ExperimentError: It has no such options, or lacks a method.
    """
    choice = AlgorithmChoice(getattr(make, "__qualname__", repr(make)), make, options)
    wide = space or example_space()
    with borrowed_process():
        for situation in (
            _Situation("one candidate at a time", wide, n, window=1),
            _Situation(
                "any order of telling, with failures and rejections", wide, n, failed=0.2, rejected=0.2
            ),
            _Situation("no success", wide, n, failed=1.0),
            _Situation("a space of six genomes", _six_genomes(), min(n, MORE_THAN_SIX), failed=0.2),
        ):
            beside = replace(
                situation, name=f"{situation.name}, beside another instance of it", remedy=NOT_SHARED
            )
            alone, again = _Trial(choice, situation, seed), _Trial(choice, beside, seed)
            seed_everything(1)
            deque(alone.steps(), maxlen=0)
            seed_everything(2)
            deque(zip_longest(again.steps(), _Trial(choice, beside, seed + 1).steps()), maxlen=0)
            first, second = ([*trial.log, "nothing"] for trial in (alone, again))
            if first != second:
                one, other = next(pair for pair in zip(first, second, strict=False) if pair[0] != pair[1])
                _refuse(
                    choice.name,
                    beside,
                    "ask the same again where it is told the same",
                    f"{one}, then {other}",
                    f"draw from the rng of ask, {NOT_SHARED}, and sort a set before use",
                )


@dataclass(frozen=True)
class _Situation:
    """A kind of search.

    Attributes:
        name: What is special about it.
        space: Its space.
        n: Tickets.
        window: Tickets in flight.
        failed: Share of evaluations that fail.
        rejected: Share of offspring that are rejected.
        remedy: What to do where a call raises.
    """

    name: str
    space: SearchSpace
    n: int
    window: int = 5
    failed: float = 0.0
    rejected: float = 0.0
    remedy: str = "correct it"


@dataclass
class _Trial:
    """A search of which nothing is trained."""

    choice: AlgorithmChoice
    situation: _Situation
    seed: int
    log: list[str] = field(default_factory=list)
    asked: dict[int, Candidate] = field(default_factory=dict)
    in_flight: list[int] = field(default_factory=list)
    succeeded: dict[int, Candidate] = field(default_factory=dict)
    told: dict[int, Evaluation] = field(default_factory=dict)

    def steps(self) -> Iterator[None]:
        """Search, and pause before each ticket is told."""
        space = self.situation.space
        variation = Variation(default_crossovers(SEGMENTS), default_mutations(SEGMENTS))
        algorithm = self.choice.made(
            breeding=Breeding(space, variation, FIDELITY),
            objectives=OBJECTIVES,
            population=POPULATION,
            rungs=Rungs(),
        )
        rng = np.random.default_rng(self.seed)
        while self._fill(algorithm) or self.in_flight:
            yield
            self._tell(algorithm, self.in_flight.pop(int(rng.integers(len(self.in_flight)))))

    def _fill(self, algorithm: Algorithm) -> bool:
        """Ask until the window is full, the algorithm waits or all is asked; return whether one was asked."""
        before = len(self.asked)
        while len(self.asked) < self.situation.n and len(self.in_flight) < self.situation.window:
            ticket = len(self.asked)
            answer = self._called(algorithm.ask, ticket, stream(self.seed, Purpose.BREEDING, ticket))
            if answer is None and not self.in_flight:
                remedy = "answer None only while one of its tickets is not told yet"
                self._refuse("answer once all it asked has been told", "None", remedy)
            if answer is None or answer is Ending.COMPLETE:
                break
            self._check(answer)
            self.log.append(f"ticket {ticket} was {_line(answer)}")
            self.asked[ticket] = answer
            self.in_flight.append(ticket)
        return len(self.asked) > before

    def _tell(self, algorithm: Algorithm, ticket: int) -> None:
        """Tell a ticket; equal requests get equal evaluations."""
        candidate = self.asked[ticket]
        evaluation = self._evaluation(candidate)
        self.told[ticket] = evaluation
        if evaluation.status is Status.OK:
            self.succeeded[ticket] = candidate
        self._called(algorithm.tell, ticket, evaluation)
        needed = self._called(algorithm.needed_states)
        if unknown := sorted(set(needed) - self.told.keys()):
            remedy = "name only tickets that were told"
            self._refuse("need the states of tickets that were told", f"those of {unknown}", remedy)

    def _evaluation(self, candidate: Candidate) -> Evaluation:
        request, situation = candidate.request, self.situation
        name = identity(request, "", str(request.donor))
        if _share(name, "failed") < situation.failed:
            return Evaluation(Status.DIVERGED, reason="made to fail")
        is_judged = candidate.parents and request.continues is None
        if is_judged and _share(name, "rejected") < situation.rejected:
            return Evaluation(Status.REJECTED, reason="made to be rejected")
        genome: Any = request.genome
        counts = genome.counts(situation.space.input_shape, situation.space.n_classes)
        metrics = {
            **dict.fromkeys(METRICS, 1.0),
            "validation_accuracy": _share(name, "accuracy"),
            "generalization_gap": 0.1 * _share(name, "gap"),
            "parameters": float(counts.parameters),
            "flops": float(counts.flops),
        }
        return Evaluation(Status.OK, metrics)

    def _check(self, candidate: Any) -> None:
        """Refuse what is no candidate, or relies on what was not told or has failed."""
        if not isinstance(candidate, Candidate):
            remedy = "return what breeding makes"
            self._refuse("answer with a Candidate, None or Ending.COMPLETE", repr(candidate), remedy)
        request = candidate.request
        genome: Any = request.genome
        if self.situation.space.repair(genome).genome.key != genome.key:
            remedy = "make candidates with breeding.given, which repairs"
            self._refuse("ask for repaired genomes", genome.text, remedy)
        others = [ticket for ticket in (request.continues, request.donor) if ticket is not None]
        if strangers := sorted({*candidate.parents, *others} - self.succeeded.keys()):
            remedy = "keep only what was told with Status.OK"
            self._refuse("build on tickets that were told and succeeded", f"on {strangers}", remedy)
        if request.continues is not None:
            before = self.succeeded[request.continues].request
            if before.genome.key != genome.key or before.fidelity.stop >= request.fidelity.stop:
                value = (
                    f"{_line(candidate)}, which continues {before.genome.text} from {before.fidelity.stop}"
                )
                self._refuse("continue the same genome, further on", value, "use rungs.next")

    def _called(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the algorithm returns, if it neither raises nor draws from elsewhere."""
        states = random_states()
        try:
            result = function(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            value = f"{type(error).__name__}: {error}, raised after {self.log[-1:]}"
            self._refuse(f"take every call of {function.__name__}", value, self.situation.remedy, cause=error)
        if drawn := moved(states):
            self._refuse("draw from rng alone", f"drawn from {drawn}", "call rng's methods")
        return result

    def _refuse(self, rule: str, value: str, remedy: str, *, cause: Exception | None = None) -> NoReturn:
        _refuse(self.choice.name, self.situation, rule, value, remedy, cause=cause)


def _refuse(
    name: str, situation: _Situation, rule: str, value: str, remedy: str, *, cause: Exception | None = None
) -> NoReturn:
    """Raise ConformanceError with a rule, the value that breaks it, the situation and the way out."""
    message = (
        f"algorithm '{name}' must {rule}, but it was {value}, in a search with {situation.name}; {remedy}"
    )
    raise ConformanceError(message) from cause


def _line(candidate: Candidate) -> str:
    """Return a candidate in a line, with all that a repetition must repeat."""
    request, fidelity = candidate.request, candidate.request.fidelity
    told = (
        f"to epoch {fidelity.stop} of {fidelity.epochs} on {fidelity.n_images} images",
        f"replicate {request.replicate}",
        *([f"of {list(candidate.parents)} by {list(candidate.operators)}"] if candidate.parents else []),
        *([f"continuing {request.continues}"] if request.continues is not None else []),
        *([f"with weights of {request.donor}"] if request.donor is not None else []),
        *(["saving its state"] if request.saves_state else []),
    )
    return f"{request.genome.text!r} {', '.join(told)}"


def _share(*parts: str) -> float:
    """Return a number in [0, 1) that follows from the parts."""
    return derive_seed(*parts) / 2**63


def _six_genomes() -> SearchSpace:
    """Return a space of one or two convolutions with two alleles each."""
    return SearchSpace(
        Shape(3, 12, 12),
        3,
        layers=(GeneAlleles(Conv, {"filters": Choice((4, 8)), "kernel": Choice((3,))}),),
        head=GeneAlleles(Head, {}),
        recipe=GeneAlleles(Recipe, {}),
        founder_depth=(1, 2),
        limits=Limits(depth=2),
    )
