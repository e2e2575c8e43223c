"""Runs that nobody trained, in memory and in folders."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from evocnn.evaluation import Evaluation, Objective, Status
from evocnn.runs import Run
from evocnn.store import Journal, Record

OBJECTIVES = (
    Objective("validation_accuracy", 1.0, floor=0.3, reference=0.1),
    Objective("parameters", -1.0, log=True, reference=5000.0),
)


def _record(ticket: int, accuracy: float, parameters: float, **changes: Any) -> Record:
    metrics = {"validation_accuracy": accuracy, "parameters": parameters, "flops": 2 * parameters}
    record = Record(
        ticket,
        f"identity {ticket}",
        None,
        f"{ticket:x}key",
        f"network {ticket}",
        {"ticket": ticket},
        (),
        (),
        {},
        3,
        100,
        1.0,
        0,
        None,
        None,
        1.5,
        3,
        Evaluation(Status.OK, metrics),
        None,
        10.0,
    )
    return replace(record, **changes)


@pytest.fixture(scope="session")
def recorded() -> Callable[..., Record]:
    """Return a function of ticket, accuracy and parameters that makes a record."""
    return _record


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Run]:
    """Return a function of records that makes a run."""

    def make(*records: Record) -> Run:
        manifest = {"objectives": [asdict(objective) for objective in OBJECTIVES]}
        return Run(Path("runs/mine"), "finished", records, manifest)

    return make


@pytest.fixture
def written() -> Callable[..., Path]:
    """Return a function that writes a run of one record into a folder."""

    def write(folder: Path, **tables: Any) -> Path:
        folder.mkdir(parents=True)
        manifest = {
            "status": "finished",
            "experiment": {"name": "mine", "seed": 0, **tables},
            "objectives": [asdict(objective) for objective in OBJECTIVES],
        }
        with Journal.create(folder, manifest) as journal:
            journal.commit(_record(0, 0.5, 10))
        return folder

    return write
