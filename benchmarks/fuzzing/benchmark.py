"""Claim: whatever bytes a file holds, reading it ends in a value or in an error that says what is wrong.

    evocnn reproduce benchmarks/fuzzing [--quick]

Ten minutes for each of five targets, one after another, under Atheris; `targets.py` says what they read.
Needs `pip install 'evocnn[fuzzing]'`.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from targets import TARGETS

from evocnn.cli.study import Asked, perform
from evocnn.report.figures import Figure
from evocnn.store import environment

SECONDS, QUICK_SECONDS = 600, 20
FUZZER = Path(__file__).with_name("fuzz.py")


@dataclass(frozen=True)
class Session:
    """What one target's session came to.

    Attributes:
        executions: How many inputs were read; 0 where the fuzzer did not come to its end.
        seconds: How long it took.
        coverage: Places of the code that were reached.
        findings: Names of what was found.
    """

    executions: int
    seconds: int
    coverage: int
    findings: tuple[str, ...]


def session_of(log: str, folder: Path) -> Session:
    """Return what a session came to, from what the fuzzer wrote."""
    done = re.search(r"Done (\d+) runs in (\d+) second", log)
    reached = re.findall(r"cov: (\d+)", log)
    findings = sorted(path.stem for path in (folder / "findings").glob("*") if path.suffix != ".txt")
    executions, seconds = map(int, done.groups()) if done else (0, 0)
    return Session(executions, seconds, int(reached[-1]) if reached else 0, tuple(findings))


def study(asked: Asked) -> Mapping[str, Figure]:
    """Fuzz every target, write the table, and return the figures."""
    found = {}
    for name in TARGETS:
        folder = asked.runs / f"{asked.form}-{name}"
        seconds = QUICK_SECONDS if asked.is_quick else SECONDS
        command = [sys.executable, str(FUZZER), name, str(folder), str(seconds)]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        found[name] = session_of(ended.stderr, folder)
    asked.write("results.md", report(found).splitlines())
    crashes = {f"{name}.findings": Figure(len(one.findings), 0) for name, one in found.items()}
    ends = {f"{name}.ended": Figure(float(one.executions > 0), 0) for name, one in found.items()}
    return crashes | ends | {f"{name}.executions": Figure(one.executions) for name, one in found.items()}


def report(sessions: Mapping[str, Session]) -> str:
    """Return the results as Markdown."""
    where = environment()
    rows = "\n".join(
        f"| {name} | {one.executions:,} | {one.seconds / 60:.1f} | {one.coverage:,} | "
        f"{', '.join(one.findings) or 'none'} |"
        for name, one in sessions.items()
    )
    return f"""# Fuzzing the readers

| target | executions | minutes | places reached | findings |
|---|---|---|---|---|
{rows}

Command: `evocnn reproduce benchmarks/fuzzing`
Machine: {where["processor"]}, {where["cores"]} cores; Python {where["python"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
