"""What is wrong with a machine, and how to mend it: each check takes what was seen and returns a finding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shlex import quote

from packaging.requirements import Requirement

from evocnn.training.torch_state import TorchState

OLDEST, NEWEST = (3, 11), (3, 13)  # Python: what pyproject.toml requires, and what it lists as tried
GIB = 2**30
WORKER_BYTES = GIB  # of memory: PyTorch, Ray and a training; the images come on top
LEAST_SHARED = GIB // 4  # where Ray keeps the images that workers share
LEAST_DISK, SCARCE_DISK = GIB // 10, 2 * GIB
THREADS_OF_RAY, THREADS_OF_A_WORKER = 200, 60  # about
BUSY = 1.5  # load a core at which measured times say little
LEAST_FREE_GPU = 0.5  # of its memory


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        level: How bad it is.
        subject: What was looked at, in a word or two.
        text: How it is.
        advice: What to do about it; empty where nothing is to be done.
    """

    level: Level
    subject: str
    text: str
    advice: str = ""


def check_python(version: tuple[int, ...], place: str) -> Finding:
    """Return whether evocnn works with a version of Python."""
    shown = f"{'.'.join(map(str, version))} at {place}"
    oldest, newest = (".".join(map(str, one)) for one in (OLDEST, NEWEST))
    if version[:2] < OLDEST:
        advice = f"install Python {oldest} or newer, and evocnn with it"
        return Finding(Level.WRONG, "Python", f"{shown} is too old", advice)
    if version[:2] > NEWEST:
        advice = f"if anything fails, use Python {newest}"
        return Finding(Level.WARNING, "Python", f"{shown} is newer than any that was tried", advice)
    return Finding(Level.OK, "Python", shown)


def check_packages(requirements: Sequence[str] | None, version_of: Callable[[str], str | None]) -> Finding:
    """Return whether what evocnn needs is installed.

    Args:
        requirements: What it needs, as its metadata say; None where it is not installed itself.
        version_of: Returns the version of a package, None where it is missing.
    """
    if requirements is None:
        text = "evocnn itself is not installed, so its requirements are not known"
        return Finding(Level.WARNING, "packages", text, "in its folder, run: pip install -e .")
    needed = [
        one
        for one in map(Requirement, requirements)
        if one.marker is None or one.marker.evaluate({"extra": ""})
    ]
    mistakes = []
    for one in needed:
        found = version_of(one.name)
        if found is None:
            mistakes.append(f"{one.name} is missing")
        elif not one.specifier.contains(found, prereleases=True):
            mistakes.append(f"{one.name} is {found}, not {one.specifier}")
    if mistakes:
        return Finding(Level.WRONG, "packages", ", ".join(mistakes), "run: pip install --upgrade evocnn")
    return Finding(Level.OK, "packages", f"all {len(needed)} that evocnn needs")


def check_torch(state: TorchState) -> Finding:
    """Return whether PyTorch loads and computes."""
    if state.error:
        text = f"cannot be used: {state.error}"
        return Finding(Level.WRONG, "PyTorch", text, "install it again: pip install --force-reinstall torch")
    build = f"CUDA {state.cuda}" if state.cuda else "CPU"
    return Finding(Level.OK, "PyTorch", f"{state.version}, {build} build")


def check_gpus(state: TorchState, *, has_driver: bool) -> list[Finding]:
    """Return a finding for each GPU, or one on why there is none.

    Args:
        state: What PyTorch sees.
        has_driver: Whether a driver of NVIDIA's is loaded.
    """
    if not state.gpus:
        if has_driver and not state.cuda:
            text = "there is one, but this PyTorch is a CPU build and leaves it idle"
            advice = "install a CUDA build of PyTorch: https://pytorch.org/get-started/locally"
            return [Finding(Level.WARNING, "GPU", text, advice)]
        if has_driver:
            text = f"there is one, but PyTorch with CUDA {state.cuda} cannot use it"
            advice = (
                "see whether nvidia-smi shows it, whether CUDA_VISIBLE_DEVICES hides it, and whether its "
                "driver is recent enough for this PyTorch; else install a PyTorch for an older CUDA"
            )
            return [Finding(Level.WRONG, "GPU", text, advice)]
        return [Finding(Level.OK, "GPU", "none; networks are trained on the processor's cores")]
    findings = []
    for gpu in state.gpus:
        shown = f"{gpu.name}, {_gib(gpu.free)} of {_gib(gpu.total)} free"
        if gpu.error:
            advice = "install a PyTorch that supports it, or leave it alone with --gpus-per-worker 0"
            findings.append(Finding(Level.WRONG, "GPU", f"{gpu.name} cannot train: {gpu.error}", advice))
        elif gpu.free < LEAST_FREE_GPU * gpu.total:
            advice = "end other programs on it (nvidia-smi lists them): fewer networks fit at a time"
            findings.append(Finding(Level.WARNING, "GPU", shown, advice))
        else:
            findings.append(Finding(Level.OK, "GPU", shown))
    return findings


def check_ray(version: str, error: str) -> Finding:
    """Return whether Ray starts a worker on this machine.

    Args:
        version: Ray's version.
        error: Why it does not; empty where it does.
    """
    if error:
        advice = "search without it: --workers 0"
        return Finding(Level.WRONG, "Ray", f"{version} cannot start a worker: {error}", advice)
    return Finding(Level.OK, "Ray", f"{version} starts workers")


def check_memory(available: int, n_workers: int) -> Finding:
    """Return whether there is room for as many workers as are started by default.

    Args:
        available: Bytes that are free, or can be freed.
        n_workers: The workers.
    """
    room = available // WORKER_BYTES
    text = f"{_gib(available)} free, room for about {room} of {n_workers} workers"
    if room < 1:
        return Finding(Level.WRONG, "memory", text, "close other programs, or use a machine with more")
    if room < n_workers:
        return Finding(Level.WARNING, "memory", text, f"search with --workers {room}")
    return Finding(Level.OK, "memory", f"{_gib(available)} free")


def check_shared_memory(free: int) -> Finding:
    """Return whether Ray can share images between workers in `/dev/shm`, which has `free` bytes."""
    text = f"{_gib(free)} free in /dev/shm"
    if free < LEAST_SHARED:
        advice = "in a container, start it with --shm-size=2g; else free some, or use --workers 0"
        return Finding(Level.WARNING, "shared memory", text, advice)
    return Finding(Level.OK, "shared memory", text)


def check_disk(what: str, folder: Path, free: int, error: str) -> Finding:
    """Return whether a folder can be written and has room.

    Args:
        what: What lies in it.
        folder: The folder.
        free: Bytes that are free there.
        error: Why it cannot be written; empty where it can.
    """
    subject, text = f"disk for {what}", f"{_gib(free)} free in {folder}"
    if error:
        advice = _ELSEWHERE[what]
        return Finding(Level.WRONG, subject, f"{folder} cannot be used: {error}", advice)
    if free < LEAST_DISK:
        return Finding(Level.WRONG, subject, text, f"free some, or {_ELSEWHERE[what]}")
    if free < SCARCE_DISK:
        return Finding(Level.WARNING, subject, text, f"free some, or {_ELSEWHERE[what]}")
    return Finding(Level.OK, subject, text)


_ELSEWHERE: Mapping[str, str] = {
    "runs": "write runs elsewhere, to a disk of this machine: --out FOLDER",
    "the cache": "set EVOCNN_CACHE to another folder",
    "temporary files": "set TMPDIR to another folder",
}


def check_cores(n_cores: int, n_granted: float, load: float) -> Finding:
    """Return whether the cores that are seen can be used, and are free.

    Args:
        n_cores: Cores that are seen: workers by default.
        n_granted: As many as a container's limit lets compute at a time.
        load: Programs that want to compute, on average of the last minute.
    """
    if n_granted < n_cores:
        text = f"{n_cores} are seen, but the container may use {n_granted:g}"
        advice = f"search with --workers {max(1, int(n_granted))}, or more workers will share them"
        return Finding(Level.WARNING, "cores", text, advice)
    if load > BUSY * n_cores:
        text = f"{n_cores}, but {load:.0f} programs want to compute"
        advice = "end some of them, or expect searches to take longer and measured times to be wrong"
        return Finding(Level.WARNING, "cores", text, advice)
    return Finding(Level.OK, "cores", f"{n_cores}")


def check_threads(setting: str, limit: float, n_workers: int) -> Finding:
    """Return whether the workers may start their threads.

    Args:
        setting: What the environment holds as `OMP_NUM_THREADS`; empty where it does not.
        limit: How many threads a user may run at a time.
        n_workers: The workers.
    """
    needed = THREADS_OF_RAY + THREADS_OF_A_WORKER * n_workers
    if limit < needed:
        text = f"at most {limit:,.0f} may run at a time, and Ray wants about {needed:,}"
        advice = (
            f"raise the limit (ulimit -u {4 * needed}, or the container's pids limit), or use --workers 0"
        )
        return Finding(Level.WARNING, "threads", text, advice)
    if setting and not (setting.isdecimal() and int(setting)):
        text = f"OMP_NUM_THREADS must be a number above 0, but it was {setting!r}"
        return Finding(Level.WRONG, "threads", text, "run: unset OMP_NUM_THREADS")
    heeded = f"; OMP_NUM_THREADS={setting} changes nothing in training" if setting not in ("", "1") else ""
    return Finding(Level.OK, "threads", f"networks are trained with one each{heeded}")


def check_data(path: Path, summary: str, notes: Sequence[str], error: str) -> Finding:
    """Return whether images can be read.

    Args:
        path: Where they lie.
        summary: What was read.
        notes: What was left out.
        error: Why nothing could be read; empty where something could.
    """
    if error:
        return Finding(Level.WRONG, "data", error, f"see what is there: evocnn data {quote(str(path))}")
    if notes:
        text = f"{summary}; {'; '.join(notes)}"
        return Finding(Level.WARNING, "data", text, "mend these files, or go on without them")
    return Finding(Level.OK, "data", summary)


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / GIB:.1f} GiB"
