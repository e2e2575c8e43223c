"""Each check of a machine: it finds nothing where nothing is wrong, and what is wrong where something is."""

from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path

import pytest

from evocnn.runs.checks import (
    GIB,
    Finding,
    Level,
    check_cores,
    check_data,
    check_disk,
    check_gpus,
    check_memory,
    check_packages,
    check_python,
    check_ray,
    check_shared_memory,
    check_threads,
    check_torch,
)
from evocnn.training.torch_state import Gpu, TorchState

OK, WARNING, WRONG = Level
GPU = Gpu("H1", 70 * GIB, 80 * GIB)
HERE = Path("/here")


def gpu(state: TorchState, *, has_driver: bool = True) -> Finding:
    (finding,) = check_gpus(state, has_driver=has_driver)
    return finding


@pytest.mark.parametrize(
    ("check", "level", "said"),
    [
        (partial(check_python, (3, 12, 1), "/p"), OK, "3.12.1 at /p"),
        (partial(check_python, (3, 10, 9), "/p"), WRONG, "install Python 3.11 or newer"),
        (partial(check_python, (3, 99, 0), "/p"), WARNING, "use Python 3.13"),
        (partial(check_packages, ["a>=2", "b; extra == 'dev'"], {"a": "2.1"}.get), OK, "all 1"),
        (partial(check_packages, ["a>=2", "c"], {"a": "1.9"}.get), WRONG, "a is 1.9, not >=2, c is missing"),
        (partial(check_packages, None, {}.get), WARNING, "pip install -e ."),
        (partial(check_torch, TorchState("2.9", "13.0")), OK, "2.9, CUDA 13.0 build"),
        (partial(check_torch, TorchState("", error="no libgomp")), WRONG, "cannot be used: no libgomp"),
        (partial(gpu, TorchState("2.9", "13.0", (GPU,))), OK, "H1, 70.0 GiB of 80.0 GiB free"),
        (partial(gpu, TorchState("2.9"), has_driver=False), OK, "none; networks are trained on"),
        (partial(gpu, TorchState("2.9", "13.0"), has_driver=False), OK, "none; networks are trained on"),
        (partial(gpu, TorchState("2.9")), WARNING, "install a CUDA build"),
        (partial(gpu, TorchState("2.9", "13.0")), WRONG, "cannot use it"),
        (partial(gpu, TorchState("2.9", "13.0", (Gpu("H1", 1, GIB),))), WARNING, "end other programs"),
        (partial(gpu, TorchState("2.9", "9.0", (Gpu("H1", 0, 0, "no kernel"),))), WRONG, "no kernel"),
        (partial(check_ray, "2.60", ""), OK, "2.60 starts workers"),
        (partial(check_ray, "2.60", "no room"), WRONG, "--workers 0"),
        (partial(check_cores, 8, inf, 8.0), OK, "8"),
        (partial(check_cores, 8, 2.5, 0.0), WARNING, "--workers 2"),
        (partial(check_cores, 2, inf, 9.0), WARNING, "9 programs"),
        (partial(check_threads, "4", inf, 8), OK, "OMP_NUM_THREADS=4 changes nothing"),
        (partial(check_threads, "", 500, 8), WARNING, "ulimit -u"),
        (partial(check_threads, "many", inf, 8), WRONG, "unset OMP_NUM_THREADS"),
        (partial(check_memory, 8 * GIB, 4), OK, "8.0 GiB free"),
        (partial(check_memory, 2 * GIB, 4), WARNING, "--workers 2"),
        (partial(check_memory, GIB // 2, 4), WRONG, "close other programs"),
        (partial(check_shared_memory, GIB), OK, "1.0 GiB"),
        (partial(check_shared_memory, GIB // 16), WARNING, "--shm-size"),
        (partial(check_disk, "runs", HERE, 9 * GIB, ""), OK, "9.0 GiB free in /here"),
        (partial(check_disk, "the cache", HERE, GIB, ""), WARNING, "EVOCNN_CACHE"),
        (partial(check_disk, "temporary files", HERE, 0, ""), WRONG, "TMPDIR"),
        (partial(check_disk, "runs", HERE, 9 * GIB, "read-only"), WRONG, "/here cannot be used: read-only"),
        (partial(check_data, HERE, "9 images", (), ""), OK, "9 images"),
        (partial(check_data, HERE, "9 images", ("1 file left out",), ""), WARNING, "1 file left out"),
        (partial(check_data, HERE, "", (), "no folders"), WRONG, "no folders"),
    ],
)
def test_a_check_finds_what_is_wrong_and_says_what_to_do(
    check: Callable[[], Finding], level: Level, said: str
) -> None:
    found = check()
    assert found.level == level
    assert said in f"{found.text} {found.advice}"
    assert bool(found.advice) == (level != OK)
