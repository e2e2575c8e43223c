"""One session of a search: the command line in a process of its own, which tells what it does and may die.

    python session.py --log FILE [--place PLACE --call N --after SECONDS] [--watch FOLDER]
                      [--faults NAMES --grace SECONDS] -- ARGUMENTS

ARGUMENTS are those of `evocnn`. Each line of the log is durable against the death of the process: what was
submitted to the workers, what was told, when training began, what Ray's own start took. With `--place` the
process sends itself SIGKILL, so many seconds after the start of the n-th call of what is done there, counted
from when it began to train; where the place is the start, at the latest when it begins to train. `--watch`
and `--faults` are for the evaluators of `evaluators.py`.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import psutil

PLACES = ("starting", "breeding", "committing", "saving", "telling", "waiting")


class Session:
    """What is noted and done in this process.

    Args:
        log: Lines are appended here.
        ends_in_training: Whether the process dies when training begins, if it lives that long.
    """

    def __init__(self, log: Path, *, ends_in_training: bool) -> None:
        self._file = log.open("a", encoding="utf-8", buffering=1)
        self._ends_in_training = ends_in_training
        self.is_training = False

    def note(self, **entry: object) -> None:
        """Append a line."""
        self._file.write(json.dumps(entry) + "\n")

    def around(self, owner: Any, name: str, before: Callable[..., None]) -> None:
        """Call something ahead of each call of a method, with the same arguments."""
        inner = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            before(*arguments, **options)
            return inner(*arguments, **options)

        setattr(owner, name, watched)

    def submitted(self, _: object, ticket: int, *__: object) -> None:
        """Note what is submitted, and with the first that training began."""
        if not self.is_training:
            self.is_training = True
            self.note(training_after=time.time() - psutil.Process().create_time())
            if self._ends_in_training:
                os.kill(os.getpid(), signal.SIGKILL)
        self.note(submitted=ticket)


def timed_ray(session: Session) -> None:
    """Note what Ray's own start takes."""
    import ray  # noqa: PLC0415 - a session without workers needs none

    start = ray.init

    def init(*arguments: Any, **options: Any) -> Any:
        began = time.time()
        answer = start(*arguments, **options)
        session.note(ray=time.time() - began)
        return answer

    ray.init = init


def train_with(change: Callable[[Any], Any]) -> None:
    """Let searches of this process train with another evaluator, made of their own."""
    from evocnn.runs import search  # noqa: PLC0415 - part of what a start takes

    build_parts: Any = search.build_parts

    def changed(*arguments: Any, **options: Any) -> Any:
        parts = build_parts(*arguments, **options)
        return replace(parts, evaluator=change(parts.evaluator))

    search.build_parts = changed


def main() -> None:
    """Patch what is to be watched, then hand over to the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--place", choices=PLACES)
    parser.add_argument("--call", type=int, default=1)
    parser.add_argument("--after", type=float, default=0.0)
    parser.add_argument("--watch", type=Path)
    parser.add_argument("--faults", nargs="*")
    parser.add_argument("--grace", type=float)
    parser.add_argument("arguments", nargs="+")
    asked = parser.parse_args()
    is_starting = asked.place == "starting"
    session = Session(asked.log, ends_in_training=is_starting)
    timer = Timer(asked.after, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    if is_starting:
        timer.start()

    from evaluators import Faulty, Watched  # noqa: PLC0415 - part of what a start takes

    from evocnn.cli.main import main as evocnn  # noqa: PLC0415
    from evocnn.runs import workers  # noqa: PLC0415
    from evocnn.search import Driver  # noqa: PLC0415
    from evocnn.store import Journal, States  # noqa: PLC0415
    from evocnn.workers import SerialExecutor  # noqa: PLC0415

    executor: Any = SerialExecutor
    if "--workers" in asked.arguments and asked.arguments[asked.arguments.index("--workers") + 1] != "0":
        from evocnn.workers.ray_executor import RayExecutor  # noqa: PLC0415

        timed_ray(session)
        executor = RayExecutor
    places = {
        "breeding": (Driver, "_ask"),
        "committing": (Journal, "commit"),
        "saving": (States, "save"),
        "telling": (Driver, "_tell"),
        "waiting": (Driver, "_collect"),
    }
    n_left = asked.call

    def count(*_: object) -> None:
        nonlocal n_left
        n_left -= session.is_training
        if n_left == 0 and not timer.is_alive():
            sys.setswitchinterval(1e-4)  # seconds; or the timer's thread waits for those of a whole call
            timer.start()

    if asked.place in places:
        session.around(*places[asked.place], count)
    session.around(Driver, "_tell", lambda _, ticket: session.note(told=ticket))
    session.around(executor, "submit", session.submitted)
    if asked.watch is not None:
        train_with(lambda evaluator: Watched.of(evaluator, asked.watch))
    if asked.faults is not None:
        train_with(lambda evaluator: Faulty.of(evaluator, tuple(asked.faults)))
    if asked.grace is not None:
        workers.DEADLINE_GRACE = asked.grace
    sys.argv = ["evocnn", *asked.arguments]
    evocnn()


if __name__ == "__main__":
    main()
