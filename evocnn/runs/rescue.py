"""Saving what is whole of a damaged run into a new run folder."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evocnn.errors import JournalError, RunLockedError
from evocnn.genotype import JSON
from evocnn.runs.folder import MODELS, READINGS, RESUMPTIONS, RUNNING
from evocnn.store import Journal, Record, is_locked, locked
from evocnn.store.csv_file import write_csv
from evocnn.store.durable import write_durably
from evocnn.store.journal import check_new
from evocnn.store.manifest import LIST
from evocnn.store.rescue import Rescued, rescued
from evocnn.store.states import FOLDER_NAME, whole_state

TABLE = "evaluations.csv"  # of rows that can be read and not resumed
OWN = ("run.", TABLE, FOLDER_NAME, MODELS)  # how what a rescue writes begins: one that was cut short, too
RESCUED = "rescued"  # of the manifest: from where, and what was lost
NEEDED = ("experiment", "objectives", "context")  # of the manifest: in every run, and to resume it
NEEDED_TO_TRAIN = ("experiment_folder", "data_path", "data", "protocol", "cost_model")


@dataclass(frozen=True)
class Rescue:
    """What was saved of a run.

    Attributes:
        folder: The new run folder.
        n_committed: Rows that the journal held.
        records: Those that were whole.
        lost_entries: Of the manifest.
        n_states: Saved states that were whole.
    """

    folder: Path
    n_committed: int
    records: tuple[Record, ...]
    lost_entries: tuple[str, ...]
    n_states: int

    @property
    def may_lack_readings(self) -> bool:
        """Whether the test split may have been read more often than the new run says."""
        return not {LIST, READINGS, RESUMPTIONS}.isdisjoint(self.lost_entries)


def rescue(folder: str | Path, out: str | Path) -> Rescue:
    """Save all that is whole of a run into a new run folder; the old one is left as it is.

    Every row that is whole is kept, also after one that is lost: a search that is resumed answers tickets
    from the journal one by one, and trains those anew that are missing. Symbolic links are not followed. Of
    a run that no longer says what it is, nothing can be resumed: what is whole is written as a table.

    Args:
        folder: The run folder.
        out: The new one.

    Raises:
        RunLockedError: A process works on the run.
        JournalError: What the run is cannot be read any more, or the new folder is in use or cannot be
            written.
        DataError: Nor can the table be written.
    """
    folder, out = Path(folder), Path(out)
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        message = (
            f"the new folder must lie outside of the run '{folder}', but it was '{out}'; give another --out"
        )
        raise JournalError(message)
    check_new(out)
    names = sorted(path.name for path in out.glob("*"))
    if others := [name for name in names if not name.startswith(OWN)]:
        message = f"the new folder '{out}' must be empty, but it held '{others[0]}'; give another --out"
        raise JournalError(message)
    if is_locked(folder):
        message = f"run '{folder}' must be at rest to be rescued, but a process works on it; stop it first"
        raise RunLockedError(message)
    found = rescued(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out):
            if lost := _lost(found):
                write_csv(out / TABLE, _table(found.records))
                message = (
                    f"the manifest of '{folder}' must say what the run is, but these of its entries were "
                    f"lost: {', '.join(lost)}; restore the folder from a copy; '{out / TABLE}' holds the "
                    f"{len(found.records)} evaluations that are whole"
                )
                raise JournalError(message)
            n_states = _copy_states(folder, out, found.records)
            _copy_models(folder / MODELS, out / MODELS)
            Journal.create(out, _manifest(folder, found), found.records).__exit__()
    except OSError as error:
        message = f"'{out}' must be writable, but: {error}; make room, or give another --out"
        raise JournalError(message) from error
    return Rescue(out, found.n_committed, found.records, found.lost_entries, n_states)


def _lost(found: Rescued) -> list[str]:
    """Return the entries of the manifest that are lost and without which the run cannot be resumed."""
    experiment = found.manifest.get("experiment")
    is_trained = isinstance(experiment, dict) and "data" in experiment  # else it searched a problem
    needed = {*NEEDED, *(NEEDED_TO_TRAIN if is_trained else ())}
    return sorted(needed - found.manifest.keys())


def _table(records: Sequence[Record]) -> Iterator[Sequence[object]]:
    """Yield evaluations as rows of a table, its titles first."""
    names = sorted({name for record in records for name in record.metrics})
    yield "ticket", "network", "epochs", "share", "replicate", "status", "reason", "seconds", *names
    for record in records:
        came = record.evaluation
        terms = record.ticket, record.text, record.epochs, record.share, record.replicate
        figures = [record.metrics.get(name, "") for name in names]
        yield *terms, came.status.value, came.reason, came.seconds, *figures


def _manifest(folder: Path, found: Rescued) -> dict[str, JSON]:
    """Return the manifest of the new run: one to be resumed, if anything is lost."""
    is_whole = len(found.records) == found.n_committed
    status = found.manifest.get("status", RUNNING) if is_whole else RUNNING
    origin: JSON = {
        "from": str(folder.resolve()),
        "committed": found.n_committed,
        "whole": len(found.records),
        "lost_entries": list(found.lost_entries),
    }
    return {**found.manifest, "status": status, RESCUED: origin}


def _copy_states(folder: Path, out: Path, records: Iterable[Record]) -> int:
    """Copy the saved states that are whole and return how many there are."""
    digests = {record.identity: record.state for record in records if record.state is not None}
    n_states = 0
    for path in _files(folder / FOLDER_NAME):
        if (state := whole_state(path, digests.get(path.name))) is not None:
            write_durably(out / FOLDER_NAME / path.name, state)
            n_states += 1
    return n_states


def _copy_models(source: Path, target: Path) -> None:
    """Copy models with all that lies beside them; each is held against its own digest when it is used."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, ignore=_links, dirs_exist_ok=True)


def _links(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder; none where it is missing or a link."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
