"""A small stand-in for the file of NAS-Bench-201: all cells, figures by formulas."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.problems.cells import OPERATIONS

N_CELLS = 15_625


def _cell_arrays() -> dict[str, Any]:
    """Return arrays in the benchmark's form, rows shuffled; size and accuracy rise with convolutions."""
    rng = np.random.default_rng(0)
    arch = np.array(np.unravel_index(rng.permutation(N_CELLS), (5,) * 6)).T.astype(np.uint8)
    n_wide, n_narrow = (arch == 3).sum(axis=1), (arch == 2).sum(axis=1)
    accuracy = 20 + 10 * n_wide + 4 * n_narrow + rng.random(N_CELLS)
    return {
        "arch": arch,
        "ops": np.array(OPERATIONS),
        "val12_cifar10": accuracy.astype(np.float32),
        "test12_cifar10": np.full(N_CELLS, 33.0, dtype=np.float32),
        "test200_cifar10": np.full(N_CELLS, 66.0, dtype=np.float32),
        "params_cifar10": (1000 + 900 * n_wide + 100 * n_narrow).astype(np.int32),
        "flops_cifar10": (10**7 * (1 + n_wide)).astype(np.int64),
        "latency_ms_raspi4": (5.0 + n_wide + (arch == 4).sum(axis=1)).astype(np.float32),
        "latency_ms_phone": np.full(N_CELLS, 250.0, dtype=np.float32),
    }


@pytest.fixture(scope="session")
def cell_arrays() -> dict[str, Any]:
    """Return the stand-in's arrays."""
    return _cell_arrays()


@pytest.fixture(scope="session")
def cell_file(cell_arrays: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the stand-in's file."""
    path = tmp_path_factory.mktemp("cells") / "cells.npz"
    np.savez(path, **cell_arrays)
    return path
