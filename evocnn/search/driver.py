"""The driver: tickets, virtual clock, journal.

Results are told on a virtual clock, not in the order in which machines finish. W virtual workers
take tickets; a ticket occupies its virtual worker for its predicted cost; the next result told is
the one that ends next on that clock, however long the real one takes. So the sequence of asks and
tells follows from the experiment alone, on one worker and on sixty-four, and resuming is to ask
again and to answer from the journal.
"""

import heapq
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from time import monotonic, time
from typing import Any

import numpy as np

from evocnn.errors import ExperimentError, ReplayError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status, identity
from evocnn.genotype import Space
from evocnn.rng import Purpose, stream
from evocnn.search.algorithm import Algorithm, Candidate
from evocnn.search.budget import Budget, Ending
from evocnn.search.rejection import Rejection
from evocnn.store import Journal, Record, Running, States
from evocnn.workers import Executor

MAX_DUPLICATES = 100  # in a row; then the space counts as exhausted
POLL_SECONDS = 0.25


def _ignore(_: Record) -> None:
    """Do nothing with a record."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Asked:
    """A ticket in flight on the virtual clock."""

    candidate: Candidate
    identity: str
    cost: float
    n_epochs: int
    reused_from: int | None
    is_rejected: bool = False

    @property
    def is_evaluated(self) -> bool:
        """Whether it occupies a virtual worker: it is neither a duplicate nor rejected."""
        return self.reused_from is None and not self.is_rejected


class Driver:
    """Runs a search to its end.

    Args:
        algorithm: Asked and told.
        space: The search space; it predicts costs.
        executor: Evaluates.
        journal: Records each evaluation before it is told, and answers what it already holds; saved
            states lie in its folder.
        context: The evaluator's context, part of every identity.
        seed: The run's seed.
        window: Virtual workers.
        budget: When to stop.
        rejection: Judges offspring ahead of training; None for training all.
        on_told: Called with each record after it was told.
        on_running: Called with all that is being trained, ahead of waiting for it, where that has changed.
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
        rejection: Rejection | None = None,
        on_told: Callable[[Record], None] = _ignore,
        on_running: Callable[[tuple[Running, ...]], None] | None = None,
        should_stop: Callable[[], bool] = _never,
    ) -> None:
        self._algorithm = algorithm
        self._space = space
        self._executor = executor
        self._journal = journal
        self._context = context
        self._seed = seed
        self._budget = budget
        self._rejection = rejection
        self._on_told = on_told
        self._on_running = on_running
        self._should_stop = should_stop

        self._known = {record.ticket: record for record in journal.records()}
        self._elapsed_before = max((record.elapsed for record in self._known.values()), default=0.0)
        self._began = monotonic()

        self._now = 0.0  # the virtual clock
        self._n_free = window
        self._next_ticket = 0
        self._is_blocked = False  # the algorithm waits for what is in flight
        self._is_complete = False  # or has nothing more to ask
        self._n_epochs = 0  # asked
        self._n_trainings = Fraction(0)  # asked, in full trainings
        self._n_duplicates = 0  # in a row
        self._in_flight: list[tuple[float, int]] = []  # heap of (end on the virtual clock, ticket)
        self._asked: dict[int, _Asked] = {}
        self._undispatched: dict[int, float] = {}  # ticket: end on the virtual clock
        self._sources: dict[str, tuple[int, float]] = {}  # identity: its first ticket and that one's end
        self._evaluations: dict[int, Evaluation] = {}
        self._since: dict[int, tuple[float, float]] = {}  # dispatched: in Unix time, in seconds of search
        self._shown: dict[int, str] = {}  # where tickets are evaluated, as it was said last
        self._states = States(journal.path.parent)
        self.seconds_waiting = 0.0

    @property
    def n_asked(self) -> int:
        """How many tickets were asked: all below this number."""
        return self._next_ticket

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
            asked = self._asked[ticket]
            if not self._await(ticket if asked.reused_from is None else asked.reused_from):
                return Ending.INTERRUPTED if self._should_stop() else Ending.FINISHED
            self._now = end
            self._n_free += asked.is_evaluated
            self._tell(ticket)

    def _ask(self) -> None:
        """Give every free virtual worker a ticket, as far as algorithm and budget go."""
        self._is_blocked = self._is_complete = False
        while self._n_free and not self._is_spent():
            ticket = self._next_ticket
            rng = stream(self._seed, Purpose.BREEDING, ticket)
            answer = self._algorithm.ask(ticket, rng)
            if not isinstance(answer, Candidate):
                self._is_blocked, self._is_complete = True, answer is Ending.COMPLETE
                return
            self._next_ticket += 1
            self._enter(ticket, answer, rng)
            if self._in_flight[0] == (self._now, ticket):
                return  # rejected, or a duplicate of something told: tell it before asking on

    def _enter(self, ticket: int, candidate: Candidate, rng: np.random.Generator) -> None:
        """Put a ticket on the virtual clock.

        A duplicate costs nothing and ends with its source; what is rejected costs nothing and ends at once.
        """
        request = candidate.request
        donor = self._asked[request.donor].identity if request.donor is not None else ""
        name = identity(request, self._context, donor)
        source, source_end = self._sources.get(name, (None, 0.0))
        objection = self._objection(candidate, rng) if source is None else ""
        self._check_replay(ticket, name, is_rejected=bool(objection))
        if source is not None:
            self._asked[ticket] = _Asked(candidate, name, 0.0, 0, source)
            self._n_duplicates += 1
            heapq.heappush(self._in_flight, (max(self._now, source_end), ticket))
            return
        if objection:
            self._asked[ticket] = _Asked(candidate, name, 0.0, 0, None, is_rejected=True)
            self._evaluations[ticket] = Evaluation(Status.REJECTED, reason=objection)
            heapq.heappush(self._in_flight, (self._now, ticket))
            return
        cost, n_epochs = self._charge(request)
        self._asked[ticket] = _Asked(candidate, name, cost, n_epochs, None)
        self._n_duplicates = 0
        self._n_epochs += n_epochs
        self._n_trainings += Fraction(n_epochs, self._full_epochs(request))
        self._n_free -= 1
        end = self._now + cost
        self._sources[name] = ticket, end
        heapq.heappush(self._in_flight, (end, ticket))
        if ticket in self._known:
            self._evaluations[ticket] = self._known[ticket].evaluation
        else:
            self._undispatched[ticket] = end

    def _objection(self, candidate: Candidate, rng: np.random.Generator) -> str:
        """Return why an offspring is rejected, or nothing; what was looked at before is not judged."""
        request = candidate.request
        is_offspring = candidate.parents and request.continues is None and request.replicate == 0
        if self._rejection is None or not is_offspring:
            return ""
        return self._rejection.objection(request.genome, rng)

    def _charge(self, request: EvaluationRequest) -> tuple[float, int]:
        """Return predicted seconds and epochs of a request: of a continuation, what it adds."""
        cost, n_epochs = self._space.cost(request.genome, request.fidelity), request.fidelity.stop
        if request.continues is not None:
            before = self._asked[request.continues].candidate.request.fidelity
            cost, n_epochs = cost - self._space.cost(request.genome, before), n_epochs - before.stop
        return cost, n_epochs

    def _full_epochs(self, request: EvaluationRequest) -> int:
        """Return the epochs of full training from scratch: those with which a line of donors began."""
        while request.donor is not None:
            request = self._asked[request.donor].candidate.request
        return request.fidelity.epochs

    def _check_replay(self, ticket: int, name: str, *, is_rejected: bool) -> None:
        known = self._known.get(ticket)
        if known is not None and (
            known.identity != name or (known.evaluation.status is Status.REJECTED) != is_rejected
        ):
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
            self._since[ticket] = time(), self._elapsed()
            self._executor.submit(ticket, self._with_states(self._asked[ticket].candidate.request))

    def _with_states(self, request: EvaluationRequest) -> EvaluationRequest:
        """Return a request with the saved states that it needs; one to continue may be missing.

        Raises:
            ReplayError: A donor's state is missing, and none to continue makes up for it.
        """
        if request.continues is None and request.donor is None:
            return request
        state, donor_state = (
            None if ticket is None else self._states.load(self._asked[ticket].identity)
            for ticket in (request.continues, request.donor)
        )
        if request.donor is None:
            return replace(request, state=state)
        if state is None and donor_state is None:
            message = (
                f"the state of ticket {request.donor}, whose weights are inherited, must lie in the run "
                "folder, but it was missing or damaged; put it back from a copy, or start a new run"
            )
            raise ReplayError(message)
        donor = self._asked[request.donor].candidate.request.genome
        return replace(request, state=state, donor_state=donor_state, donor_genome=donor)

    def _collect(self) -> None:
        """Commit what has finished; where one cannot be, the others are before that is raised."""
        self._show_running()
        start = monotonic()
        finished = self._executor.wait(POLL_SECONDS)
        self.seconds_waiting += monotonic() - start
        with ExitStack() as stack:
            for ticket, evaluation in reversed(finished):
                stack.callback(self._keep, ticket, evaluation)

    def _keep(self, ticket: int, evaluation: Evaluation) -> None:
        """Save the state of an evaluation, if it has one, and commit it."""
        name, state = self._asked[ticket].identity, evaluation.state
        digest = None if state is None else self._states.save(name, state)
        self._evaluations[ticket] = evaluation if state is None else replace(evaluation, state=None)
        self._commit(ticket, self._evaluations[ticket], digest)

    def _show_running(self) -> None:
        """Say what is being trained, and where, if anybody wants to know."""
        if self._on_running is None:
            return
        where = dict(self._executor.running)
        if where != self._shown:
            self._shown = where
            self._on_running(tuple(self._running(ticket, worker) for ticket, worker in where.items()))

    def _running(self, ticket: int, worker: str) -> Running:
        request, n_epochs = self._asked[ticket].candidate.request, self._asked[ticket].n_epochs
        stop, epochs = request.fidelity.stop, request.fidelity.epochs
        since, elapsed = self._since[ticket]
        return Running(ticket, request.genome.text, worker, since, elapsed, stop - n_epochs, stop, epochs)

    def _commit(self, ticket: int, evaluation: Evaluation, state: str | None) -> None:
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
            share=request.fidelity.share,
            replicate=request.replicate,
            continues=request.continues,
            donor=request.donor,
            cost=asked.cost,
            n_epochs=asked.n_epochs,
            evaluation=evaluation,
            state=state,
            elapsed=self._elapsed(),
        )
        self._journal.commit(record)
        self._known[ticket] = record

    def _tell(self, ticket: int) -> None:
        source = self._asked[ticket].reused_from
        if ticket not in self._known:  # nothing was evaluated
            if source is None:
                self._commit(ticket, self._evaluations[ticket], None)
            else:
                evaluation = replace(self._evaluations[source], seconds=0.0)
                self._commit(ticket, evaluation, self._known[source].state)
        record = self._known[ticket]
        if record.state is not None and source is None:
            self._states.keep(record.identity, record.state)
        if self._rejection is not None:
            self._rejection.learn(self._asked[ticket].candidate.request, record.evaluation)
        self._algorithm.tell(ticket, record.evaluation)
        self._drop_states()
        self._on_told(record)

    def _drop_states(self) -> None:
        """Delete the states of told tickets that neither algorithm nor uncommitted tickets can need.

        What is halted at a rung needs its donor's, too: should its own be lost, it is trained anew. Once
        the budget is spent nothing is deleted: with a larger one, the next ticket would have been asked now.
        """
        if self._is_spent():
            return
        uncommitted = [self._asked[t].candidate.request for _, t in self._in_flight if t not in self._known]
        needed = set(self._algorithm.needed_states())
        requests = [self._asked[ticket].candidate.request for ticket in needed]
        halted = [request for request in requests if not request.fidelity.is_full]
        needed |= {r.continues for r in uncommitted if r.continues is not None}
        needed |= {r.donor for r in (*uncommitted, *halted) if r.donor is not None}
        self._states.drop_all_but({self._asked[ticket].identity for ticket in needed})

    def _elapsed(self) -> float:
        return self._elapsed_before + monotonic() - self._began

    def _is_out_of_time(self) -> bool:
        return self._budget.seconds is not None and self._elapsed() >= self._budget.seconds

    def _is_spent(self) -> bool:
        is_exhausted = self._n_duplicates >= MAX_DUPLICATES
        return is_exhausted or self._budget.is_spent(self._n_trainings, self._n_epochs)

    def _ending(self) -> Ending:
        """Return why nothing is in flight any more.

        Raises:
            ExperimentError: The algorithm waits although all it asked has been told.
        """
        if self._is_complete:
            return Ending.COMPLETE
        if self._is_blocked:
            message = (
                "an algorithm must answer once all it asked has been told, but it said 'not yet'; "
                "correct its ask"
            )
            raise ExperimentError(message)
        return Ending.EXHAUSTED if self._n_duplicates >= MAX_DUPLICATES else Ending.FINISHED
