"""Evaluators that train for real and tell of it, fail at it, or die of it."""

import hashlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, Self

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.rng import derive_seed
from evocnn.training.evaluator import TrainingEvaluator


def name_of(key: str, fidelity: Fidelity, replicate: int) -> str:
    """Return what tells one evaluation from the others, for a file's name."""
    return hashlib.sha256(repr((key, fidelity, replicate)).encode()).hexdigest()[:32]


class Deadly:
    """Kills the process that packs it up, as a worker does with its result."""

    def __reduce__(self) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass
class Watched(TrainingEvaluator):
    """Trains, says in a file what it trains, and dies while it returns a result where it is told to.

    Attributes:
        folder: Holds `training/PID`, the name of what a process trains; `killed/NAME`, what a worker was
            killed at before; and `return`, which tells the worker that removes it to die.
    """

    folder: Path = Path()

    @classmethod
    def of(cls, evaluator: TrainingEvaluator, folder: Path) -> Self:
        """Return an evaluator that finds what another does."""
        for name in ("training", "killed"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return cls(evaluator.training, evaluator.validation, evaluator.protocol, folder=folder)

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return what training found."""
        name = name_of(request.genome.key, request.fidelity, request.replicate)
        place = self.folder / "training" / str(os.getpid())
        place.write_text(name)
        evaluation = super().__call__(request)
        place.unlink()
        killed = self.folder / "killed" / name
        if not killed.exists():  # twice would be the candidate's own fault
            with suppress(FileNotFoundError):
                (self.folder / "return").unlink()
                killed.touch()
                deadly: Any = Deadly()
                return replace(evaluation, reason=deadly)
        return evaluation


def _exhaust(*_: object) -> float:
    return float(len(bytearray(2**60)))


def _raise(*_: object) -> float:
    raise ValueError("no such layer")


def _hang(*_: object) -> float:
    while True:
        time.sleep(1)


def _die(*_: object) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


@dataclass(frozen=True)
class Fault:
    """What befalls an evaluation.

    Attributes:
        share: Of the evaluations.
        status: That the journal must hold.
        action: What a metric of the user's own does, with the trained network alive; None where the training
            itself is spoiled.
    """

    share: float
    status: Status
    action: Callable[..., float] | None = None


FAULTS: Mapping[str, Fault] = {
    "out of memory": Fault(0.05, Status.OUT_OF_MEMORY, _exhaust),
    "exception": Fault(0.05, Status.CRASHED, _raise),
    "NaN loss": Fault(0.05, Status.DIVERGED),
    "timeout": Fault(0.025, Status.TIMED_OUT),
    "endless loop": Fault(0.025, Status.TIMED_OUT, _hang),
    "killed worker": Fault(0.05, Status.CRASHED, _die),
}


def fault_of(name: str, possible: tuple[str, ...]) -> str | None:
    """Return what befalls the evaluation of a name, the same in every process; mostly nothing."""
    place = derive_seed(name) / 2**63
    for fault in possible:
        place -= FAULTS[fault].share
        if place < 0:
            return fault
    return None


@dataclass
class Faulty(TrainingEvaluator):
    """Trains, and lets some evaluations fail as candidates do.

    Attributes:
        possible: The faults.
    """

    possible: tuple[str, ...] = ()

    @classmethod
    def of(cls, evaluator: TrainingEvaluator, possible: tuple[str, ...]) -> Self:
        """Return an evaluator that finds what another does, where nothing fails."""
        return cls(evaluator.training, evaluator.validation, evaluator.protocol, possible=possible)

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return what training found, or how it failed."""
        genome: Any = request.genome
        fault = fault_of(name_of(genome.key, request.fidelity, request.replicate), self.possible)
        action = None if fault is None else FAULTS[fault].action
        self.measures = {} if action is None else {"fault": action}
        if fault == "NaN loss":
            recipe = replace(genome.recipe, learning_rate=1e38)
            request = replace(request, genome=replace(genome, recipe=recipe), state=None)  # it is another's
        whole = self.protocol
        self.protocol = replace(whole, timeout=1e-9) if fault == "timeout" else whole
        try:
            return super().__call__(request)
        finally:
            self.protocol = whole
