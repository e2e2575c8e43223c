"""NAS-Bench-201 (Dong and Yang 2020) as a search problem: every cell was trained, so a search looks up.

    from evocnn.problems import nasbench201
    from evocnn.runs import solve

    problem = nasbench201("nasbench201_cifar10.npz")
    run = solve(problem, budget=300)
    problem.gap(run.front.losses)

The file is a NumPy archive, one row a cell:

    arch              (15625, 6) index into `ops`, on the edges 0>1, 0>2, 1>2, 0>3, 1>3, 2>3
    ops               (5,) names of the operations
    val12_cifar10     validation accuracy after 12 epochs in percent: what a search may see
    test12_cifar10, test200_cifar10    test accuracy in percent: what judges it afterwards
    params_cifar10, flops_cifar10      of the network
    latency_ms_DEVICE                  milliseconds, one array a device
"""

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evocnn.errors import DataError, ExperimentError, did_you_mean
from evocnn.evaluation import (
    Evaluation,
    EvaluationRequest,
    Objective,
    Objectives,
    Status,
    hypervolume,
    nondominated_ranks,
)
from evocnn.problems.cells import EDGES, OPERATIONS, Cell, CellSpace, CellVariation
from evocnn.problems.problem import Problem

N_CELLS = len(OPERATIONS) ** len(EDGES)
_MAXIMIZED = "validation_accuracy"
_LOG = "parameters"
_LATENCY = "latency_ms_"
_TESTS = {12: "test12_cifar10", 200: "test200_cifar10"}


@dataclass(frozen=True, eq=False, repr=False)
class CellTable:
    """What was measured of every cell, as an evaluator.

    Attributes:
        rows: Each cell's row, by its key.
        metrics: What a search sees, by name, shape `(n_cells,)`: `validation_accuracy` after 12 epochs,
            `parameters`, `flops`, `latency` in seconds.
        test_accuracies: Test accuracies by the epochs of training, as fractions; no search sees them.
        context: Digest of the metrics.
    """

    rows: Mapping[str, int]
    metrics: Mapping[str, np.ndarray]
    test_accuracies: Mapping[int, np.ndarray]
    context: str

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return a cell's metrics."""
        row = self.rows[request.genome.key]
        return Evaluation(Status.OK, {name: float(values[row]) for name, values in self.metrics.items()})

    def test_accuracy(self, cell: Cell, epochs: int = 200) -> float:
        """Return a cell's test accuracy after 12 or 200 epochs: the judge of what a search found."""
        return float(self.test_accuracies[epochs][self.rows[cell.key]])


def nasbench201(
    path: str | Path,
    objectives: Sequence[str] = ("validation_accuracy", "parameters", "latency"),
    device: str = "raspi4",
) -> Problem:
    """Return NAS-Bench-201 on CIFAR-10 as a problem.

    Parameters are compared by their logarithms. The references are the worst values of all cells.

    Args:
        path: The file; its form is described above.
        objectives: What is optimized: `validation_accuracy`, `parameters`, `flops`, `latency`.
        device: The device whose latency is meant.

    Raises:
        DataError: The file cannot be used.
        ExperimentError: There is no such objective.
    """
    table = load_cells(Path(path), device)
    unknown = next((name for name in objectives if name not in table.metrics), None)
    if unknown is not None or not objectives:
        hint = did_you_mean(unknown or "", table.metrics) or "; choose among these"
        message = f"objectives must be among {list(table.metrics)}, but were {list(objectives)}{hint}"
        raise ExperimentError(message)
    chosen = Objectives(tuple(_objective(name, table.metrics[name]) for name in objectives))
    scaled = [np.log10(table.metrics[name]) if name == _LOG else table.metrics[name] for name in objectives]
    losses = np.stack(scaled, axis=1) * -np.sign(chosen.weights)
    front = losses[nondominated_ranks(losses, np.zeros(len(losses))) == 0]
    best = hypervolume(front, chosen.reference_losses)
    return Problem("nasbench201", CellSpace(), table, chosen, CellVariation(), front, best)


def load_cells(path: Path, device: str) -> CellTable:
    """Return the table that a file holds.

    Args:
        path: The file.
        device: The device whose latency is meant.

    Raises:
        DataError: There is no such file, it is no archive of this form, or lacks the device.
    """
    arrays = _arrays(path)
    devices = [name.removeprefix(_LATENCY) for name in arrays if name.startswith(_LATENCY)]
    if device not in devices:
        hint = did_you_mean(device, devices) or "; choose one of them"
        message = f"device must be among {devices} of '{path}', but it was '{device}'{hint}"
        raise DataError(message)
    latency = _column(path, arrays, _LATENCY + device)
    metrics = {
        "validation_accuracy": _column(path, arrays, "val12_cifar10") / 100,
        "parameters": _column(path, arrays, "params_cifar10"),
        "flops": _column(path, arrays, "flops_cifar10"),
        "latency": latency / 1000,
    }
    rows = _rows(path, arrays)
    digest = hashlib.sha256("\n".join(rows).encode())
    for values in metrics.values():
        digest.update(values.tobytes())
    tests = {epochs: _column(path, arrays, name) / 100 for epochs, name in _TESTS.items()}
    return CellTable(rows, metrics, tests, digest.hexdigest())


def _objective(name: str, values: np.ndarray) -> Objective:
    if name == _MAXIMIZED:
        return Objective(name, 1.0, reference=float(values.min()))
    return Objective(name, -1.0, log=name == _LOG, reference=float(values.max()))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        message = (
            f"'{path}' must be a NumPy archive (.npz) of NAS-Bench-201, but: {error}; give the file, whose "
            "form evocnn.problems.nasbench201 describes"
        )
        raise DataError(message) from error


def _rows(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return each cell's row by its key.

    Raises:
        DataError: The rows are not all cells, each once.
    """
    names = [str(name) for name in arrays.get("ops", ())]
    if sorted(names) != sorted(OPERATIONS):
        message = (
            f"'ops' of '{path}' must be {list(OPERATIONS)}, but it was {names}; give the whole benchmark"
        )
        raise DataError(message)
    indices = arrays.get("arch", np.zeros((0, 0), dtype=int))
    is_form = indices.shape == (N_CELLS, len(EDGES)) and indices.dtype.kind in "iu"
    if not is_form or indices.min() < 0 or indices.max() >= len(OPERATIONS):
        message = (
            f"'arch' of '{path}' must hold indices of operations, shape {(N_CELLS, len(EDGES))}, but it was "
            f"of shape {indices.shape}, {indices.dtype}; give the whole benchmark"
        )
        raise DataError(message)
    cells = (Cell(tuple(names[index] for index in row)) for row in indices.tolist())
    rows = {cell.key: row for row, cell in enumerate(cells)}
    if len(rows) < N_CELLS:
        message = f"'arch' of '{path}' must hold each cell once, but {N_CELLS - len(rows)} were repeated"
        raise DataError(message + "; give the whole benchmark")
    return rows


def _column(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return one figure of each cell, as float64.

    Raises:
        DataError: There is none, or it is not a finite number for each.
    """
    values = arrays.get(name)
    if values is None or values.shape != (N_CELLS,) or values.dtype.kind not in "iuf":
        found = "missing" if values is None else f"of shape {values.shape}, {values.dtype}"
        message = (
            f"'{name}' of '{path}' must hold {N_CELLS} numbers, but it was {found}; give the whole benchmark"
        )
        raise DataError(message)
    if not np.isfinite(values).all():
        message = f"'{name}' of '{path}' must be finite, but some values were not; repair the file"
        raise DataError(message)
    return values.astype(np.float64)
