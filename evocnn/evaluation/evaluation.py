"""What is asked of an evaluator and what it answers: plain records that cross process borders."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite
from time import perf_counter
from typing import Protocol

from evocnn.errors import own_line, printable, text_of
from evocnn.genotype import Fidelity, Genome


class Status(StrEnum):
    """How an evaluation ended. Only `OK` is selectable; the others carry a reason."""

    OK = "ok"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """One evaluation to be made.

    Attributes:
        genome: The candidate, in canonical form.
        fidelity: How thoroughly.
        replicate: 0, 1, ...: the same candidate with other seeds.
        continues: The ticket whose saved state it goes on from.
        donor: The ticket whose weights it starts from.
        saves_state: Whether the evaluation is to bring the state that a continuation or a child needs.
        state: The state of `continues`, put in by the driver; without it, evaluation starts anew and
            finds the same.
        donor_state: The state of `donor`, put in by the driver.
        donor_genome: Its genome, put in by the driver.
    """

    genome: Genome
    fidelity: Fidelity
    replicate: int = 0
    continues: int | None = None
    donor: int | None = None
    saves_state: bool = False
    state: bytes | None = field(default=None, repr=False, compare=False)
    donor_state: bytes | None = field(default=None, repr=False, compare=False)
    donor_genome: Genome | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        status: How it ended.
        metrics: Raw measurements by name; finite where the status is ok.
        curves: One value an epoch, by name.
        seconds: Wall-clock time.
        reason: Why it failed, in a sentence; for user code with the user's own line.
        state: What a continuation or a child needs, where the request saves it.
    """

    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""
    state: bytes | None = field(default=None, repr=False)


class Evaluator(Protocol):
    """Trains one candidate, or looks it up in a table. It pickles."""

    @property
    def context(self) -> str:
        """Digest of everything but the request that the result depends on: data and protocol."""
        ...

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return what the evaluation found; may raise."""
        ...


def identity(request: EvaluationRequest, context: str, donor: str = "") -> str:
    """Return what names an evaluation's result: equal identities are never evaluated twice.

    Continuing equals never having stopped, so what a request continues is no part of it.

    Args:
        request: The request; its genome in canonical form.
        context: The evaluator's context.
        donor: The identity of the donor's evaluation, where weights are inherited.
    """
    fidelity = request.fidelity
    scope = (fidelity.epochs, fidelity.n_images, fidelity.share)
    parts = (context, request.genome.key, *scope, request.replicate, donor)
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def evaluate_safely(evaluator: Evaluator, request: EvaluationRequest) -> Evaluation:
    """Return the evaluation; an exception becomes a status, a figure that is not finite a divergence."""
    start = perf_counter()
    try:
        evaluation = _plain(evaluator(request))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a bad candidate never ends a run
        status = Status.OUT_OF_MEMORY if _is_out_of_memory(error) else Status.CRASHED
        return Evaluation(status, seconds=perf_counter() - start, reason=_describe(error))
    bad = [name for name, value in evaluation.metrics.items() if not isfinite(value)]
    if evaluation.status is Status.OK and bad:
        reason = f"metric {bad[0]} was {evaluation.metrics[bad[0]]}"
        return Evaluation(
            Status.DIVERGED, curves=evaluation.curves, seconds=evaluation.seconds, reason=reason
        )
    return evaluation


def _plain(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation with plain floats for an evaluator's numbers: the journal takes no others."""
    return replace(
        evaluation,
        metrics={name: float(value) for name, value in evaluation.metrics.items()},
        curves={name: tuple(float(value) for value in values) for name, values in evaluation.curves.items()},
        seconds=float(evaluation.seconds),
    )


def _is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means exhausted memory: CUDA's own class, a plain one on the CPU."""
    name, text = type(error).__name__, text_of(error)
    return isinstance(error, MemoryError) or name == "OutOfMemoryError" or "can't allocate memory" in text


def _describe(error: BaseException) -> str:
    """Return the exception in one line, with the user's own line where it came from there."""
    return printable(f"{type(error).__name__}: {text_of(error)}{own_line(error)}".replace("\n", " "))
