"""Whether a run repeats: its search asked again from the journal, some candidates trained again."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from evocnn.config import Parts
from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status, identity
from evocnn.evaluation.metrics import TIMED
from evocnn.genotype import Fidelity
from evocnn.runs.folder import Run
from evocnn.runs.search import FINAL, parts_of
from evocnn.runs.workers import Workers, executor_of
from evocnn.search import Driver, Ending
from evocnn.store import Journal, Record, States
from evocnn.store.states import FOLDER_NAME, whole_state

POLL_SECONDS = 0.25
READ_OFF_A_CLOCK = (*TIMED, "latency_spread")
REPEATABLE = (Status.OK, Status.DIVERGED)  # the others depend on the machine


@dataclass(frozen=True)
class Replay:
    """What asking a search again gave.

    Attributes:
        ending: How it ended; None where it came to a ticket that the journal does not hold.
        n_asked: Records that it asked again, for the same evaluations.
        n_told: Those of them that it told again, in the same order.
    """

    ending: Ending | None
    n_asked: int
    n_told: int

    def repeats(self, run: Run) -> bool:
        """Return whether that is what the run's journal holds; what was in flight at its end aside.

        Where a budget of time ended the search, what was in flight then is in the journal, and told only
        where all ahead of it was, too.
        """
        if run.status not in FINAL:
            return True
        is_timed = run.experiment.search.budget.seconds is not None
        n_found = self.n_asked if is_timed else self.n_told
        return self.ending == run.status and n_found == len(run.records)


@dataclass(frozen=True)
class Retraining:
    """A candidate that was trained again.

    Attributes:
        record: What the journal holds of it.
        differences: In what the new evaluation differs from it, in sentences; none where it is equal.
    """

    record: Record
    differences: tuple[str, ...]


def verified_parts(run: Run, data: Path | None = None) -> Parts:
    """Return the objects of a run's search; this imports the code that its experiment names.

    Args:
        run: The run.
        data: Where its images lie now, if elsewhere.

    Raises:
        ReplayError: The data are not those of the run.
        EvocnnError: Its experiment or its data cannot be used.
    """
    if "data" not in run.manifest:
        message = f"'{run.folder}' must be a run of an experiment, but it was of a problem; call solve again"
        raise ExperimentError(message)
    return parts_of(run, run.experiment, run.data_path(data), Workers())


def replay(run: Run, parts: Parts) -> Replay:
    """Ask a run's search again and answer all from its journal; nothing is trained, the folder only read.

    Raises:
        ReplayError: It asks for something else than the journal holds.
    """
    known, told = {record.ticket for record in run.records}, set[int]()
    with tempfile.TemporaryDirectory(prefix="evocnn-") as scratch:
        with Journal.open(run.folder, read_only=True) as journal:
            journal.copy_to(Path(scratch))
        with Journal.open(Path(scratch)) as journal:
            driver = Driver(
                parts.algorithm,
                parts.space,
                _NoWorker(),
                journal,
                context=parts.evaluator.context,
                seed=run.experiment.seed,
                window=run.experiment.search.window,
                budget=run.experiment.search.budget,
                rejection=parts.rejection,
                on_told=lambda record: told.add(record.ticket),
            )
            try:
                ending = driver.run()
            except _TrainingNeededError:
                ending = None
    n_asked = sum(ticket < driver.n_asked for ticket in known)
    return Replay(ending, n_asked, len(told & known))


def damaged_states(run: Run) -> list[Path]:
    """Return the saved states that are not as they were saved; those that were dropped are not missed."""
    digests = {record.identity: record.state for record in run.records if record.state is not None}
    found = {run.folder / FOLDER_NAME / name: digest for name, digest in digests.items()}
    return [path for path, digest in found.items() if path.is_file() and whole_state(path, digest) is None]


def retrainable(run: Run) -> list[Record]:
    """Return what can be trained again: no duplicate, and weights that it inherits are still there."""
    donors = {record.ticket: record.identity for record in run.records}
    return [
        record
        for record in run.records
        if record.reused_from is None
        and record.evaluation.status in REPEATABLE
        and (record.donor is None or (run.folder / FOLDER_NAME / donors.get(record.donor, "")).is_file())
    ]


def retrain(run: Run, parts: Parts, n: int, rng: np.random.Generator) -> Iterator[Retraining]:
    """Train random candidates of a run again, in this process, and yield how each compares.

    Args:
        run: The run.
        parts: Its objects.
        n: How many, or all where there are fewer.
        rng: Chooses them.
    """
    records = retrainable(run)
    chosen = sorted(rng.choice(len(records), min(n, len(records)), replace=False)) if records else []
    with closing(executor_of(parts, Workers(), lambda *_: None)) as executor:
        for index in chosen:
            record = records[index]
            request, name = _request(run, parts, record)
            if name != record.identity:
                yield Retraining(record, ("what it depends on, data and protocol, is not what it was",))
                continue
            executor.submit(record.ticket, request)
            while not (finished := executor.wait(POLL_SECONDS)):
                pass
            yield Retraining(record, tuple(_differences(record.evaluation, finished[0][1])))


def _request(run: Run, parts: Parts, record: Record) -> tuple[EvaluationRequest, str]:
    """Return the evaluation of a record, from scratch, and its identity."""
    request = EvaluationRequest(
        parts.space.from_json(record.genome),
        Fidelity(record.epochs, record.n_images, record.share),
        replicate=record.replicate,
        donor=record.donor,
    )
    donor = next((known for known in run.records if known.ticket == record.donor), None)
    if donor is None:
        return request, identity(request, parts.evaluator.context)
    states = States(run.folder)
    states.keep(donor.identity, donor.state or "")
    inherits = replace(
        request, donor_state=states.load(donor.identity), donor_genome=parts.space.from_json(donor.genome)
    )
    return inherits, identity(request, parts.evaluator.context, donor.identity)


def _differences(known: Evaluation, found: Evaluation) -> Iterator[str]:
    """Yield in what two evaluations differ, times aside."""
    if known.status != found.status:
        yield f"status was {known.status}, now {found.status} {found.reason}".rstrip()
        return
    for name in dict.fromkeys((*known.metrics, *found.metrics)):
        before, now = known.metrics.get(name), found.metrics.get(name)
        if before != now and name not in READ_OFF_A_CLOCK:
            yield f"{name} was {before}, now {now}"
    for name, before_each in known.curves.items():
        if repr(before_each) != repr(found.curves.get(name)):  # of equal numbers, also of those that are none
            yield f"its curve of {name} was another"


class _TrainingNeededError(Exception):
    """The search asks for what the journal does not hold."""


class _NoWorker:
    """An executor that evaluates nothing."""

    n_running = 0
    running: Mapping[int, str] = MappingProxyType({})

    @property
    def n_idle(self) -> int:
        """Raise: somebody wants to submit.

        Raises:
            _TrainingNeededError: Always.
        """
        raise _TrainingNeededError

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Do nothing; it is never called."""

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Return nothing."""
        del timeout
        return []

    def close(self) -> None:
        """Do nothing."""
