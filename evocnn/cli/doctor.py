"""Looking at this machine from the command line: what is wrong, and how to mend it."""

import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from math import inf
from pathlib import Path
from time import monotonic

import typer

from evocnn.errors import EvocnnError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.runs.checks import (
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
from evocnn.store import Journal, locked
from evocnn.training.data import load
from evocnn.training.data.download import cache_root
from evocnn.training.data.framing import Framing
from evocnn.training.data.mapped import memory_bytes
from evocnn.training.data.sources import detect
from evocnn.training.torch_state import torch_state

EXIT_WRONG = 2
RAY_SECONDS = 60.0  # a worker that has not started by then never will
PROBE_SIDE = 32  # pixels
COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "red"}
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is written there
NVIDIA = Path("/proc/driver/nvidia/version")
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def show_findings(data: Path | None) -> None:
    """Print how this machine and, where they are given, some images are.

    Raises:
        typer.Exit: Something is wrong.
    """
    counts = dict.fromkeys(Level, 0)
    for finding in _findings(data):
        counts[finding.level] += 1
        label = typer.style(f"{finding.level.value:<9}", fg=COLOURS[finding.level])
        typer.echo(f"{label}{finding.subject}: {finding.text}")
        if finding.advice:
            typer.echo(f"{'':<9}→ {finding.advice}")
    if counts[Level.WRONG]:
        typer.echo(f"{counts[Level.WRONG]} wrong: mend that first")
        raise typer.Exit(EXIT_WRONG)
    typer.echo("nothing is wrong")


def _findings(data: Path | None) -> Iterator[Finding]:
    """Yield the findings, each as soon as it is known."""
    n_cores = len(os.sched_getaffinity(0))
    yield check_python(sys.version_info[:3], sys.executable)
    yield check_packages(_requirements(), _version_of)
    state = torch_state()
    yield check_torch(state)
    if not state.error:
        yield from check_gpus(state, has_driver=NVIDIA.exists())
    yield check_ray(_version_of("ray") or "", _ray_error())
    yield check_cores(n_cores, granted_cores(), os.getloadavg()[0])
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    yield check_threads(
        os.environ.get("OMP_NUM_THREADS", ""), inf if limit == resource.RLIM_INFINITY else limit, n_cores
    )
    yield check_memory(_available_memory(), n_cores)
    if SHARED_MEMORY.is_dir():
        yield check_shared_memory(shutil.disk_usage(SHARED_MEMORY).free)
    yield _disk("runs", Path())
    yield _disk("the cache", cache_root())
    yield _disk("temporary files", Path(tempfile.gettempdir()))
    if data is not None:
        yield _data(data)


def _requirements() -> list[str] | None:
    try:
        return requires("evocnn") or []
    except PackageNotFoundError:
        return None


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


class _Nothing:
    """Evaluates nothing: the worker shall only start."""

    context = ""

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        del request
        return Evaluation(Status.REJECTED, reason="nothing was asked")


def _ray_error() -> str:
    """Return why Ray starts no worker here; nothing where it does."""
    try:
        from evocnn.workers.ray_executor import RayExecutor

        executor = RayExecutor(_Nothing(), 1)
        try:
            end = monotonic() + RAY_SECONDS
            while not executor.n_idle and monotonic() < end:
                executor.wait(1.0)
            return "" if executor.n_idle else f"none had started after {RAY_SECONDS:.0f} seconds"
        finally:
            executor.close()
    except (EvocnnError, ImportError) as error:
        return str(error)


def granted_cores(path: Path = CPU_LIMIT) -> float:
    """Return how many cores the limit of a container grants, as the system's file says."""
    try:
        quota, period = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return inf
    return int(quota) / int(period) if quota.isdecimal() else inf


def _available_memory() -> int:
    """Return how many bytes are free or can be freed, within a container's limit."""
    with Path("/proc/meminfo").open(encoding="utf-8") as file:
        fields = dict(line.split(":") for line in file)
    return min(int(fields["MemAvailable"].split()[0]) * 1024, memory_bytes())


def _disk(what: str, folder: Path) -> Finding:
    """Return whether a folder can hold what evocnn writes there; a folder that is missing is not made."""
    there = next(one for one in (folder.resolve(), *folder.resolve().parents) if one.is_dir())
    try:
        with tempfile.TemporaryDirectory(dir=there) as scratch, locked(Path(scratch)):
            if what == "runs":  # needs more than writing: locks, and the journal's log of SQLite
                with Journal.create(Path(scratch), {}):
                    pass
    except (OSError, EvocnnError) as error:
        return check_disk(what, there, 0, str(error))
    return check_disk(what, there, shutil.disk_usage(there).free, "")


def _data(path: Path) -> Finding:
    """Return whether the images at a path can be read."""
    try:
        source = detect(path)
        # Folders may hold images of many sizes; to see whether they can be read, any common one will do.
        framing = Framing((PROBE_SIDE, PROBE_SIDE)) if source == "folder" else Framing()
        images = load(source, "train", path, framing=framing)
    except EvocnnError as error:
        return check_data(path, "", (), str(error))
    summary = f"{len(images):,} training images, {images.n_classes} classes, in {path}"
    return check_data(path, summary, images.notes, "")
