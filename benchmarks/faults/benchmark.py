"""Claim: after 50 kills of the driver and 50 of workers a search is what it would have been without them.

    evocnn reproduce benchmarks/faults [--quick]

A quiet search of tiny networks goes first. Then the same search is sent SIGKILL 50 times, at random moments
of starting, breeding, committing, saving a state, telling and waiting, and resumed each time, with two Ray
workers or none. Then its workers are killed 50 times, with the driver left alone: while they start, while
they train, while they return a result; as often as it takes, the search is made anew. In the end journals
(times aside) and fronts must be equal, and on the way no committed evaluation may be submitted again, none
may be lost, and what is told must be told once and in the order of the quiet search. Otherwise this script
stops. It may be stopped itself and goes on where it was. The quick form has three kills of each.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from session import PLACES

import evocnn
from evocnn.cli.study import Asked, perform
from evocnn.report.figures import Figure
from evocnn.store import Journal, Record, environment
from evocnn.store.journal import FILE_NAME

HERE = Path(__file__).parent
EXPERIMENT = HERE / "experiment.toml"
N_KILLS, QUICK_KILLS = 50, 3  # of the driver, and as many of workers
# Seconds after the start of what is done there, about twice as long as it takes.
SPANS = {
    "starting": 12.0,
    "breeding": 0.01,
    "committing": 0.003,
    "saving": 0.003,
    "telling": 0.01,
    "waiting": 1,
}
KINDS = ("training", "starting", "returning")  # the second is of the replacement of the first
TITLE = "ray::Worker"
PATIENCE = 600.0  # seconds; only against hanging
POLL_SECONDS = 0.01
FAILED = 1  # exit code, also where Ray itself has not started within its 30 s, on a machine that is busy
MAX_ATTEMPTS = 5
BAR = 15.0  # seconds from resume to training, beyond Ray's own start


def start(log: Path, *arguments: object) -> "subprocess.Popen[bytes]":
    """Start a session whose log is written anew."""
    log.unlink(missing_ok=True)
    return subprocess.Popen(
        [sys.executable, HERE / "session.py", "--log", log, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdout=subprocess.DEVNULL,
    )


def going_on(folder: Path, n_kills: int, n_workers: int) -> list[object]:
    """Return the arguments that start a run that is long enough for so many kills, or resume one."""
    budget = 10 + 2 * n_kills
    anew = ["run", EXPERIMENT, "--out", folder, "--budget", budget]
    return ["--", *(["resume", folder] if is_begun(folder) else anew), "--workers", n_workers]


def is_begun(folder: Path) -> bool:
    """Return whether a folder holds a journal, with or without rows; a file may be left empty."""
    return (folder / FILE_NAME).exists() and (folder / FILE_NAME).stat().st_size > 0


def noted(log: Path, name: str) -> list[Any]:
    """Return what a session noted under a name; the last line may be cut off."""
    lines = log.read_text().splitlines() if log.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    return [entry[name] for entry in entries if name in entry]


def records_in(folder: Path) -> dict[int, Record]:
    """Return what a journal holds, by ticket; nothing before it is there."""
    if not is_begun(folder):
        return {}
    with Journal.open(folder, read_only=True) as journal:
        return {record.ticket: record for record in journal.records()}


def without_times(records: Sequence[Record]) -> list[Record]:
    """Return records without times; saved states hold seconds, so their digests differ."""
    return [
        replace(r, elapsed=0.0, state=None, evaluation=replace(r.evaluation, seconds=0.0)) for r in records
    ]


def check_equal(folder: Path, quiet: evocnn.Run) -> None:
    """Stop where a finished run is not the quiet one."""
    found = evocnn.open_run(folder)
    assert found.status == quiet.status, f"{folder} must be {quiet.status}, but was {found.status}"
    assert without_times(found.records) == without_times(quiet.records), f"{folder}: another journal"
    front, expected = (without_times(run.front.members) for run in (found, quiet))
    assert front == expected, f"{folder}: another front"


def check_told(log: Path, order: Sequence[int]) -> None:
    """Stop where a session told something twice, or in another order than the quiet search."""
    told = noted(log, "told")
    assert told == list(order[: len(told)]), f"{log}: told in another order"


def kill_driver(folder: Path, number: int, n_kills: int, order: Sequence[int]) -> dict[str, Any]:
    """Start or resume a search that is killed at a random moment, and return what came of it."""
    rng = np.random.default_rng([1, number])
    place, n_workers = PLACES[number % len(PLACES)], int(rng.choice((0, 2)))
    after, call = float(rng.uniform(0, SPANS[place])), int(rng.integers(1, 4))
    before, log = records_in(folder), folder.parent / "driver.jsonl"
    death = ["--place", place, "--call", call, "--after", after]
    code = start(log, *death, *going_on(folder, n_kills, n_workers)).wait(PATIENCE)
    n_attempts = 1
    while code == FAILED and n_workers and not noted(log, "ray") and n_attempts < MAX_ATTEMPTS:
        code = start(log, *death, *going_on(folder, n_kills, n_workers)).wait(PATIENCE)
        n_attempts += 1
    assert code == -signal.SIGKILL, f"kill {number}, {place}: it ended with {code}"
    now = records_in(folder)
    assert before.items() <= now.items(), f"kill {number}, {place}: evaluations lost"
    again = before.keys() & set(noted(log, "submitted"))
    assert not again, f"kill {number}, {place}: {again} evaluated again"
    check_told(log, order)
    n_flying = len(set(noted(log, "submitted")) - now.keys())
    return {
        "place": place,
        "workers": n_workers,
        "rows": len(now),
        "n_flying": n_flying,
        "training_after": next(iter(noted(log, "training_after")), None),
        "ray": next(iter(noted(log, "ray")), 0.0),
    }


def workers_of(driver: psutil.Process) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the worker processes of a session and what each is about to do."""
    try:
        children = driver.children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            title = child.cmdline()[0]
        except (psutil.Error, IndexError):
            continue
        if title.startswith(TITLE):
            yield child, title


def kill_starting(driver: psutil.Process, rng: np.random.Generator) -> bool:
    """Kill a worker that unpacks its evaluator, if there is one."""
    for worker, title in workers_of(driver):
        if title.startswith(f"{TITLE}.__init__"):
            time.sleep(rng.uniform(0, 1))
            worker.suspend()
            is_starting = worker.cmdline()[0].startswith(f"{TITLE}.__init__")
            worker.send_signal(signal.SIGKILL if is_starting else signal.SIGCONT)
            return is_starting
    return False


def kill_training(driver: psutil.Process, rng: np.random.Generator, watch: Path) -> bool:
    """Kill a worker that trains a candidate at which none was killed before, if there is one."""
    time.sleep(rng.uniform(0, 0.3))
    for worker, _ in workers_of(driver):
        place = watch / "training" / str(worker.pid)
        if not place.exists():
            continue
        worker.suspend()  # so that it trains what is read here
        name = place.read_text() if place.exists() else ""
        is_new = bool(name) and not (watch / "killed" / name).exists()
        if is_new:
            (watch / "killed" / name).touch()
        worker.send_signal(signal.SIGKILL if is_new else signal.SIGCONT)
        if is_new:
            return True
    return False


def kill_returning(watch: Path) -> bool:
    """Tell the next worker that returns a result to die of it; return whether one did."""
    (watch / "return").touch()
    end = time.monotonic() + 10
    while (watch / "return").exists() and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    try:
        (watch / "return").unlink()
    except FileNotFoundError:
        return True
    return False


def kill_worker(kind: str, driver: psutil.Process, rng: np.random.Generator, watch: Path) -> bool:
    """Kill a worker that does what is asked for, if there is one."""
    try:
        if kind == "returning":
            return kill_returning(watch)
        return kill_starting(driver, rng) if kind == "starting" else kill_training(driver, rng, watch)
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return False


def kill_workers(folder: Path, kills: list[str], n_kills: int, order: Sequence[int]) -> Iterator[str]:
    """Run or resume a search with its workers killed until there were enough kills; yield their kinds."""
    watch, log = folder.with_name(f"{folder.name}-watch"), folder.parent / "workers.jsonl"
    watch.mkdir(exist_ok=True)
    (watch / "return").unlink(missing_ok=True)
    session = start(log, "--watch", watch, *going_on(folder, n_kills, 2))
    driver, n_done = psutil.Process(session.pid), len(kills)
    while session.poll() is None:
        kind, rng = KINDS[n_done % len(KINDS)], np.random.default_rng([2, n_done])
        is_killed = n_done < n_kills and kill_worker(kind, driver, rng, watch)
        if is_killed:
            n_done += 1
            yield kind
        time.sleep(POLL_SECONDS)
    if session.returncode == FAILED and not noted(log, "ray"):
        return
    assert session.returncode == 0, f"{folder}: the search ended with {session.returncode}"
    check_told(log, order)


def done(path: Path) -> list[Any]:
    """Return the entries of a list that an earlier start of this script wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add(path: Path, entry: object) -> None:
    """Append an entry to a list."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def finished(folder: Path) -> bool:
    """Return whether a folder holds a run that has ended by itself."""
    return bool(records_in(folder)) and evocnn.open_run(folder).status == "finished"


def quiet_run(home: Path, n_kills: int) -> tuple[evocnn.Run, list[int]]:
    """Return the search without kills, and the order in which it told tickets."""
    folder, log = home / "quiet", home / "quiet.jsonl"
    if not finished(folder):
        code = start(log, *going_on(folder, n_kills, 0)).wait()
        assert code == 0, f"the quiet search ended with {code}"
    return evocnn.open_run(folder), noted(log, "told")


def study(asked: Asked) -> Mapping[str, Figure]:
    """Kill drivers, then workers; return what came of it, and write the tables."""
    load = os.getloadavg()[0]
    home, n_kills = asked.runs, QUICK_KILLS if asked.is_quick else N_KILLS
    quiet, order = quiet_run(home, n_kills)
    print(f"quiet: {len(quiet.records)} evaluations", flush=True)
    deaths = driver_deaths(home, n_kills, quiet, order)
    kills, n_runs = worker_kills(home, n_kills, quiet, order)
    asked.write("results.md", report(quiet, deaths, kills, n_runs, load).splitlines())
    own = [death["training_after"] - death["ray"] for death in deaths if death["training_after"] is not None]
    return {
        "evaluations": Figure(len(quiet.records), 0),
        "driver_kills": Figure(len(deaths), 0),
        "worker_kills": Figure(len(kills), 0),
        "resume_seconds_median": Figure(round(median(own), 1), None, "s"),
        "resume_seconds_most": Figure(round(max(own), 1), None, "s"),
        "resumed_in_time": Figure(max(own) <= BAR, 0),
    }


def driver_deaths(home: Path, n_kills: int, quiet: evocnn.Run, order: Sequence[int]) -> list[dict[str, Any]]:
    """Kill the driver so often, let the search end, and return what came of each kill."""
    deaths = done(home / "driver-kills.jsonl")
    for number in range(len(deaths), n_kills):
        deaths.append(kill_driver(home / "driver", number, n_kills, order))
        add(home / "driver-kills.jsonl", deaths[-1])
        print(f"driver {number + 1}: {deaths[-1]}", flush=True)
    if not finished(home / "driver"):
        code = start(home / "driver.jsonl", *going_on(home / "driver", n_kills, 0)).wait()
        assert code == 0, f"the search that was killed ended with {code}"
        check_told(home / "driver.jsonl", order)
    check_equal(home / "driver", quiet)
    return deaths


def worker_kills(home: Path, n_kills: int, quiet: evocnn.Run, order: Sequence[int]) -> tuple[list[str], int]:
    """Kill workers so often, in as many searches as it takes; return the kinds of kills and how many."""
    kills = done(home / "worker-kills.jsonl")
    n_runs = 0
    while len(kills) < n_kills or (home / f"workers-{n_runs}").exists():
        folder = home / f"workers-{n_runs}"
        for _ in range(MAX_ATTEMPTS):
            if finished(folder):
                break
            for kind in kill_workers(folder, kills, n_kills, order):
                kills.append(kind)
                add(home / "worker-kills.jsonl", kind)
                print(f"worker {len(kills)}: {kind}", flush=True)
        check_equal(folder, quiet)
        n_runs += 1
    return kills, n_runs


def report(
    quiet: evocnn.Run, deaths: Sequence[dict[str, Any]], kills: Sequence[str], n_runs: int, load: float
) -> str:
    """Return the results as Markdown.

    Args:
        quiet: The search without kills.
        deaths: What came of each kill of the driver.
        kills: The kind of each kill of a worker.
        n_runs: Searches whose workers were killed.
        load: The load average of the machine at the start.
    """
    where = environment()
    rows = []
    for place in PLACES:
        here = [death for death in deaths if death["place"] == place]
        rows.append(f"| driver, {place} | {len(here)} | {sum(death['n_flying'] for death in here)} |")
    rows += [
        f"| worker, {kind} | {kills.count(kind)} | {kills.count(kind) * (kind != 'starting')} |"
        for kind in KINDS
    ]
    times = []
    slowest = 0.0
    for n_workers, words in (0, "none"), (2, "2 of Ray"):
        here = [d for d in deaths if d["workers"] == n_workers and d["training_after"] is not None]
        if here:
            own = [death["training_after"] - death["ray"] for death in here]
            slowest = max(slowest, *own)
            rays = median(death["ray"] for death in here)
            times.append(f"| {words} | {len(here)} | {rays:.1f} | {median(own):.1f} | {max(own):.1f} |")
    killed, timed = "\n".join(rows), "\n".join(times)
    return f"""# Kills

A search of {len(quiet.records)} evaluations of tiny networks on 600 images of digits was killed {len(deaths)}
times and resumed with Ray workers or without, by chance; in {n_runs} more searches of the same kind workers
were killed {len(kills)} times, with the driver left alone.

| killed | times | evaluations in flight that were lost and made again |
|---|---|---|
{killed}

Bar: no evaluation lost, none told twice, no wrong front. Met: all {n_runs + 1} journals, times aside, and
fronts equal those of the search that was never killed, and no committed evaluation was made again;
otherwise this script stops.

From the start of the process that resumes to its first candidate in training, beyond what Ray's own start
takes, in seconds:

| workers | sessions | Ray's own start, median | beyond it, median | largest |
|---|---|---|---|---|
{timed}

Bar: at most {BAR:g} s. {"Met" if slowest <= BAR else "Missed"}: the largest was {slowest:.1f} s.

Command: `evocnn reproduce benchmarks/faults`
Machine: {where["processor"]}, {where["cores"]} cores;
load average {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end;
Python {where["python"]}, torch {where["torch"]}, ray {where["ray"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
