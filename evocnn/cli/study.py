"""What the scripts of `experiments/` and `benchmarks/` share: their options, what is kept, and how they end.

A script hands `perform` a function that takes what was asked and returns its figures by name.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import typer

from evocnn.cli.search import EXIT_INTERRUPTED, resumed, searched
from evocnn.config import Experiment, to_plain
from evocnn.errors import EvocnnError, ExperimentError, ReplayError
from evocnn.report.figures import FULL, QUICK, Figure, Outcome, write_outcome
from evocnn.runs import Run, Workers, open_run
from evocnn.runs.search import FINAL
from evocnn.search import Ending
from evocnn.store import environment
from evocnn.store.journal import FILE_NAME

EXPERIMENT = "experiment.toml"  # in the folder of a study that needs no script of its own
SECONDS = "seconds.txt"  # of the sessions so far
WORKERS = Workers(2)  # which all studies are stated for
EXIT_MISTAKE = 2  # 1 says of `evocnn reproduce` that figures did not repeat


@dataclass(frozen=True)
class Asked:
    """What a study is asked for.

    Attributes:
        data: Folder of the images, or of folders of them by name; None for downloads.
        runs: What is kept, so that the study goes on after an interruption.
        out: Where tables, pictures and figures go.
        is_quick: Whether the quick form is wanted.
    """

    data: Path | None
    runs: Path
    out: Path
    is_quick: bool

    @property
    def form(self) -> str:
        """The name of the form."""
        return QUICK if self.is_quick else FULL

    @property
    def workers(self) -> Workers:
        """Where networks train: in the quick form in this process, for Ray takes longer to start."""
        return Workers(0) if self.is_quick else WORKERS

    def data_of(self, name: str) -> Path | None:
        """Return where the images of a data set lie: in a folder of its name, or in the one given."""
        named = None if self.data is None else self.data / name
        return named if named is not None and named.exists() else self.data

    def given_data(self, name: str, what: str) -> Path:
        """Return where data lie that cannot be downloaded.

        Args:
            name: Of their folder, as in `data_of`.
            what: What they are, for the error.

        Raises:
            ExperimentError: Nobody said where they are.
        """
        found = self.data_of(name)
        if found is None:
            message = f"--data must name the folder of {what}, but it was left out; give it"
            raise ExperimentError(message)
        return found

    def write(self, name: str, lines: Sequence[str]) -> None:
        """Write a table or a text."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / name).write_text("\n".join(lines).strip() + "\n", encoding="utf-8")


Study = Callable[[Asked], Mapping[str, Figure]]


def perform(study: Study, about: str | None, arguments: Sequence[str] | None = None) -> None:
    """Run a study as a script: read its options, go on with what is kept, and write its figures.

    Args:
        study: Takes what is asked, returns figures by name.
        about: The script's docstring.
        arguments: In place of the command line's.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the images, or of folders of them by name")
    home = Path(sys.argv[0]).resolve().parent
    kept = Path("runs") / home.name
    parser.add_argument("--runs", type=Path, default=kept, help="what is kept, to go on after interruptions")
    parser.add_argument("--out", type=Path, help="for tables, pictures and figures.json; default: as --runs")
    parser.add_argument("--quick", action="store_true", help="a few minutes, which show that all works")
    given = parser.parse_args(arguments)
    data = None if given.data is None else given.data.resolve()
    asked = Asked(data, given.runs, given.out or given.runs, given.quick)
    _end(lambda: conclude(study, asked, f"{home.parent.name}/{home.name}"))


def conclude(study: Study, asked: Asked, name: str) -> None:
    """Run a study and write its figures, with the time of all its sessions and what kept runs were made with.

    Raises:
        ExperimentError: There are images given that do not lie there.
    """
    if asked.data is not None and not asked.data.exists():
        message = f"--data must name a folder that is there, but it was '{asked.data}'; correct it"
        raise ExperimentError(message)
    asked.runs.mkdir(parents=True, exist_ok=True)
    where = environment()  # before anything is written: a result would make the tree another one
    file, began = asked.runs / SECONDS, monotonic()
    before = float(file.read_text(encoding="utf-8")) if file.exists() else 0.0
    try:
        figures = study(asked)
    finally:
        seconds = before + monotonic() - began
        file.write_text(f"{seconds:.1f}", encoding="utf-8")
    command = f"evocnn reproduce {name}{' --quick' if asked.is_quick else ''}"
    made_with = _joined([where, *_environments(asked.runs)])
    write_outcome(asked.out, asked.form, Outcome(figures, command, round(seconds, 1), made_with))


def _environments(runs: Path) -> Iterator[Mapping[str, str | int]]:
    """Yield what kept runs were begun with, some perhaps in an earlier session."""
    for file in runs.rglob(FILE_NAME):
        with suppress(EvocnnError, KeyError):  # damaged ones of a benchmark; searches of a table name none
            yield open_run(file.parent).manifest["environment"]


def _joined(environments: Sequence[Mapping[str, str | int]]) -> dict[str, str | int]:
    """Return the first of several environments, with all values where they differ."""
    joined = dict(environments[0])
    for name, value in joined.items():
        if any(one.get(name) != value for one in environments):
            joined[name] = ", ".join(sorted({str(one.get(name, "unknown")) for one in environments}))
    return joined


def kept_run(experiment: Experiment, folder: Path, data: Path | None, workers: Workers) -> Run:
    """Return the run of an experiment at its end; one that was begun before goes on.

    Raises:
        ReplayError: The folder holds a run of another experiment.
        KeyboardInterrupt: Somebody asked to stop.
    """
    if (folder / FILE_NAME).exists():
        known = open_run(folder)
        if known.manifest["experiment"] != to_plain(experiment.tables):
            message = (
                f"'{folder}' must hold a run of this experiment, but it was begun with another; remove that "
                "folder to begin anew"
            )
            raise ReplayError(message)
        found = known if known.status in FINAL else resumed(folder, workers, data)
    else:
        found = searched(experiment, folder, workers, data)
    if found.status == Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return found


def _end(action: Callable[[], None]) -> None:
    """Do what a script does, and end with the exit codes of `evocnn`."""
    try:
        action()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except typer.Exit as ending:
        sys.exit(ending.exit_code)
    except EvocnnError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(EXIT_MISTAKE)
