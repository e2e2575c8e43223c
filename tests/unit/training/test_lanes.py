"""The scheduler of lanes, with real trainings and with scripts, on a CPU."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Chromosome, Conv, Fidelity, Head, Pool, Recipe
from evocnn.training import lanes as lanes_module
from evocnn.training.captured_step import CapturedStep
from evocnn.training.data import ImageSet, image_set
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.lanes import MAX_LANES, STEPS_A_TURN, Lanes, lanes_of, n_lanes_within
from evocnn.training.protocol import Protocol
from evocnn.training.step import EagerStep

CPU = torch.device("cpu")
LAYERS = (Conv(filters=4, kernel=3), Pool(), Conv(filters=6, kernel=3))
RECIPES = (
    Recipe(batch_size=16, learning_rate=0.05),
    Recipe(optimizer="adamw", batch_size=8, learning_rate=0.01, shift=0.2, noise=0.3, average=0.9),
    Recipe(optimizer="muon", batch_size=32, learning_rate=0.02, mixup=0.4, flip=0.5, epochs=5),
    Recipe(optimizer="nadam", batch_size=16, learning_rate=0.01, cutout=0.4, clip=0.5, smoothing=0.1),
    Recipe(optimizer="rmsprop", batch_size=61, learning_rate=0.01, brightness=0.3, epochs=1),
)


def noise(n: int, seed: int) -> ImageSet:
    rng = np.random.default_rng(seed)
    return image_set(rng.integers(0, 255, (n, 6, 6)).astype(np.uint8), np.arange(n) % 3, name="noise")


@pytest.fixture(scope="module")
def evaluator() -> TrainingEvaluator:
    return TrainingEvaluator(noise(61, 1), noise(30, 2), Protocol(seed=1))


def training(recipe: Recipe, **changes: Any) -> EvaluationRequest:
    return EvaluationRequest(Chromosome(LAYERS, Head(dropout=0.3), recipe), Fidelity(3, 61), **changes)


def figures(evaluation: Evaluation) -> tuple[Any, ...]:
    return evaluation.status, evaluation.metrics, evaluation.curves, evaluation.reason


def weights(evaluation: Evaluation) -> list[bytes]:
    """Return the bits of a saved network."""
    saved = torch.load(BytesIO(evaluation.state or b""), weights_only=True)
    return [value.numpy().tobytes() for value in saved["step"]["network"].values()]


@dataclass(frozen=True)
class Script:
    """A genome that says what its evaluation does.

    Attributes:
        text: Its name.
        n_turns: Hand-overs before the end.
        end: What it comes to.
        fits_alone: Whether what exhausts the memory in company does not alone.
        memory: Bytes that it is predicted to take.
    """

    text: str
    n_turns: int = 3 * STEPS_A_TURN
    end: Status = Status.OK
    fits_alone: bool = True
    memory: int = 1

    @property
    def key(self) -> str:
        return self.text

    def to_json(self) -> str:
        return self.text


@dataclass
class Stage:
    """Carries out scripts and writes down what it sees.

    Attributes:
        running: Who runs at the moment.
        seen: Who took a turn, and who ran at the time.
    """

    running: list[str] = field(default_factory=list)
    seen: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def steps(self, request: EvaluationRequest, make_step: Any) -> Generator[None, None, Evaluation]:
        script: Any = request.genome
        self.running.append(script.text)
        try:
            for _ in range(script.n_turns):
                self.seen.append((script.text, frozenset(self.running)))
                yield
            is_alone = len(self.running) == 1
            if script.end is Status.OUT_OF_MEMORY and not (is_alone and script.fits_alone):
                raise MemoryError(script.text)
            if script.end is Status.CRASHED:
                raise ValueError(script.text)
        finally:
            self.running.remove(script.text)
        return Evaluation(Status.OK, {"turns": float(script.n_turns)})

    def companies(self, name: str) -> list[set[str]]:
        """Return who else ran at each turn of a script."""
        return [set(running - {name}) for turn, running in self.seen if turn == name]


def playing(
    *scripts: Script, n_lanes: int = 3, memory: float = 100
) -> tuple[list[tuple[str, Status]], Stage]:
    """Return how scripts ended, in that order, and the stage."""
    stage = Stage()
    lanes = Lanes(stage, n_lanes, CPU, memory=memory, memory_of=lambda request: request.genome.memory)  # type: ignore[attr-defined]
    names = [script.text for script in scripts]
    waiting = list(enumerate(scripts))
    ended: list[tuple[str, Status]] = []
    while waiting or lanes.n_running:
        while waiting and lanes.n_idle:
            ticket, script = waiting.pop(0)
            lanes.submit(ticket, EvaluationRequest(script, Fidelity(1, 1)))
        n_running = lanes.n_running
        places = list(lanes.running.values())
        numbered = [place for place in places if place != "waits"]
        assert len(places) == lanes.n_running
        assert len(numbered) == len(set(numbered)) == len(lanes._lanes)
        finished = lanes.wait(10)
        assert len(finished) == n_running - lanes.n_running
        ended += [(names[ticket], evaluation.status) for ticket, evaluation in finished]
    assert not stage.running
    return ended, stage


@pytest.fixture
def one_step_a_turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lanes_module, "STEPS_A_TURN", 1)
    return


@pytest.fixture(scope="module")
def requests() -> list[EvaluationRequest]:
    return [training(recipe, saves_state=True) for recipe in RECIPES]


@pytest.fixture(scope="module")
def alone(evaluator: TrainingEvaluator, requests: list[EvaluationRequest]) -> list[Evaluation]:
    """Return what each candidate comes to by itself."""
    return [evaluator(request) for request in requests]


@pytest.mark.parametrize("n_lanes", [1, 3])
def test_a_lane_finds_bit_for_bit_what_its_candidate_finds_alone(
    evaluator: TrainingEvaluator,
    requests: list[EvaluationRequest],
    alone: list[Evaluation],
    one_step_a_turn: None,
    n_lanes: int,
) -> None:
    lanes = Lanes(evaluator, n_lanes, CPU, memory=1, memory_of=lambda request: 0)
    found: dict[int, Evaluation] = {}
    for ticket, request in enumerate(requests):
        lanes.submit(ticket, request)
    torch.manual_seed(99)
    while lanes.n_running:
        found |= dict(lanes.wait(10))
        torch.rand(3)  # whatever is drawn in between
    for ticket, expected in enumerate(alone):
        assert expected.status is Status.OK
        assert figures(found[ticket]) == figures(expected)
        assert weights(found[ticket]) == weights(expected)


def test_a_candidate_that_raises_disturbs_no_other(
    evaluator: TrainingEvaluator,
    requests: list[EvaluationRequest],
    alone: list[Evaluation],
    one_step_a_turn: None,
) -> None:
    broken = EvaluationRequest(requests[0].genome, Fidelity(3, 60))  # not all training images
    lanes = Lanes(evaluator, 3, CPU, memory=1, memory_of=lambda request: 0)
    for ticket, request in enumerate((requests[0], broken, requests[1])):
        lanes.submit(ticket, request)
    found = [result for _ in range(3) for result in lanes.wait(10)]
    assert found[0][0] == 1
    evaluations = dict(found)
    assert evaluations[1].status is Status.CRASHED
    assert evaluations[1].reason.startswith("GeneError: a fidelity must have all 61 training images")
    assert figures(evaluations[0]) == figures(alone[0])
    assert figures(evaluations[2]) == figures(alone[1])


def test_lanes_take_turns_and_the_next_candidate_takes_a_lane_that_ends() -> None:
    ended, stage = playing(
        Script("long", 4 * STEPS_A_TURN),
        Script("short", STEPS_A_TURN),
        Script("next", STEPS_A_TURN),
        n_lanes=2,
    )
    assert [name for name, _ in ended] == ["short", "next", "long"]
    assert {"short"} in stage.companies("long")
    assert {"next"} in stage.companies("long")
    turns = [name for name, _ in stage.seen][: 3 * STEPS_A_TURN]
    assert turns == ["long"] * STEPS_A_TURN + ["short"] * STEPS_A_TURN + ["long"] * STEPS_A_TURN


def test_as_many_are_admitted_as_memory_holds_and_one_too_large_goes_alone() -> None:
    _, stage = playing(
        Script("a", 9 * STEPS_A_TURN, memory=40),
        Script("b", memory=50),
        Script("c", memory=20),
        Script("huge", memory=1000),
        n_lanes=4,
    )
    assert {"b"} in stage.companies("a")
    assert {"c"} in stage.companies("a")
    assert {"b", "c"} not in stage.companies("a")  # 110 of 100
    assert stage.companies("huge") == [set()] * 3 * STEPS_A_TURN


def test_exhausted_memory_is_tried_again_alone_after_the_others() -> None:
    n_turns = 2 * STEPS_A_TURN
    greedy = Script("greedy", n_turns, Status.OUT_OF_MEMORY)
    ended, stage = playing(greedy, Script("other"), Script("third"), Script("late"))
    assert dict(ended) == dict.fromkeys(("other", "third", "greedy", "late"), Status.OK)
    assert [name for name, _ in ended].index("greedy") == 2  # before what was not begun yet
    companies = stage.companies("greedy")
    assert {"other", "third"} in companies[:n_turns]
    assert companies[n_turns:] == [set()] * n_turns


def test_memory_exhausted_alone_is_recorded_and_ends_nothing() -> None:
    greedy = Script("greedy", STEPS_A_TURN, Status.OUT_OF_MEMORY, fits_alone=False)
    too = Script("too", 2 * STEPS_A_TURN, Status.OUT_OF_MEMORY, fits_alone=False)
    ended, stage = playing(greedy, too, Script("other"))
    assert sorted(ended) == [
        ("greedy", Status.OUT_OF_MEMORY),
        ("other", Status.OK),
        ("too", Status.OUT_OF_MEMORY),
    ]
    assert len(stage.companies("greedy")) == 2 * STEPS_A_TURN  # twice, no more
    assert stage.companies("greedy")[STEPS_A_TURN:] == [set()] * STEPS_A_TURN
    assert stage.companies("too")[2 * STEPS_A_TURN :] == [set()] * 2 * STEPS_A_TURN


def test_memory_exhausted_where_nobody_else_runs_is_not_tried_again() -> None:
    ended, stage = playing(Script("greedy", STEPS_A_TURN, Status.OUT_OF_MEMORY, fits_alone=False))
    assert ended == [("greedy", Status.OUT_OF_MEMORY)]
    assert len(stage.seen) == STEPS_A_TURN


def test_a_success_says_why_its_steps_were_not_captured(evaluator: TrainingEvaluator) -> None:
    whole, small = (training(Recipe(batch_size=n, learning_rate=0.05)) for n in (61, 64))

    def evaluated(request: EvaluationRequest, make_step: Any) -> Evaluation:
        lanes = Lanes(evaluator, 1, CPU, memory=1, memory_of=lambda request: 0, make_step=make_step)
        lanes.submit(0, request)
        ((_, evaluation),) = lanes.wait(60)
        assert evaluation.status is Status.OK
        return evaluation

    obstacle = "trained without a CUDA graph: 61 images are less than a batch"
    assert evaluated(small, CapturedStep).reason == obstacle
    assert evaluated(small, EagerStep).reason == evaluated(small, None).reason == ""
    assert evaluated(whole, EagerStep).reason == ""


def test_a_failure_says_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((10.0, 17.5, 20.0, 20.0, 20.0))
    monkeypatch.setattr(lanes_module, "perf_counter", lambda: next(times))
    lanes = Lanes(Stage(), 1, CPU, memory=1, memory_of=lambda request: 1)
    lanes.submit(5, EvaluationRequest(Script("bad", 1, Status.CRASHED), Fidelity(1, 1)))
    ((ticket, evaluation),) = lanes.wait(10)
    assert (ticket, evaluation.status, evaluation.seconds) == (5, Status.CRASHED, 7.5)
    assert evaluation.reason.startswith("ValueError: bad at ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the stream is a stand-in")
def test_a_lane_that_reads_figures_waits_until_its_stream_is_through() -> None:
    stage, is_through = Stage(), [False]
    lanes = Lanes(stage, 1, CPU, memory=1, memory_of=lambda request: 1)
    lanes.submit(0, EvaluationRequest(Script("a", 1), Fidelity(1, 1)))
    lanes._admit()
    (lane,) = lanes._lanes
    lane.is_reading, lane.stream = True, SimpleNamespace(query=lambda: is_through[0])
    assert lanes.wait(0.01) == []
    assert stage.seen == []
    is_through[0] = True
    assert len(lanes.wait(10)) == 1


def test_closing_drops_what_runs_and_what_waits() -> None:
    stage = Stage()
    lanes = Lanes(stage, 1, CPU, memory=1, memory_of=lambda request: 1)
    for ticket in range(2):
        lanes.submit(ticket, EvaluationRequest(Script(f"{ticket}", 10**9), Fidelity(1, 1)))
    assert lanes.wait(0.01) == []
    assert stage.running == ["0"]
    assert lanes.n_idle < 1
    lanes.close()
    assert stage.running == []
    assert (lanes.n_idle, lanes.n_running) == (1, 0)
    assert lanes.wait(10) == []


def test_the_number_of_lanes_follows_from_memory() -> None:
    assert n_lanes_within(100, 30) == 3
    assert n_lanes_within(100, 101) == 1
    assert n_lanes_within(1e12, 1) == MAX_LANES


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without a GPU")
def test_without_a_gpu_there_are_no_lanes(evaluator: TrainingEvaluator) -> None:
    assert lanes_of(evaluator, 1) is None
