"""A search that has nothing to do with CNNs: strings of bits, a table, and a spy on the algorithm."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Evaluation, EvaluationRequest, Objective, Objectives, Status
from evocnn.genotype import Choice, Choose, Fidelity, Repaired
from evocnn.operators import Offspring
from evocnn.search import (
    Algorithm,
    Breeding,
    Budget,
    Candidate,
    Driver,
    Ending,
    GenerationalNSGA2,
    RandomSearch,
    SteadyStateNSGA2,
)
from evocnn.store import Journal, Record
from evocnn.workers import Executor, SerialExecutor

FIDELITY = Fidelity(epochs=1, n_images=10)  # too short for rungs
TEN_EPOCHS = Fidelity(epochs=10, n_images=10)
OBJECTIVES = Objectives((Objective("ones", 1.0), Objective("zeros", 1.0)))


@dataclass(frozen=True)
class Bits:
    """A string of bits, such as `0110`."""

    text: str

    @property
    def key(self) -> str:
        return self.text

    def to_json(self) -> str:
        return self.text


@dataclass(frozen=True)
class BitSpace:
    """Bit strings of one length; costs of an epoch vary eightfold and do not follow the objectives.

    Attributes:
        n_bits: Their length.
        costs: Costs by text, where a test sets them.
        members: The only strings that are drawn, where a test limits them.
        founders: Strings that a search begins with.
        forbidden: A string that repair replaces by its complement, counting one `flipped` a bit.
    """

    n_bits: int = 8
    costs: dict[str, float] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    founders: tuple[Bits, ...] = ()
    forbidden: str = ""

    def draw(self, rng: np.random.Generator, /) -> Bits:
        if self.members:
            return Bits(self.members[int(rng.integers(len(self.members)))])
        return Bits("".join(str(bit) for bit in rng.integers(2, size=self.n_bits)))

    def compose(self, choose: Choose, /) -> Bits:
        """One decision a bit, `bit.0` and so on."""
        return Bits("".join(choose(f"bit.{i}", Choice(("0", "1"))) for i in range(self.n_bits)))

    def describe(self, genome: Bits, /) -> dict[str, float]:
        return {f"bit.{i}": float(bit) for i, bit in enumerate(genome.text)}

    def repair(self, genome: Bits, /) -> Repaired[Bits]:
        if genome.text != self.forbidden:
            return Repaired(genome, {})
        flipped = genome.text.translate(str.maketrans("01", "10"))
        return Repaired(Bits(flipped), {"flipped": len(flipped)})

    def fidelity(self, genome: Bits, fidelity: Fidelity, /) -> Fidelity:
        """Bits say nothing of it."""
        return fidelity

    def cost(self, genome: Bits, fidelity: Fidelity, /) -> float:
        spread = hashlib.sha256(genome.text.encode()).digest()[0] / 256  # in [0, 1)
        return fidelity.stop * self.costs.get(genome.text, 8**spread)

    def from_json(self, value: Any, /) -> Bits:
        return Bits(value)


@dataclass(frozen=True)
class BitVariation:
    """Uniform crossover, then each bit flips at a rate of one bit a string."""

    def breed(self, mother: Bits, father: Bits, space: BitSpace, rng: np.random.Generator, /) -> Offspring:
        if space.members:
            return Offspring(space.draw(rng), ("resample",), 1, {})
        mixed = [pair[int(rng.integers(2))] for pair in zip(mother.text, father.text, strict=True)]
        return self._flipped(mixed, space, rng)

    def breed_both(
        self, mother: Bits, father: Bits, space: BitSpace, rng: np.random.Generator, /
    ) -> tuple[Offspring, Offspring]:
        if space.members:
            return self.breed(mother, father, space, rng), self.breed(father, mother, space, rng)
        pairs = [*zip(mother.text, father.text, strict=True)]
        taken = [int(rng.integers(2)) for _ in pairs]
        first, second = (
            [pair[place ^ other] for pair, place in zip(pairs, taken, strict=True)] for other in (0, 1)
        )
        return self._flipped(first, space, rng), self._flipped(second, space, rng)

    def _flipped(self, mixed: list[str], space: BitSpace, rng: np.random.Generator) -> Offspring:
        flips = rng.random(len(mixed)) < 1 / len(mixed)
        bits = ["10"[int(bit)] if flip else bit for bit, flip in zip(mixed, flips, strict=True)]
        child, changes = space.repair(Bits("".join(bits)))
        return Offspring(child, ("mix", "flip"), 2, changes)

    def learn(self, operators: Sequence[str], *, succeeded: bool) -> None:
        """Learn nothing."""


@dataclass
class Table:
    """Looks a candidate up: leading ones and trailing zeros, both to be maximized.

    A classic of the theory of multi-objective evolution (Laumanns et al. 2004): the front is
    `1...10...0` with every number of ones. At a rung, the ones are misjudged. A state says whose it
    is and of which epoch, and is refused by anybody else.

    Attributes:
        fails: Which texts fail.
        calls: Texts, in the order in which they were evaluated; at a rung, `0110 to 3`.
        anew: Those of the calls that were to continue and got no state.
    """

    fails: Callable[[str], bool] = lambda text: False
    context: str = "table"
    calls: list[str] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        text, stop = request.genome.text, request.fidelity.stop
        self.calls.append(text if request.fidelity.is_full else f"{text} to {stop}")
        if request.state is not None:
            owner, _, epoch = request.state.decode().partition(" ")
            assert owner == text
            assert int(epoch) < stop
        elif request.continues is not None:
            self.anew.append(self.calls[-1])
        if self.fails(text):
            return Evaluation(Status.OUT_OF_MEMORY, reason="too large")
        ones, zeros = len(text) - len(text.lstrip("1")), len(text) - len(text.rstrip("0"))
        error = hashlib.sha256(text.encode()).digest()[1] / 128 * (1 - request.fidelity.share)
        metrics = {"ones": ones + error, "zeros": float(zeros), "validation_accuracy": ones / len(text)}
        state = f"{text} {stop}".encode() if request.saves_state else None
        return Evaluation(Status.OK, metrics, {"ones": (0.0, ones)}, seconds=len(self.calls), state=state)


@dataclass
class Spy:
    """Writes down what an algorithm is asked and told: `ask 3 0110`, `ask 3 -`, `tell 3 ok`."""

    algorithm: Algorithm
    log: list[str] = field(default_factory=list)

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | None:
        candidate = self.algorithm.ask(ticket, rng)
        asked = candidate.request.genome.text if isinstance(candidate, Candidate) else candidate or "-"
        self.log.append(f"ask {ticket} {asked}")
        return candidate

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        self.algorithm.tell(ticket, evaluation)
        self.log.append(f"tell {ticket} {evaluation.status}")

    def needed_states(self) -> Collection[int]:
        return self.algorithm.needed_states()


@dataclass
class Script:
    """Asks what it is given, in order; None in the script stands for one "not yet".

    Attributes:
        lines: Texts, or whole requests.
        needed: Tickets whose states it says that it needs, once they are told.
    """

    lines: Sequence[str | EvaluationRequest | Ending | None]
    position: int = 0
    needed: Collection[int] = ()
    told: set[int] = field(default_factory=set)

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | None:
        line = self.lines[self.position]
        self.position += 1
        if line is None:
            return None
        if isinstance(line, Ending):
            return line
        return Candidate(EvaluationRequest(Bits(line), FIDELITY) if isinstance(line, str) else line)

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        self.told.add(ticket)

    def needed_states(self) -> Collection[int]:
        return self.told.intersection(self.needed)


@dataclass
class Recorder:
    """An executor that writes down what another is given, and sees that it is never overrun.

    Attributes:
        executor: The other.
        submitted: Tickets, in the order of dispatch.
        crash_after: Tickets that come back before the whole process seems to die.
    """

    executor: Executor
    submitted: list[int] = field(default_factory=list)
    crash_after: int | None = None

    @property
    def n_idle(self) -> int:
        return self.executor.n_idle

    @property
    def n_running(self) -> int:
        return self.executor.n_running

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        assert self.executor.n_idle > 0
        self.submitted.append(ticket)
        self.executor.submit(ticket, request)

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        if self.crash_after == 0:
            raise Crash
        finished = self.executor.wait(timeout)
        if self.crash_after is not None:
            self.crash_after -= len(finished)
        return finished

    def close(self) -> None:
        self.executor.close()


class Crash(Exception):  # noqa: N818 - no error of the program's
    """Stands for the death of the process."""


@dataclass
class Outcome:
    """What a search left behind.

    Attributes:
        ending: Why it ended; None where it crashed.
        log: The spy's.
        told: Tickets that the observer heard of.
        records: The journal's.
        calls: Texts that this session evaluated.
    """

    ending: Ending | None
    log: list[str]
    told: list[int]
    records: list[Record]
    calls: list[str]


def _algorithm(name: str, space: BitSpace, population: int = 8) -> Algorithm:
    """Return an algorithm by name: `random`, `steady`, `generational`, `steady with rungs` and so on."""
    name, _, rungs = name.partition(" with ")
    breeding = Breeding(space, BitVariation(), TEN_EPOCHS if rungs else FIDELITY)
    if name == "random":
        return RandomSearch(breeding)
    if name == "steady":
        return SteadyStateNSGA2(breeding, OBJECTIVES, population, local_search=0, proposals=1)
    return {"generational": GenerationalNSGA2, "assisted": SteadyStateNSGA2}[name](
        breeding, OBJECTIVES, population
    )


def _search(
    journal: Journal,
    algorithm: str | Algorithm = "steady",
    executor: Callable[[Table], Executor] = SerialExecutor,
    *,
    space: BitSpace | None = None,
    table: Table | None = None,
    seed: int = 1,
    window: int = 5,
    evaluations: int | None = 60,
    seconds: float | None = None,
    epochs: int | None = None,
    population: int = 8,
    rejection: Any = None,
    should_stop: Callable[[Outcome], bool] = lambda outcome: False,
) -> Outcome:
    """Run one session of a search and return what it did; the journal may hold earlier ones."""
    space, table = space or BitSpace(), table or Table()
    spy = Spy(_algorithm(algorithm, space, population) if isinstance(algorithm, str) else algorithm)
    outcome = Outcome(None, spy.log, [], [], table.calls)
    driver = Driver(
        spy,
        space,
        executor(table),
        journal,
        context=table.context,
        seed=seed,
        window=window,
        budget=Budget(evaluations, seconds, epochs),
        rejection=rejection,
        on_told=lambda record: outcome.told.append(record.ticket),
        should_stop=lambda: should_stop(outcome),
    )
    try:
        outcome.ending = driver.run()
    except Crash:
        pass
    finally:
        outcome.records = list(journal.records())
    return outcome


def _timeless(records: Sequence[Record]) -> list[Record]:
    """Return records without what may differ from machine to machine."""
    return [replace(r, elapsed=0.0, evaluation=replace(r.evaluation, seconds=0.0)) for r in records]


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    return SimpleNamespace(
        Bits=Bits,
        BitSpace=BitSpace,
        BitVariation=BitVariation,
        Crash=Crash,
        FIDELITY=FIDELITY,
        TEN_EPOCHS=TEN_EPOCHS,
        OBJECTIVES=OBJECTIVES,
        Recorder=Recorder,
        Script=Script,
        Table=Table,
        algorithm=_algorithm,
        search=_search,
        timeless=_timeless,
    )


@pytest.fixture
def new_journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Journal]]:
    """Return a function that makes journals; they do not wait for the disk, for there are many."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    with ExitStack() as stack:

        def make() -> Journal:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            journal = stack.enter_context(Journal.create(folder, {}))
            journal._connection.execute("PRAGMA synchronous = OFF")
            return journal

        yield make


@pytest.fixture
def journal(new_journal: Callable[[], Journal]) -> Journal:
    return new_journal()
