"""What a run's figures depend on besides its experiment: versions and hardware."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("evocnn", "torch", "numpy", "deap", "moocore", "optuna", "scikit-learn", "scipy", "ray")


def environment() -> dict[str, str | int]:
    """Return Python, package versions, processor, cores, and the commit where evocnn is a checkout."""
    found: dict[str, str | int] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "commit": _commit(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    """Return name, family and model: virtual processors of several kinds share a name."""
    try:
        first, *_ = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")
    except OSError:
        return platform.processor() or platform.machine()
    about = {
        name.strip(): value.strip() for name, _, value in (one.partition(":") for one in first.splitlines())
    }
    name, family, model = about.get("model name"), about.get("cpu family"), about.get("model")
    if name is None:
        return platform.machine()
    return f"{name}, family {family}, model {model}" if family and model else name


def _commit() -> str:
    """Return the commit of evocnn's own checkout, with a plus sign where files differ from it."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "none"
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("+" if changes else "")


def _git(root: Path, *words: str) -> str:
    command = ("git", "-C", str(root), *words)
    return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
