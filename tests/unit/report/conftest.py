"""Runs that nobody trained: records with figures of our choosing."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from evocnn.config import Experiment, space_of
from evocnn.config.parts import objectives_of
from evocnn.evaluation import Evaluation, Status
from evocnn.runs import Run
from evocnn.store import Record

TABLES = {
    "name": "mine",
    "data": {"source": "digits"},
    "space": {
        "layers": {"conv": {"filters": 4, "kernel": 3}},
        "limits": {"parameters": 5000, "flops": 10**6},
    },
}
THREE = {
    "validation_accuracy": {"weight": 1, "floor": 0.3},
    "parameters": {"weight": -1, "scale": "log"},
    "generalization_gap": {"weight": -1},
}


def figures(accuracy: float, parameters: float, gap: float = 0.1) -> dict[str, float]:
    return {"validation_accuracy": accuracy, "parameters": parameters, "generalization_gap": gap}


def measured(record: Record, measures: dict[str, Any]) -> Record:
    """Return a record with metrics of the user's own, as the evaluator measures them."""
    if record.evaluation.status is not Status.OK:
        return record
    own = {name: measure(record.metrics, None) for name, measure in measures.items()}
    return replace(record, evaluation=replace(record.evaluation, metrics={**record.metrics, **own}))


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Return a function of a ticket and of accuracy, parameters and gap that makes a record."""
    genome = space_of(Experiment.from_dict(TABLES), (1, 8, 8), 10).smallest

    def make(ticket: int, *values: float, status: Status = Status.OK, **changes: Any) -> Record:
        fields: dict[str, Any] = {
            "identity": f"identity {ticket}",
            "reused_from": None,
            "key": f"key {ticket}",
            "text": f"network {ticket}",
            "genome": genome.to_json(),
            "parents": (ticket - 1,) if ticket else (),
            "operators": ("add_gene",) if ticket else (),
            "repairs": {},
            "epochs": 3,
            "n_images": 100,
            "share": 1.0,
            "replicate": 0,
            "continues": None,
            "donor": None,
            "cost": 1.5,
            "n_epochs": 3,
            "evaluation": Evaluation(status, figures(*values) if values else {}),
            "state": None,
            "elapsed": 10.0,
        }
        return Record(ticket, **(fields | changes))

    return make


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """Return a function of records that makes a run; other objectives may be given."""

    def make(*records: Record, status: str = "finished", objectives: Any = THREE) -> Run:
        experiment = Experiment.from_dict({**TABLES, "objectives": objectives})
        manifest = {
            "data": {"shape": [1, 8, 8], "class_names": [str(n) for n in range(10)]},
            "objectives": [asdict(item) for item in objectives_of(experiment, 0.1, 100).items],
            "experiment": TABLES,
        }
        measures = {name: item["measure"] for name, item in objectives.items() if "measure" in item}
        return Run(Path("runs/mine"), status, tuple(measured(r, measures) for r in records), manifest)

    return make
