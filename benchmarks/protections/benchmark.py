"""Claim: every fault of the table is met by a protection, and a test fails where it is taken out.

    evocnn reproduce benchmarks/protections [--quick]

In a copy of the sources each protection of `protections.toml` is taken out, alone, and the test that stands
beside it is run; before, all of those tests pass. Only a test that fails, or that never ends, has noticed,
and none that cannot be collected or set up; why it failed is kept beside it. Every test with the marker
`fault` stands there. What came out is kept as long as neither evocnn, nor what all tests share, nor the
file of the test changes, so that it goes on after an interruption. Needs `pip install 'evocnn[dev]'`,
and root for full and read-only disks: tests that are skipped say nothing, and are told.
"""

import ast
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import psutil

from evocnn.cli.study import Asked, perform
from evocnn.errors import ExperimentError, printable
from evocnn.report.figures import Figure
from evocnn.report.front_table import escaped
from evocnn.store import environment

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
QUICK = 3  # protections
SOURCES = ("evocnn", "tests", "benchmarks", "experiments", "setup.cfg", "pyproject.toml", "SECURITY.md")
MARKER = "pytest.mark.fault"
MARK = "EVOCNN_PROTECTION"  # in the environment of all processes that a test starts
LIMIT = 900  # seconds of a test: one that never ends has failed
MEMORY = 8 * 2**30  # bytes of each of its processes: what a protection keeps small is not let grow further
PASSES, FAILS, SKIPPED, ENDLESS = "passes", "fails", "is skipped", "does not end"
REASON = re.compile(r"E( |$)")  # how pytest begins each line of it
N_REASON = 160  # characters of why a test failed


@dataclass(frozen=True)
class Protection:
    """What keeps a fault from doing harm, and what shows that it does.

    Attributes:
        fault: What happens.
        test: The pytest identifier of the test that makes it happen.
        file: Where the protection is, below `evocnn/`.
        take: Its text.
        put: What stands in its place where it is taken out.
    """

    fault: str
    test: str
    file: str
    take: str
    put: str


def study(asked: Asked) -> Mapping[str, Figure]:
    """Take out what has not been taken out yet, and return how many were missed by their test."""
    text = (HERE / "protections.toml").read_text(encoding="utf-8")
    protections = [Protection(**one) for one in tomllib.loads(text)["protection"]]
    forgotten = without_protection(protections)
    if asked.is_quick:
        protections = [one for one in protections if "test_hostile_files" in one.test][:QUICK]
    tree = asked.runs.resolve() / "tree"
    copy_sources(tree)
    for one in protections:
        without(one, (tree / "evocnn" / one.file).read_text(encoding="utf-8"))
    for test in dict.fromkeys(one.test for one in protections):
        file = asked.runs / f"{file_name(test)}.txt"
        came = kept(file, partial(outcome, test, tree))
        if came not in (PASSES, SKIPPED):
            file.unlink()
            message = f"{test} must pass while its protections are there, but it {came}; mend it"
            raise ExperimentError(message)
    found = [
        (one, kept(asked.runs / f"{file_name(*astuple(one)[1:])}.txt", partial(outcome_without, one, tree)))
        for one in protections
    ]
    asked.write("results.md", report(found, forgotten).splitlines())
    counts = Counter(word_of(came) for _, came in found)
    n_noticed = counts[FAILS] + counts[ENDLESS]
    return {
        "protections": Figure(len(found), 0 if asked.is_quick else len(found)),
        "unnoticed": Figure(len(found) - n_noticed - counts[SKIPPED], 0),
        "skipped": Figure(counts[SKIPPED]),
        "tests_without_protection": Figure(len(forgotten), 0),
    }


def copy_sources(tree: Path) -> None:
    """Copy what the tests need, in place of what was there."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / name)


def without_protection(protections: Sequence[Protection]) -> list[str]:
    """Return the tests of faults beside which no protection stands."""
    return sorted({*tests_of_faults()} - {one.test for one in protections})


def tests_of_faults() -> Iterator[str]:
    """Yield the tests that carry the marker `fault`, alone or with their whole file."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body if MARKER in text else []
        whole = [each for each in body if ast.unparse(each).startswith("pytestmark =")]
        for each in body:
            if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
                marks = " ".join(map(ast.unparse, [*whole, *each.decorator_list]))
                if MARKER in marks:
                    yield f"{path.relative_to(ROOT).as_posix()}::{each.name}"


def file_name(test: str, *words: str) -> str:
    """Return a name for the file of what came out of a test, of these sources."""
    path, _, name = test.partition("::")
    digest = hashlib.sha256("\0".join((test, *words)).encode())
    for source in (
        *sorted((ROOT / "evocnn").rglob("*.py")),
        *sorted((ROOT / "tests").glob("*.py")),
        ROOT / path,
    ):
        digest.update(source.read_bytes())
    return f"{name[:100]}-{digest.hexdigest()[:8]}"


def kept(file: Path, find: Callable[[], str]) -> str:
    """Return what came out in an earlier session, or else what comes out now, which is kept."""
    if not file.exists():
        file.write_text(find(), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def without(protection: Protection, source: str) -> str:
    """Return the text of a file without a protection.

    Raises:
        ExperimentError: The protection is not there to be taken out, or what is left is no Python.
    """
    if (n := source.count(protection.take)) != 1:
        message = f"{asdict(protection)} must be in {protection.file} once, but it was {n} times"
        raise ExperimentError(f"{message}; correct protections.toml")
    changed = source.replace(protection.take, protection.put)
    try:
        ast.parse(changed)
    except SyntaxError as error:
        message = f"{asdict(protection)} must leave Python behind, but it left {error}"
        raise ExperimentError(f"{message}; correct protections.toml") from error
    return changed


def outcome_without(protection: Protection, tree: Path) -> str:
    """Return what comes out of a test without its protection."""
    path = tree / "evocnn" / protection.file
    source = path.read_text(encoding="utf-8")
    path.write_text(without(protection, source), encoding="utf-8")
    try:
        return outcome(protection.test, tree)
    finally:
        path.write_text(source, encoding="utf-8")


def outcome(test: str, tree: Path) -> str:
    """Return what comes out of a test: a word of this file, and for one that failed the reason, too."""
    options = ("-q", "-x", "--tb=short", "-p", "no:cacheprovider", "-m", "")
    command = [sys.executable, "-m", "pytest", *options, test]
    mark = uuid.uuid4().hex
    variables = {**os.environ, "PYTHONPATH": str(tree), MARK: mark}
    told = tree.parent / "told.txt"
    with told.open("wb") as file:
        process = subprocess.Popen(command, cwd=tree, env=variables, stdout=file, stderr=file)
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY, MEMORY))
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return ENDLESS
        finally:
            end_all(mark)
    lines = printable(told.read_text(encoding="utf-8", errors="replace")).strip().splitlines() or [""]
    counted = [line for line in lines if re.search(r"\b\d+ (passed|failed|skipped|errors?)\b", line)]
    last = counted[-1] if counted else lines[-1]  # what is left of Ray may write behind it
    if code == 0:
        return PASSES if " passed" in last else SKIPPED
    told_of = [one for before, one in pairwise(lines) if REASON.match(one) and not REASON.match(before)]
    reason = (told_of[-1][1:].strip() if told_of else last)[:N_REASON]  # behind what it followed from
    return f"{FAILS}: {reason}" if code == 1 and " failed" in last else f"ends with {code}: {reason}"


def end_all(mark: str) -> None:
    """End the processes that a test has left: they would disturb the next one."""
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get(MARK) == mark:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def word_of(came: str) -> str:
    """Return what came out of a test without its reason."""
    return came.partition(": ")[0]


def report(found: Sequence[tuple[Protection, str]], forgotten: Sequence[str]) -> str:
    """Return the results as Markdown."""
    where = environment()
    rows = "\n".join(
        f"| {one.fault} | `{one.file}` | {escaped(in_words(one))} "
        f"| {one.test.rpartition('::')[2]} | {escaped(came)} |"
        for one, came in found
    )
    counts = Counter(word_of(came) for _, came in found)
    told = ", ".join(f"{n} times it {came}" for came, n in counts.most_common())
    return f"""# What protects, taken out

| fault | file | what is taken out | test | without it the test |
|---|---|---|---|---|
{rows}

{len(found)} times a test ran without its protection: {told}. With all protections in place all of
them pass. Tests with the marker `fault` beside which no protection stands: {len(forgotten)}.

Command: `evocnn reproduce benchmarks/protections`
Machine: {where["processor"]}, {where["cores"]} cores; Python {where["python"]}, Ray {where["ray"]}, torch
{where["torch"]}, commit {where["commit"]}.
"""


def in_words(protection: Protection) -> str:
    """Return what is taken out in one line, and what is put there if anything."""
    take, put = (" ".join(text.split()) for text in (protection.take, protection.put))
    return f"`{take}`" + (f" for `{put}`" if put else "")


if __name__ == "__main__":
    perform(study, __doc__)
