"""Lanes: several candidates train at once in one process, on one device.

A small network leaves most of a GPU idle: the host needs longer to ask for a step than the device
to take it, and a kernel fills a few processors only. So every candidate has a lane, with a CUDA
stream of its own; one thread puts some steps of each lane to the device in turn, and the device
works on all of them. An evaluation is a generator that hands over after each step, and before it
reads figures from the device. What it does between two hand-overs nothing else in its process
disturbs: a measurement that must run alone begins with `torch.cuda.synchronize()` and hands over
when it is through.
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from gc import collect
from time import monotonic, perf_counter
from typing import Any, Protocol

import torch
from torch import nn

from evocnn.errors import WorkerError
from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, Status, evaluate_safely
from evocnn.genotype import Chromosome, Recipe, Shape
from evocnn.training.captured_step import CapturedStep
from evocnn.training.evaluator import TrainingEvaluator, undisturbed
from evocnn.training.images import Images
from evocnn.training.memory import training_bytes
from evocnn.training.step import EagerStep, Step

MAX_LANES = 8  # what one thread can feed: a step takes it tens of microseconds, the device a few times that
STEPS_A_TURN = 8  # taking turns costs about as much as a step
USABLE = 0.9  # share of a GPU's memory; the rest goes to fragments and to what no allocator sees

MakeStep = Callable[[nn.Module, Recipe, Images], Step]
Steps = Generator[None, None, Evaluation]


class SteppedEvaluator(Protocol):
    """An evaluator whose evaluations can take turns."""

    def steps(self, request: EvaluationRequest, make_step: MakeStep) -> Steps:
        """Evaluate, handing over after each step and before figures are read."""
        ...


@dataclass
class _Lane:
    """A candidate on its way.

    Attributes:
        ticket: Its ticket.
        request: What was asked.
        memory: Bytes that it is predicted to take.
        number: Which of the lanes it has.
        stream: Where its work goes; None on a CPU.
        steps: The evaluation.
        step: Takes the optimization steps, once the network is built.
        is_alone: Whether it repeats, alone, what exhausted the memory in company.
        is_reading: Whether it reads figures next, which waits until its stream is through.
    """

    ticket: int
    request: EvaluationRequest
    memory: int
    number: int
    stream: Any
    steps: Steps
    step: Step | None = None
    is_alone: bool = False
    is_reading: bool = False

    @property
    def n_steps(self) -> int:
        """Steps taken so far, where that is known."""
        return self.step.n_steps if isinstance(self.step, CapturedStep) else 0

    @property
    def note(self) -> str:
        """What is to be said of a success: why its steps were not captured, where they were not."""
        obstacle = self.step.obstacle if isinstance(self.step, CapturedStep) else ""
        return f"trained without a CUDA graph: {obstacle}" if obstacle else ""


class Lanes:
    """An executor that trains several candidates in the calling thread, inside `wait`.

    Requests are taken in order, each once there is a lane and memory for it. A candidate that
    exhausts the memory in company is evaluated again when the others have finished, alone; it is
    recorded as out of memory where that is not enough.

    Args:
        evaluator: Evaluates each request, step by step.
        n_lanes: Candidates at a time.
        device: Where.
        memory: Bytes of the device that they may take together.
        memory_of: Predicts the bytes that a request takes.
        make_step: Makes what takes the steps; captured ones on a GPU if not given.
    """

    def __init__(
        self,
        evaluator: SteppedEvaluator,
        n_lanes: int,
        device: torch.device,
        *,
        memory: float,
        memory_of: Callable[[EvaluationRequest], int],
        make_step: MakeStep | None = None,
    ) -> None:
        self._evaluator = evaluator
        self._n_lanes = n_lanes
        self._memory = memory
        self._memory_of = memory_of
        self._is_gpu = device.type == "cuda"
        self._make_step: MakeStep = make_step or (CapturedStep if self._is_gpu else EagerStep)
        self._streams = [torch.cuda.Stream(device) if self._is_gpu else None for _ in range(n_lanes)]
        self._waiting: deque[tuple[int, EvaluationRequest]] = deque()
        self._to_repeat: deque[tuple[int, EvaluationRequest]] = deque()
        self._lanes: list[_Lane] = []
        self._is_first_turn = True

    @property
    def n_idle(self) -> int:
        """Requests that can be submitted now; one that waits for memory holds a lane."""
        return self._n_lanes - self.n_running

    @property
    def n_running(self) -> int:
        """Requests submitted and not returned."""
        return len(self._lanes) + len(self._waiting) + len(self._to_repeat)

    @property
    def running(self) -> dict[int, str]:
        """The lane of each request, where it has one already."""
        lanes = {lane.ticket: f"lane {lane.number}" for lane in self._lanes}
        return lanes | {ticket: "waits" for ticket, _ in (*self._waiting, *self._to_repeat)}

    def submit(self, ticket: int, request: EvaluationRequest) -> None:
        """Take a request; it starts inside `wait`."""
        self._waiting.append((ticket, request))

    def wait(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Train until something has finished, or for about `timeout` seconds, and return what has.

        Raises:
            WorkerError: A candidate left the GPU in a state in which nothing runs any more.
        """
        end = monotonic() + timeout
        finished: list[tuple[int, Evaluation]] = []
        with undisturbed():
            while self.n_running and not finished and monotonic() < end:
                self._admit()
                finished = [result for lane in tuple(self._lanes) if (result := self._turn(lane))]
        return finished

    def close(self) -> None:
        """Drop what runs."""
        for lane in self._lanes:
            lane.steps.close()
        for requests in (self._lanes, self._waiting, self._to_repeat):
            requests.clear()

    def _admit(self) -> None:
        """Open lanes for as many requests as there is room for."""
        if self._to_repeat:
            if not self._lanes:
                self._open(*self._to_repeat.popleft(), is_alone=True)
            return
        while self._waiting and len(self._lanes) < self._n_lanes:
            taken = sum(lane.memory for lane in self._lanes)
            is_reserved = any(lane.is_alone for lane in self._lanes)
            if self._lanes and (is_reserved or taken + self._memory_of(self._waiting[0][1]) > self._memory):
                return  # one that is too large for the estimate is tried alone
            self._open(*self._waiting.popleft())

    def _open(self, ticket: int, request: EvaluationRequest, *, is_alone: bool = False) -> None:
        taken = {lane.number for lane in self._lanes}
        number = next(n for n in range(self._n_lanes) if n not in taken)

        def make_step(network: nn.Module, recipe: Recipe, images: Images) -> Step:
            lane.step = self._make_step(network, recipe, images)
            return lane.step

        steps = _safely(self._evaluator, request, make_step)
        memory, stream = self._memory_of(request), self._streams[number]
        lane = _Lane(ticket, request, memory, number, stream, steps, is_alone=is_alone)
        self._lanes.append(lane)

    def _turn(self, lane: _Lane) -> tuple[int, Evaluation] | None:
        """Let a lane take some steps; return its evaluation where it came to its end."""
        if lane.is_reading and not lane.stream.query():
            return None
        try:
            with torch.cuda.stream(lane.stream):
                for _ in range(STEPS_A_TURN):
                    n_steps = lane.n_steps
                    next(lane.steps)
                    lane.is_reading = self._is_gpu and lane.n_steps == n_steps
                    if lane.is_reading:
                        break
        except StopIteration as end:
            return self._finish(lane, end.value)
        if self._is_gpu and self._is_first_turn:  # pragma: no cover - GPU branch
            torch.cuda.synchronize()  # the images, which all lanes read, were put there by this one
        self._is_first_turn = False
        return None

    def _finish(self, lane: _Lane, evaluation: Evaluation) -> tuple[int, Evaluation] | None:
        """Close a lane; return its evaluation unless it is to be repeated alone."""
        self._lanes.remove(lane)
        if evaluation.status is Status.OK and lane.note:
            evaluation = replace(evaluation, reason=lane.note)
        lane.step = None
        if evaluation.status is Status.CRASHED:
            self._check_device(evaluation)
        if evaluation.status is Status.OUT_OF_MEMORY:
            collect()  # the frames of an exception hold tensors, and each other
            if self._is_gpu:  # pragma: no cover - GPU branch
                torch.cuda.empty_cache()
            if not lane.is_alone and (self._lanes or self._to_repeat):
                self._to_repeat.append((lane.ticket, lane.request))
                return None
        return lane.ticket, evaluation

    def _check_device(self, evaluation: Evaluation) -> None:
        """Raise where the GPU does not answer: after some errors nothing runs in a process any more."""
        if self._is_gpu:  # pragma: no cover - GPU branch
            try:
                torch.cuda.synchronize()
            except RuntimeError as error:
                message = f"the GPU must answer after a candidate, but: {evaluation.reason}; resume the run"
                raise WorkerError(message) from error


def lanes_of(evaluator: Evaluator, candidate_bytes: int) -> Lanes | None:
    """Return lanes on this process's GPU, as many as it has room for; None where there is nothing to share.

    Args:
        evaluator: Trains the candidates.
        candidate_bytes: What a typical one takes on the device.
    """
    if not isinstance(evaluator, TrainingEvaluator) or not torch.cuda.is_available():
        return None
    device = torch.device("cuda", torch.cuda.current_device())  # pragma: no cover - GPU branch
    images = evaluator.training.images.nbytes + 2 * evaluator.validation.images.nbytes  # pragma: no cover
    total = torch.cuda.get_device_properties(device).total_memory  # pragma: no cover
    memory = USABLE * evaluator.gpu_share * total - images  # pragma: no cover
    shape, n_classes = Shape(*evaluator.training.shape), evaluator.training.n_classes  # pragma: no cover

    def memory_of(request: EvaluationRequest) -> int:  # pragma: no cover
        genome = request.genome
        return training_bytes(genome, shape, n_classes) if isinstance(genome, Chromosome) else 0

    n_lanes = n_lanes_within(memory, candidate_bytes)  # pragma: no cover
    return Lanes(evaluator, n_lanes, device, memory=memory, memory_of=memory_of)  # pragma: no cover


def trains_on_gpus() -> bool:
    """Return whether this PyTorch can use a GPU, where there is one."""
    return bool(torch.backends.cuda.is_built())


def n_lanes_within(memory: float, candidate_bytes: int) -> int:
    """Return how many lanes some memory has room for, at least 1."""
    return max(1, min(MAX_LANES, int(memory // candidate_bytes)))


class _Outcome:
    """An evaluator that knows what an evaluation came to: its result, or what it raised."""

    context = ""

    def __init__(self, outcome: Evaluation | BaseException) -> None:
        self._outcome = outcome

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:  # noqa: ARG002 - an evaluator's signature
        """Return the result, or raise."""
        if isinstance(self._outcome, Evaluation):
            return self._outcome
        raise self._outcome


def _safely(evaluator: SteppedEvaluator, request: EvaluationRequest, make_step: MakeStep) -> Steps:
    """Evaluate in steps, as `evaluate_safely` does in one."""
    start = perf_counter()
    try:
        outcome: Evaluation | BaseException = yield from evaluator.steps(request, make_step)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a bad candidate never ends a run
        outcome = error
    evaluation = evaluate_safely(_Outcome(outcome), request)
    if isinstance(outcome, Evaluation):
        return evaluation
    return replace(evaluation, seconds=perf_counter() - start)
