"""The driver: tickets, virtual clock, journal.

Results are told on a virtual clock, not in the order in which machines finish. W virtual workers
take tickets; a ticket occupies its virtual worker for its predicted cost; the next result told is
the one that ends next on that clock, however long the real one takes. So the sequence of asks and
tells follows from the experiment alone, on one worker and on sixty-four, and resuming is to ask
again and to answer from the journal.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from time import monotonic
from typing import Any

from evocnn.errors import ExperimentError, ReplayError
from evocnn.evaluation import Evaluation, identity
from evocnn.genotype import Space
from evocnn.rng import Purpose, stream
from evocnn.search.algorithm import Algorithm, Candidate
from evocnn.store import Journal, Record
from evocnn.workers import Executor

MAX_DUPLICATES = 100  # in a row; then the space counts as exhausted
POLL_SECONDS = 0.25


def _ignore(_: Record) -> None:
    """Do nothing with a record."""


def _never() -> bool:
    return False


class Ending(StrEnum):
    """Why a search ended."""

    FINISHED = "finished"  # the budget is spent
    EXHAUSTED = "exhausted"  # nothing new is found any more
    INTERRUPTED = "interrupted"  # somebody asked it to stop


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may cost.

    Attributes:
        evaluations: Candidates evaluated; part of the experiment. None for no limit.
        seconds: Wall-clock time over all sessions; it only cuts the sequence. None for no limit.
    """

    evaluations: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A ticket in flight on the virtual clock."""

    candidate: Candidate
    identity: str
    cost: float
    reused_from: int | None


class Driver:
    """Runs a search to its end.

    Args:
        algorithm: Asked and told.
        space: The search space; it predicts costs.
        executor: Evaluates.
        journal: Records each evaluation before it is told, and answers what it already holds.
        context: The evaluator's context, part of every identity.
        seed: The run's seed.
        window: Virtual workers.
        budget: When to stop.
        on_told: Called with each record after it was told.
        should_stop: Asked often; once true, nothing new starts and what runs is finished.

    Attributes:
        seconds_waiting: Time spent in the executor, in seconds; the rest is the driver's own.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        space: Space[Any],
        executor: Executor,
        journal: Journal,
        *,
        context: str,
        seed: int,
        window: int,
        budget: Budget,
        on_told: Callable[[Record], None] = _ignore,
        should_stop: Callable[[], bool] = _never,
    ) -> None:
        self._algorithm = algorithm
        self._space = space
        self._executor = executor
        self._journal = journal
        self._context = context
        self._seed = seed
        self._budget = budget
        self._on_told = on_told
        self._should_stop = should_stop

        self._known = {record.ticket: record for record in journal.records()}
        self._elapsed_before = max((record.elapsed for record in self._known.values()), default=0.0)
        self._began = monotonic()

        self._now = 0.0  # the virtual clock
        self._n_free = window
        self._next_ticket = 0
        self._is_blocked = False  # the algorithm waits for what is in flight
        self._n_evaluations = 0  # asked and not reused
        self._n_duplicates = 0  # in a row
        self._in_flight: list[tuple[float, int]] = []  # heap of (end on the virtual clock, ticket)
        self._asked: dict[int, _Asked] = {}
        self._undispatched: dict[int, float] = {}  # ticket: end on the virtual clock
        self._sources: dict[str, tuple[int, float]] = {}  # identity: its first ticket and that one's end
        self._evaluations: dict[int, Evaluation] = {}
        self.seconds_waiting = 0.0

    def run(self) -> Ending:
        """Ask, evaluate, record and tell until the budget is spent or somebody stops it.

        Raises:
            ReplayError: The journal holds another search than this one.
            WorkerError: The workers are lost.
            JournalError: The journal cannot be written.
        """
        while True:
            self._ask()
            if not self._in_flight:
                return self._ending()
            end, ticket = heapq.heappop(self._in_flight)
            source = self._asked[ticket].reused_from
            if not self._await(ticket if source is None else source):
                return Ending.INTERRUPTED if self._should_stop() else Ending.FINISHED
            self._now = end
            self._n_free += source is None
            self._tell(ticket)

    def _ask(self) -> None:
        """Give every free virtual worker a ticket, as far as algorithm and budget go."""
        self._is_blocked = False
        while self._n_free and not self._is_spent():
            ticket = self._next_ticket
            candidate = self._algorithm.ask(ticket, stream(self._seed, Purpose.BREEDING, ticket))
            if candidate is None:
                self._is_blocked = True
                return
            self._next_ticket += 1
            self._enter(ticket, candidate)
            if self._in_flight[0] == (self._now, ticket):
                return  # a duplicate of something told: tell it before asking on

    def _enter(self, ticket: int, candidate: Candidate) -> None:
        """Put a ticket on the virtual clock; a duplicate costs nothing and ends with its source."""
        request = candidate.request
        donor = self._asked[request.donor].identity if request.donor is not None else ""
        name = identity(request, self._context, donor)
        self._check_replay(ticket, name)
        source, source_end = self._sources.get(name, (None, 0.0))
        cost = self._space.cost(request.genome, request.fidelity) if source is None else 0.0
        self._asked[ticket] = _Asked(candidate, name, cost, source)
        if source is not None:
            self._n_duplicates += 1
            heapq.heappush(self._in_flight, (max(self._now, source_end), ticket))
            return
        self._n_duplicates = 0
        self._n_evaluations += 1
        self._n_free -= 1
        end = self._now + cost
        self._sources[name] = ticket, end
        heapq.heappush(self._in_flight, (end, ticket))
        if ticket in self._known:
            self._evaluations[ticket] = self._known[ticket].evaluation
        else:
            self._undispatched[ticket] = end

    def _check_replay(self, ticket: int, name: str) -> None:
        known = self._known.get(ticket)
        if known is not None and known.identity != name:
            message = (
                f"ticket {ticket} must ask again what the journal holds ({known.text}), but it asked "
                "for another "
                "evaluation; resume with the experiment, data and versions of the run, or start a new one"
            )
            raise ReplayError(message)

    def _await(self, ticket: int) -> bool:
        """Wait until a ticket's evaluation is known; return False where the search was stopped before."""
        while ticket not in self._evaluations:
            if self._should_stop() or self._is_out_of_time():
                while self._executor.n_running:
                    self._collect()
                return ticket in self._evaluations
            self._dispatch()
            self._collect()
        return True

    def _dispatch(self) -> None:
        """Submit while workers are idle: soonest needed first, or the longest where all are needed."""
        while self._undispatched and self._executor.n_idle > 0:
            ends = self._undispatched
            costliest = max(ends, key=lambda t: (self._asked[t].cost, -t)) if self._is_blocked else None
            ticket = min(ends, key=lambda t: (ends[t], t)) if costliest is None else costliest
            del self._undispatched[ticket]
            self._executor.submit(ticket, self._asked[ticket].candidate.request)

    def _collect(self) -> None:
        """Commit what has finished."""
        start = monotonic()
        finished = self._executor.wait(POLL_SECONDS)
        self.seconds_waiting += monotonic() - start
        for ticket, evaluation in finished:
            self._commit(ticket, evaluation)
            self._evaluations[ticket] = evaluation

    def _commit(self, ticket: int, evaluation: Evaluation) -> None:
        asked = self._asked[ticket]
        request = asked.candidate.request
        record = Record(
            ticket=ticket,
            identity=asked.identity,
            reused_from=asked.reused_from,
            key=request.genome.key,
            text=request.genome.text,
            genome=request.genome.to_json(),
            parents=asked.candidate.parents,
            operators=asked.candidate.operators,
            repairs=asked.candidate.repairs,
            epochs=request.fidelity.epochs,
            n_images=request.fidelity.n_images,
            replicate=request.replicate,
            continues=request.continues,
            donor=request.donor,
            cost=asked.cost,
            evaluation=evaluation,
            elapsed=self._elapsed(),
        )
        self._journal.commit(record)
        self._known[ticket] = record

    def _tell(self, ticket: int) -> None:
        source = self._asked[ticket].reused_from
        if source is not None and ticket not in self._known:
            self._commit(ticket, replace(self._evaluations[source], seconds=0.0))
        self._algorithm.tell(ticket, self._known[ticket].evaluation)
        self._on_told(self._known[ticket])

    def _elapsed(self) -> float:
        return self._elapsed_before + monotonic() - self._began

    def _is_out_of_time(self) -> bool:
        return self._budget.seconds is not None and self._elapsed() >= self._budget.seconds

    def _is_spent(self) -> bool:
        limit = self._budget.evaluations
        return (limit is not None and self._n_evaluations >= limit) or self._n_duplicates >= MAX_DUPLICATES

    def _ending(self) -> Ending:
        """Return why nothing is in flight any more.

        Raises:
            ExperimentError: The algorithm waits although all it asked has been told.
        """
        if self._is_blocked:
            message = (
                "an algorithm must answer once all it asked has been told, but it said 'not yet'; "
                "correct its ask"
            )
            raise ExperimentError(message)
        return Ending.EXHAUSTED if self._n_duplicates >= MAX_DUPLICATES else Ending.FINISHED
