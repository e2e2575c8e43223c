"""Claim: after 2,000 evaluations of which a quarter fails, every ticket is accounted for and nothing leaks.

    evocnn reproduce benchmarks/soak [--quick]

Two Ray workers train tiny networks for real. One in twenty evaluations runs out of memory, one has a NaN
loss, one raises an exception, one takes too long (half of these past their timeout, half in a loop that
never ends), one kills its worker: which, follows from the candidate. In the end the journal must hold each
ticket once, with the status that was meant for it. Memory, file descriptors and threads of driver and
workers are read every few seconds; what is left of processes, actors and shared memory is looked for after.
As many workers are killed, none lives long: so one more search, with the faults that leave workers alive,
has a single worker whose memory is followed. Searches, evaluators and faults are those of benchmarks/faults.
"""

import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from scipy.stats import linregress, t

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.evaluation import Status
from evocnn.genotype import Fidelity
from evocnn.report.figures import Figure
from evocnn.store import environment

BENCHMARKS = Path(__file__).parents[1]
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "faults")]
from evaluators import FAULTS, fault_of, name_of  # noqa: E402 - beside this one
from faults.benchmark import EXPERIMENT, MAX_ATTEMPTS, noted, start, workers_of  # noqa: E402

BUDGET, QUICK_BUDGET = 1200, 60  # full trainings, of three epochs
LEAST = 2_000  # evaluations of the full form
THINGS = {"memory": ", MiB", "files": "", "threads": ""}  # with their units
# What each may rise by per 1,000 tickets, at the upper end of the interval. The driver keeps every ticket, so
# that a search can be asked for any: about 9 KiB each, without Ray as with it. A worker keeps nothing of a
# candidate.
MOST = {
    "driver": {"memory": 10.0, "files": 1.0, "threads": 1.0},
    "worker": {"memory": 5.0, "files": 1.0, "threads": 1.0},
}
MARK = "EVOCNN_SOAK"  # in the environment of all processes that a session starts
SECONDS = 2.0  # between two looks
MEBIBYTE = 2**20
N_BLOCKS = 10  # of looks, whose means are taken as independent
SETTINGS = ("training.epochs=3", "training.timeout=10", "search.rungs=[0.34, 1]")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux has it


def look(process: psutil.Process) -> dict[str, float]:
    """Return what a process holds at this moment."""
    return {
        "pid": process.pid,
        "memory": process.memory_full_info().uss / MEBIBYTE,
        "files": process.num_fds(),
        "threads": process.num_threads(),
    }


def looks(session: Any, log: Path) -> list[dict[str, Any]]:
    """Return what driver and workers held, every few seconds until the session ended."""
    driver, found = psutil.Process(session.pid), []
    while session.poll() is None:
        time.sleep(SECONDS)
        try:
            workers = [look(worker) for worker, _ in workers_of(driver)]
            found.append({"told": len(noted(log, "told")), "driver": look(driver), "workers": workers})
        except psutil.NoSuchProcess:  # ended meanwhile
            continue
    return found


def left(mark: str) -> list[str]:
    """Return the processes that a session has left, once they had a minute to end."""
    end = time.monotonic() + 60
    while True:
        found = [
            " ".join(process.info["cmdline"])
            for process in psutil.process_iter(["environ", "cmdline"])
            if (process.info["environ"] or {}).get(MARK) == mark
        ]
        if not found or time.monotonic() > end:
            return found
        time.sleep(1)


def soak(folder: Path, faults: Sequence[str], budget: int, n_workers: int) -> tuple[evocnn.Run, Any, Any]:
    """Search; return the run, what its processes held on the way, and what they left."""
    mark, log = uuid.uuid4().hex, folder.with_suffix(".jsonl")
    os.environ[MARK] = mark
    before = set(SHARED_MEMORY.iterdir())
    sets = [word for setting in (*SETTINGS, f"search.budget={budget}") for word in ("--set", setting)]
    arguments = ("--faults", *faults, "--grace", 0, "--", "run", EXPERIMENT, *sets)
    for _ in range(MAX_ATTEMPTS):
        session = start(log, *arguments, "--out", folder, "--workers", n_workers)
        seen = looks(session, log)
        if noted(log, "ray"):
            break
        rmtree(folder)  # Ray has not started
    assert session.returncode == 0, f"the search ended with {session.returncode}"
    rest = {"processes": left(mark), "shared memory": sorted(map(str, set(SHARED_MEMORY.iterdir()) - before))}
    return evocnn.open_run(folder), seen, rest


def account(run: evocnn.Run, log: Path, faults: Sequence[str]) -> Counter[str]:
    """Return how often each fault befell an evaluation; stop where a ticket is not as it was meant to be."""
    tickets = [record.ticket for record in run.records]
    assert tickets == list(range(len(tickets))), "every ticket must be in the journal, once"
    assert sorted(noted(log, "told")) == tickets, "every ticket must be told, once"
    count: Counter[str] = Counter()
    for record in run.records:
        if record.reused_from is not None:
            continue
        fidelity = Fidelity(record.epochs, record.n_images, record.share)
        fault = fault_of(name_of(record.key, fidelity, record.replicate), tuple(faults))
        meant = Status.OK if fault is None else FAULTS[fault].status
        found = record.evaluation
        assert found.status is meant, f"ticket {record.ticket}: {found.status} for {fault}, {found.reason}"
        count[fault or "none"] += 1
    return count


def trend(told: Sequence[float], held: Sequence[float]) -> tuple[float, float]:
    """Return the slope of what was held, per 1,000 told, after the first fifth, and its 95 % half-width."""
    first = len(told) // 5
    x, y = (
        [float(np.mean(block)) for block in np.array_split(np.asarray(values[first:]), N_BLOCKS)]
        for values in (told, held)
    )
    if min(y) == max(y):
        return 0.0, 0.0
    line = linregress(x, y)
    return 1000 * line.slope, 1000 * line.stderr * float(t.ppf(0.975, N_BLOCKS - 2))


@dataclass(frozen=True)
class Held:
    """What a process held of one thing while it worked.

    Attributes:
        who: The driver, or the worker.
        what: Memory, files or threads.
        n_looks: How often it was looked at.
        first: After a fifth of the looks.
        last: Mean of the last ten.
        slope: Per 1,000 tickets.
        half: Half the 95 % interval of the slope.
    """

    who: str
    what: str
    n_looks: int
    first: float
    last: float
    slope: float
    half: float

    @property
    def is_met(self) -> bool:
        """Whether it rose by no more than it may, at the upper end of the interval: noise is no excuse."""
        return bool(self.slope + self.half <= MOST[self.who][self.what])


def held_by(seen: Sequence[Any], who: str) -> list[Held]:
    """Return what the driver, or the one worker, held."""
    pairs = [
        (look["told"], one)
        for look in seen
        for one in ([look["driver"]] if who == "driver" else look["workers"])
    ]
    told, found = [n for n, _ in pairs], []
    for what in THINGS:
        held = [one[what] for _, one in pairs]
        last = float(np.mean(held[-10:]))
        found.append(Held(who, what, len(held), held[len(held) // 5], last, *trend(told, held)))
    return found


def study(asked: Asked) -> Mapping[str, Figure]:
    """Soak, write the tables, and return what was counted."""
    budget = QUICK_BUDGET if asked.is_quick else BUDGET
    surviving = [name for name, fault in FAULTS.items() if name not in {"killed worker", "endless loop"}]
    with TemporaryDirectory(prefix="evocnn-soak-") as home:
        run, seen, rest = soak(Path(home) / "soak", list(FAULTS), budget, 2)
        count = account(run, Path(home) / "soak.jsonl", list(FAULTS))
        print(count, rest, flush=True)
        one_run, one_seen, one_rest = soak(Path(home) / "one", surviving, budget, 1)
        account(one_run, Path(home) / "one.jsonl", surviving)
    held = [*held_by(seen, "driver"), *held_by(one_seen, "worker")]
    n_workers = max(len(look["workers"]) for look in seen)
    tolerance = 1.0 if asked.is_quick else 0.0  # a minute says nothing of slopes
    left_behind = [name for of_one in (rest, one_rest) for names in of_one.values() for name in names]
    lines = report(count, held, one_seen[-1]["told"], n_workers, left_behind).splitlines()
    asked.write("results.md", lines)
    return {
        "evaluations": Figure(count.total(), 0),
        "enough": Figure(asked.is_quick or count.total() >= LEAST, 0),
        **{name.replace(" ", "_"): Figure(count[name], 0) for name in (*FAULTS, "none")},
        **{f"{one.who}_{one.what}_is_flat": Figure(one.is_met, tolerance) for one in held},
        "left_behind": Figure(len(left_behind), 0),
    }


def report(
    count: Counter[str], held: Sequence[Held], n_one: int, n_workers: int, left_behind: Sequence[str]
) -> str:
    """Return the results as Markdown.

    Args:
        count: How often each fault befell an evaluation.
        held: What driver and worker held.
        n_one: Tickets of the search with a single worker.
        n_workers: Worker processes that lived at a time, at most.
        left_behind: Processes and shared memory that were left.
    """
    where, load = environment(), os.getloadavg()[0]
    faults = "\n".join(
        f"| {name} | {count[name]} | {FAULTS[name].status if name in FAULTS else 'ok'} |"
        for name in (*FAULTS, "none")
    )
    rows = "\n".join(
        f"| {one.who}, {one.what}{THINGS[one.what]} | {one.n_looks} | {one.first:.0f} | {one.last:.0f} | "
        f"{one.slope:+.1f} ± {one.half:.1f} | "
        f"{MOST[one.who][one.what]:g} | {'met' if one.is_met else 'missed'} |"
        for one in held
    )
    return f"""# Soak

{count.total():,} evaluations of tiny networks on 600 images of digits, by two Ray workers.

| fault | evaluations | status in the journal |
|---|---|---|
{faults}

Bar: every ticket in the journal, once, with the status that was meant for it, and told once. Met; otherwise
this script stops.

What driver and workers held; the slope is that of {N_BLOCKS} means of all looks but the first fifth, with its
95 % interval. The driver is that of the search above, the worker the only one of another search,
of {n_one:,} tickets with the faults that leave workers alive. Bar: the upper end of the interval. The driver
keeps every ticket, about 9 KiB each, without Ray as with it; a worker keeps nothing of a candidate.

| who and what | looks | after a fifth | at the end | slope, per 1,000 tickets | at most | |
|---|---|---|---|---|---|---|
{rows}

At most {n_workers} worker processes lived at a time. Processes and shared memory left a minute after the
end: {", ".join(left_behind) or "none"}.

Command: `evocnn reproduce benchmarks/soak`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {load:.1f};
Python {where["python"]}, torch {where["torch"]}, ray {where["ray"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
