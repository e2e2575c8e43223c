"""A run as its folder holds it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evocnn.config import Experiment
from evocnn.errors import ExperimentError
from evocnn.evaluation import Objective, Objectives
from evocnn.search import Ending, RejectionReport
from evocnn.store import Front, Journal, Record, front_of, is_locked

RUNNING = "running"


@dataclass(frozen=True)
class Run:
    """A run as its folder holds it; reading one imports no code that it names.

    Attributes:
        folder: The run folder.
        status: `running`, `finished`, `complete`, `exhausted` or `interrupted`.
        records: Every evaluation, in order of tickets.
        manifest: Experiment, data, versions, hardware.
    """

    folder: Path
    status: str
    records: tuple[Record, ...]
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.manifest["experiment"]["name"])

    @cached_property
    def candidates(self) -> tuple[Record, ...]:
        """Every candidate that was looked at, as it was judged last; duplicates and repeats aside."""
        evaluated = {r.ticket: r.ticket if r.reused_from is None else r.reused_from for r in self.records}
        continued = {evaluated[r.continues] for r in self.records if r.continues is not None}
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
            record = by_ticket[record.donor]
        return tuple(line)

    @property
    def n_epochs(self) -> int:
        """Epochs that were trained, as they are charged to the budget."""
        return sum(record.n_epochs for record in self.records)

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
        home = self.manifest.get("experiment_folder", ".")  # a problem that was solved has none
        try:
            return Experiment.from_dict(
                self.manifest["experiment"], folder=Path(home), source=f"experiment of {self.folder}"
            )
        except ExperimentError as error:
            message = (
                f"the run's experiment must be importable again, but:\n{error}\n"
                "put the modules back, or give the experiment in Python: evocnn.resume(folder, experiment)"
            )
            raise ExperimentError(message) from error


def open_run(folder: str | Path) -> Run:
    """Return a run as its folder holds it, also while it is running.

    Raises:
        JournalError: The folder holds no readable run.
    """
    folder = Path(folder)
    with Journal.open(folder, read_only=True) as journal:
        manifest: dict[str, Any] = journal.manifest()
        records = tuple(journal.records())
    status = str(manifest.pop("status"))
    if status == RUNNING and not is_locked(folder):
        status = Ending.INTERRUPTED.value  # its process is gone
    return Run(folder, status, records, manifest)
