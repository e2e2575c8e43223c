"""Candidates that fail in the user's own code or for want of memory: a status and the reason."""

import re
import sys
import weakref
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from searches import own_gene

import evocnn
from evocnn.evaluation import Evaluation, EvaluationRequest, Status, evaluate_safely
from evocnn.genotype import Fidelity

pytestmark = pytest.mark.fault
FILLING = '''
"""Two workers on a cluster of their own, of whose candidates one fills the memory."""

import os
import sys
import time
from dataclasses import dataclass

import psutil

memory = psutil.virtual_memory()
ROOM = 2 * 2**30  # bytes until Ray's memory monitor ends a worker; Ray and two workers take half a gigabyte
BLOCK = 2**26
used = memory.total - memory.available
os.environ["RAY_memory_usage_threshold"] = f"{(used + ROOM) / memory.total:.5f}"
os.environ["RAY_memory_monitor_refresh_ms"] = "100"

import ray

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Fidelity
from evocnn.workers.ray_executor import RayExecutor


@dataclass(frozen=True)
class Task:
    key: str


class Doer:
    context = "doer"

    def __call__(self, request):
        held = []
        while request.genome.key == "fill" and len(held) * BLOCK < 2 * ROOM:
            held.append(bytearray(b"x") * BLOCK)
            time.sleep(0.02)
        time.sleep(5 if held else 0)
        return Evaluation(Status.OK)


ray.cloudpickle.register_pickle_by_value(sys.modules["__main__"])
executor = RayExecutor(Doer(), 2)
tasks = ["fill", "ok", "ok", "ok"]
n_left = len(tasks)
while n_left:
    while tasks and executor.n_idle:
        task = tasks.pop(0)
        executor.submit(len(tasks), EvaluationRequest(Task(task), Fidelity(1, 1)))
    for ticket, evaluation in executor.wait(0.2):
        n_left -= 1
        print(ticket, evaluation.status, evaluation.reason, flush=True)
executor.close()
'''
OBJECTIVE = '''\
"""An objective that fails for some."""


def per_layer(metrics, genome):
    kernels = [gene.kernel for gene in genome.layers if gene.name() == "conv"]
    return metrics["parameters"] / kernels.count(3)
'''
OWN_PARTS = {  # what stands in an experiment file, what is put there, a function that fails, and what is told
    "data": (
        'source = "digits"\nimages = 800\nvalidation = 0.25',
        'source = "own:images"',
        "def images(split):\n    return {}[split]\n",
        "data function own:images must return the train split, but it raised KeyError: 'train'",
    ),
    "mutation": (
        "[search]",
        '[search]\nmutation = ["own:mutation"]',
        "def mutation(parent, space, rng):\n    return {}[space.input_shape.channels]\n",
        "operator 'own:mutation' must return offspring, but it raised KeyError(1)",
    ),
}


@pytest.fixture
def with_own_gene(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., evocnn.Run]:
    """Return a function that searches with a gene of one's own."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def search(name: str, **changes: str) -> evocnn.Run:
        (tmp_path / f"{name}.py").write_text(own_gene(**changes))
        own = f'[space.layers.own]\ngene = "{name}:Own"\nweight = 20\nsize = [2, 4]\n'
        text = (
            experiment_file.read_text()
            .replace("epochs = 4", "epochs = 1")
            .replace("[training]", f"{own}[training]")
        )
        (tmp_path / "experiment.toml").write_text(text)
        return evocnn.run(evocnn.load_experiment(tmp_path / "experiment.toml"), tmp_path / "run")

    return search


def test_a_failure_in_the_users_gene_is_a_status_with_the_users_own_line(
    with_own_gene: Callable[..., evocnn.Run], tmp_path: Path
) -> None:
    """Fails without `evaluate_safely`, which the run would not outlive, and without `own_line` in it."""
    found = with_own_gene("own_gene", module="{4: nn.Identity}[self.size]()")
    assert found.status == "finished"
    reasons = {record.evaluation.reason for record in found.records if record.reused_from is None}
    assert reasons == {
        "",
        f"KeyError: 2 at {tmp_path / 'own_gene.py'}:22 (return {{4: nn.Identity}}[self.size]())",
    }


class MistakenError(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        return str(self.args[1])


@pytest.mark.parametrize(
    "error", [MistakenError("one argument"), CancelledError(), GeneratorExit(), SystemExit()]
)
def test_no_exception_of_a_candidate_is_too_strange(error: BaseException) -> None:
    """Fails without `text_of`, and where `evaluate_safely` catches `Exception` alone."""

    class Raising:
        context = "raising"

        def __call__(self, _: EvaluationRequest) -> Evaluation:
            raise error

    genome: Any = None
    found = evaluate_safely(Raising(), EvaluationRequest(genome, Fidelity(1, 1)))
    line = re.escape(f"{__file__}:") + r"\d+ \(raise error\)"
    assert found.status is Status.CRASHED
    assert re.fullmatch(rf"{type(error).__name__}:  at {line}", found.reason)


def test_a_gene_whose_shape_fails_is_named_with_the_users_own_line(
    with_own_gene: Callable[..., evocnn.Run], tmp_path: Path
) -> None:
    """Nothing is bred with it, so the run does not begin. Fails where `Chromosome.active` catches nothing."""
    line = re.escape(f"{tmp_path / 'own_shape.py'}:14 (return {{4: shape}}[self.size])")
    message = (
        rf"output of gene 'own2' must return .* an input of \d+x\d+x\d+, .*KeyError\(2\) at {line}; correct"
    )
    with pytest.raises(evocnn.EvocnnError, match=message):
        with_own_gene("own_shape", output="{4: shape}[self.size]")


def test_a_failure_in_the_users_objective_is_a_status_with_the_users_own_line(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `evaluate_safely`, which the run would not outlive, and without `own_line` in it."""
    (tmp_path / "own_objective.py").write_text(OBJECTIVE)
    own = '[objectives.own]\nmeasure = "own_objective:per_layer"\nweight = -1\nreference = 1\n'
    text = experiment_file.read_text().replace("epochs = 4", "epochs = 1")
    (tmp_path / "experiment.toml").write_text(text.replace("[training]", f"{own}[training]"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = evocnn.run(evocnn.load_experiment(tmp_path / "experiment.toml"), tmp_path / "run")
    assert found.status == "finished"
    evaluations = [record.evaluation for record in found.records if record.reused_from is None]
    assert {evaluation.status for evaluation in evaluations} == {Status.OK, Status.CRASHED}
    own_line = f'{tmp_path / "own_objective.py"}:6 (return metrics["parameters"] / kernels.count(3))'
    assert {evaluation.reason for evaluation in evaluations} == {
        "",
        f"ZeroDivisionError: float division by zero at {own_line}",
    }


@pytest.mark.parametrize("part", OWN_PARTS)
def test_what_the_user_wrote_and_fails_ends_a_command_in_one_line(
    part: str, experiment_file: Path, tmp_path: Path, tools: Any
) -> None:
    """Fails where nothing is caught in `call_hook`, or in `_applied`."""
    place, own, function, message = OWN_PARTS[part]
    (tmp_path / "own.py").write_text(function)
    (tmp_path / "experiment.toml").write_text(experiment_file.read_text().replace(place, own))
    command = tools.evocnn("run", tmp_path / "experiment.toml", "--out", tmp_path / "run", "--workers", 0)
    code, _, err = command.wait()
    assert code > 0
    assert "Traceback" not in err
    assert f"error: {message} at {tmp_path / 'own.py'}:2 ({function.splitlines()[1].strip()})" in err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), Status.OUT_OF_MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"), Status.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), Status.OUT_OF_MEMORY),
        (RuntimeError("something else"), Status.CRASHED),
    ],
)
def test_memory_comes_back_after_a_failure(error: Exception, status: Status) -> None:
    """Fails where the exception, whose traceback holds every frame's tensors, outlives its evaluation."""
    held: list[weakref.ref[np.ndarray]] = []

    def evaluator(_: EvaluationRequest) -> Evaluation:
        activations = np.zeros(1_000_000)
        held.append(weakref.ref(activations))
        raise type(error)(*error.args)

    evaluation = evaluate_safely(evaluator, EvaluationRequest(None, Fidelity(1, 1)))  # type: ignore[arg-type]
    assert evaluation.status is status
    assert str(error) in evaluation.reason
    assert held[0]() is None


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_a_candidate_that_fills_the_memory_is_ended_and_the_others_do_not_wait(tools: Any) -> None:
    """Fails where `RayExecutor._take_loss` knows no `OutOfMemoryError`."""
    code, out, err = tools.start("-c", FILLING).wait()
    assert code == 0, err
    *others, last = out.splitlines()
    assert others == ["2 ok ", "1 ok ", "0 ok "]
    assert last.startswith("3 out_of_memory killed 2 workers: ")
