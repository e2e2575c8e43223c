"""A run as its folder holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from evocnn.config import Experiment
from evocnn.config.meaning import meaning
from evocnn.config.user_code import refusing_code
from evocnn.errors import ExperimentError, JournalError
from evocnn.evaluation import Objective, Objectives
from evocnn.genotype import JSON
from evocnn.runs.spending import Spending
from evocnn.search import Ending, RejectionReport
from evocnn.store import Front, Journal, Record, front_of, is_locked
from evocnn.store.reading import read_journal

RUNNING = "running"
READINGS = "tests"  # of the manifest: every reading of the test split, first to last
MODELS = "models"  # in the run folder: networks that were trained in full
RESUMPTIONS = "resumed_after_tests"  # of the manifest: every time the search went on after a reading


@dataclass(frozen=True)
class Run:
    """A run as its folder holds it; reading one imports no code that it names.

    Attributes:
        folder: The run folder.
        status: `running`, `finished`, `complete`, `exhausted` or `interrupted`.
        records: Every evaluation, in order of tickets.
        manifest: Experiment, data, versions, hardware.
        is_trusted: Whether code that it names may be imported to compare it with others.
    """

    folder: Path
    status: str
    records: tuple[Record, ...]
    manifest: dict[str, Any]
    is_trusted: bool = False

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.manifest["experiment"]["name"])

    @cached_property
    def candidates(self) -> tuple[Record, ...]:
        """Every candidate that was looked at, as it was judged last; duplicates and repeats aside."""
        evaluated = {r.ticket: r.ticket if r.reused_from is None else r.reused_from for r in self.records}
        continued = {evaluated.get(r.continues) for r in self.records if r.continues is not None}
        first = {r.key for r in self.records if r.replicate == 0}
        return tuple(
            r
            for r in self.records
            if r.reused_from is None
            and r.ticket not in continued
            and (r.replicate == 0 or r.key not in first)
        )

    def donors(self, record: Record) -> tuple[int, ...]:
        """Return the tickets along the line of donors whose weights a candidate started from, last first."""
        by_ticket = {known.ticket: known for known in self.records}
        line: list[int] = []
        while record.donor is not None:
            line.append(record.donor)
            if record.donor not in by_ticket:  # of what was rescued, some may be missing
                break
            record = by_ticket[record.donor]
        return tuple(line)

    @property
    def home(self) -> Path:
        """Where the modules that its experiment names are looked for first."""
        return Path(self.manifest.get("experiment_folder", "."))  # a problem that was solved has none

    def data_path(self, given: str | Path | None = None) -> Path | None:
        """Return where the run's images lie, as given or as it was run; None for its experiment's own."""
        path = given if given is None else Path(given).resolve()
        stored = self.manifest.get("data_path")
        return path or (None if stored is None else Path(stored))

    @property
    def readings(self) -> list[dict[str, Any]]:
        """Every reading of the test split, first to last: `reading`, `when`, `what` and `accuracies`."""
        found: list[dict[str, Any]] = self.manifest.get(READINGS, [])
        return found

    @property
    def resumptions(self) -> list[dict[str, Any]]:
        """Every time the search went on after a reading: `when`, after how many `readings` and `records`."""
        found: list[dict[str, Any]] = self.manifest.get(RESUMPTIONS, [])
        return found

    @cached_property
    def spending(self) -> Spending:
        """What the records were charged together."""
        return Spending.of(self.records)

    @property
    def n_epochs(self) -> int:
        """Epochs that were trained, as they are charged to the budget."""
        return self.spending.n_epochs

    @property
    def rejection(self) -> RejectionReport | None:
        """What rejections rested on when the search last ended; None where nothing is rejected."""
        report = self.manifest.get("rejection")
        return None if report is None else RejectionReport(**report)

    @cached_property
    def objectives(self) -> Objectives:
        """The objectives, with the floors and references that followed from the data."""
        return Objectives(tuple(Objective(**values) for values in self.manifest["objectives"]))

    @cached_property
    def front(self) -> Front:
        """The Pareto front of all that was trained in full."""
        return front_of(self.records, self.objectives)

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment; this imports the code that it names.

        Raises:
            ExperimentError: That code cannot be imported any more.
        """
        try:
            return Experiment.from_dict(
                self.manifest["experiment"], folder=self.home, source=f"experiment of {self.folder}"
            )
        except ExperimentError as error:
            message = (
                f"the run's experiment must be importable again, but:\n{error}\n"
                "put modules that are missing back, or give the experiment in Python: "
                "evocnn.resume(folder, experiment)"
            )
            raise ExperimentError(message) from error

    @cached_property
    def meaning(self) -> dict[str, JSON] | None:
        """What its experiment means; see `meaning_of`."""
        return self.meaning_of(self.manifest["experiment"])

    def meaning_of(self, tables: Mapping[str, Any]) -> dict[str, JSON] | None:
        """Return what an experiment in place of the run's own would mean; None where that cannot be told.

        Unless the run is trusted no code is imported: the names of functions and classes say enough, but
        nothing can be told where there are genes of one's own. It never can of a problem that was solved.
        """
        try:
            with refusing_code("give --trust", unless=self.is_trusted, leaves_names=True):
                return meaning(Experiment.from_dict(tables, folder=self.home))
        except ExperimentError:
            return None


def open_run(folder: str | Path) -> Run:
    """Return a run as its folder holds it, also while it is running.

    Raises:
        JournalError: The folder holds no readable run.
    """
    folder = Path(folder)

    def whole(journal: Journal) -> Run:
        manifest = manifest_of(journal)
        records = tuple(journal.records())
        return Run(folder, manifest.pop("status"), records, manifest)

    was_locked = is_locked(folder)
    run = read_journal(folder, whole)
    return replace(run, status=status_of(run.status, folder, was_locked=was_locked))


def manifest_of(journal: Journal) -> dict[str, Any]:
    """Return the manifest of a run.

    Raises:
        JournalError: It cannot be read, was altered, or lacks what every run has.
    """
    manifest: dict[str, Any] = journal.manifest()
    if missing := [name for name in ("status", "experiment", "objectives") if name not in manifest]:
        message = (
            f"the manifest of '{journal.path}' must hold what the run is, but '{missing[0]}' was missing; "
            "restore it from a copy"
        )
        raise JournalError(message)
    try:
        _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = (
            f"the manifest of '{journal.path}' must hold what the run is, but its "
            f"'{'.'.join(map(str, first['loc']))}' made no sense ({first['msg']}); restore it from a copy"
        )
        raise JournalError(message) from error
    rejection, allowed = manifest.get("rejection") or {}, {field.name for field in fields(Objective)}
    unknown = {name for values in manifest["objectives"] for name in values} - allowed
    unknown |= rejection.keys() - {field.name for field in fields(RejectionReport)}
    if unknown:
        message = (
            f"the manifest of '{journal.path}' must hold what the run is, but objectives or rejection had "
            f"'{min(unknown)}'; restore it from a copy"
        )
        raise JournalError(message)
    return manifest


class _Named(BaseModel):
    """What every experiment has."""

    name: str


class _Manifest(BaseModel):
    """What is read of a manifest, whoever wrote it."""

    status: str
    experiment: _Named
    objectives: list[Objective] = Field(min_length=1)
    rejection: RejectionReport | None = None
    tests: list[dict[str, Any]] = []
    resumed_after_tests: list[dict[str, Any]] = []


def status_of(stored: str, folder: Path, *, was_locked: bool) -> str:
    """Return a run's status: without its process it is interrupted.

    Args:
        stored: The one that its journal holds.
        folder: The run folder.
        was_locked: Whether a process worked on it before its journal was read: one that has ended since
            has not been interrupted.
    """
    is_left = stored == RUNNING and not was_locked and not is_locked(folder)
    return Ending.INTERRUPTED.value if is_left else stored
