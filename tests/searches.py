"""A search of a few seconds with its serial result, commands to be killed, and what to do to their files.

`conftest.py` loads it, so that all tests have its fixtures.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

import evocnn
from evocnn.store import Journal, Record

EXPERIMENT = """\
name = "integration"
seed = 5

[data]
source = "digits"
images = 800
validation = 0.25

[space]
founder_depth = [1, 3]
limits = { parameters = 20_000, depth = 4 }

[space.layers.conv]
filters = [4, 8, 16]
kernel = [3, 5]

[space.layers.pool]

[space.recipe]
optimizer = ["sgd", "adamw"]
learning_rate = { low = 0.01, high = 0.1, scale = "log" }

[objectives.validation_accuracy]
weight = 1
floor = 0.2

[objectives.parameters]
weight = -1
scale = "log"

[training]
epochs = 4

[search]
population = 4
window = 4
budget = 12
rates = "credit"  # which depends on the order in which results are told
"""
MARK = "EVOCNN_TEST_MARK"  # in the environment of a process and of all that it starts
CLUSTER_MARK = f"cluster-{uuid.uuid4().hex}"  # of this process's cluster: others may test beside it
PATIENCE = 240.0  # seconds; only against hanging


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return what a condition gives once that is true.

    Raises:
        TimeoutError: It never was.
    """
    end = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
    return result


def marked(mark: str, title: str = "") -> list[int]:
    """Return the processes that carry a mark and whose command line holds a title."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment and title.encode() in command:
            found.append(int(folder.name))
    return found


@dataclass
class Command:
    """A process of its own, in a group of its own, as a terminal starts it."""

    process: "subprocess.Popen[str]"
    mark: str

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a terminal does for Ctrl-C."""
        os.killpg(self.process.pid, number)

    def wait(self) -> tuple[int, str, str]:
        """Return exit code and what was written."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def shared_memory(self) -> set[Path]:
        """Return where the shared memory lies that its processes use, whether it has a name there or not."""
        found = set()
        for process in marked(self.mark):
            with suppress(OSError):  # it has ended
                found |= {*re.findall(r" (/dev/shm/\S+)", Path(f"/proc/{process}/maps").read_text())}
        return {Path(path) for path in found}

    def wait_until_gone(self, title: str = "") -> None:
        """Wait until nothing that it started, and whose command line holds a title, lives."""
        wait_for(lambda: not marked(self.mark, title), f"processes of {self.process.args} to end")


def records_in(folder: Path) -> tuple[Record, ...]:
    """Return the rows of a journal that another process may be writing; none before it is there."""
    try:
        with Journal.open(folder, read_only=True) as journal:
            return tuple(journal.records())
    except evocnn.EvocnnError:
        return ()


def wait_for_rows(folder: Path, n_rows: int, command: Command) -> None:
    """Wait until a journal holds so many rows, written by a command that works on."""
    wait_for(
        lambda: len(records_in(folder)) >= n_rows or command.process.poll() is not None,
        f"{n_rows} rows in {folder}",
    )
    assert command.process.poll() is None, command.wait()


def without_times(records: tuple[Record, ...]) -> list[Record]:
    """Return records without times; saved states hold seconds, too, so of each only that it is there."""
    return [
        replace(
            record,
            elapsed=0.0,
            state=record.state and "saved",
            evaluation=replace(record.evaluation, seconds=0.0),
        )
        for record in records
    ]


def execute(folder: Path, statement: str, *values: str) -> None:
    """Change a journal, as no command does."""
    with closing(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as file:
        file.execute(statement, values)


def own_gene(output: str = "shape", counts: str = "Counts()", module: str = "nn.Identity()") -> str:
    """Return a file with a gene of one's own; each of its methods returns an expression of that text."""
    return f"""\
from dataclasses import dataclass
from typing import ClassVar

from evocnn import LayerGene
from evocnn.genotype import Counts, number


@dataclass(frozen=True, slots=True)
class Own(LayerGene):
    code: ClassVar[str] = "own"
    size: int = number("", default=4, low=1)

    def output(self, shape):
        return {output}

    def counts(self, shape):
        return {counts}

    def module(self, shape):
        from torch import nn

        return {module}
"""


class Malicious:
    """Makes a folder when an ordinary unpickler reads it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


class Tools:
    """What the tests share."""

    wait_for = staticmethod(wait_for)
    marked = staticmethod(marked)
    of_cluster = staticmethod(partial(marked, CLUSTER_MARK))
    records_in = staticmethod(records_in)
    wait_for_rows = staticmethod(wait_for_rows)

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def start(self, *arguments: object) -> Command:
        """Start Python with some arguments."""
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, MARK: mark},
        )
        self.commands.append(Command(process, mark))
        return self.commands[-1]

    def resume(self, folder: Path, quiet: evocnn.Run) -> str:
        """Resume a run without Ray, to what a run is that nothing happened to; return what is said."""
        code, out, err = self.evocnn("resume", folder, "--workers", 0).wait()
        assert code == 0, err
        assert without_times(evocnn.open_run(folder).records) == without_times(quiet.records)
        return out

    def evocnn(self, *arguments: object) -> Command:
        """Start the command line."""
        return self.start("-m", "evocnn.cli.main", *arguments)


@pytest.fixture
def tools() -> Iterator[Tools]:
    tools = Tools()
    yield tools
    for command in tools.commands:  # of a test that failed
        for process in marked(command.mark):
            os.kill(process, signal.SIGKILL)
        command.process.communicate()


@pytest.fixture(scope="session")
def experiment_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("integration") / "experiment.toml"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture(scope="session")
def serial(experiment_file: Path) -> Callable[[str], evocnn.Run]:
    """Return a function of an algorithm that gives the run of this process, without Ray."""

    @cache
    def search(algorithm: str = "nsga2") -> evocnn.Run:
        experiment = evocnn.load_experiment(experiment_file, [f"search.algorithm={algorithm}"])
        return evocnn.run(experiment, experiment_file.parent / algorithm)

    return search
