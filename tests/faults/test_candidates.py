"""Candidates that fail in the user's own code or for want of memory: a status and the reason."""

import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

import evocnn
from evocnn.evaluation import Evaluation, EvaluationRequest, Status, evaluate_safely
from evocnn.genotype import Fidelity

pytestmark = pytest.mark.fault
OBJECTIVE = '''\
"""An objective that fails for some."""


def per_layer(metrics, genome):
    kernels = [gene.kernel for gene in genome.layers if gene.name() == "conv"]
    return metrics["parameters"] / kernels.count(3)
'''


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
