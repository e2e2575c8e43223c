import json
import math
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from evocnn.evaluation import Evaluation, EvaluationRequest, Status, evaluate_safely, identity
from evocnn.genotype import Fidelity


class OutOfMemoryError(RuntimeError):
    """Named as CUDA's."""


@pytest.fixture
def request_of_a(word: Any) -> EvaluationRequest:
    return EvaluationRequest(word("a"), Fidelity(epochs=10, n_images=100))


def raising(error: BaseException) -> Callable[[EvaluationRequest], Evaluation]:
    def evaluator(request: EvaluationRequest) -> Evaluation:
        raise error

    return evaluator


def test_every_part_that_a_result_depends_on_changes_the_identity(
    request_of_a: EvaluationRequest, word: Any
) -> None:
    request = request_of_a
    names = [
        identity(request, "context"),
        identity(request, "other context"),
        identity(request, "context", donor="an identity"),
        identity(replace(request, genome=word("b")), "context"),
        identity(replace(request, fidelity=Fidelity(11, 100)), "context"),
        identity(replace(request, fidelity=Fidelity(10, 101)), "context"),
        identity(replace(request, replicate=1), "context"),
    ]
    assert len(set(names)) == len(names)
    assert all(len(name) == 32 for name in names)


def test_parts_of_the_identity_do_not_run_together(request_of_a: EvaluationRequest) -> None:
    first = replace(request_of_a, fidelity=Fidelity(1, 23))
    second = replace(request_of_a, fidelity=Fidelity(12, 3))
    assert identity(first, "context") != identity(second, "context")


def test_tickets_are_no_part_of_the_identity(request_of_a: EvaluationRequest) -> None:
    name = identity(request_of_a, "context")
    assert (
        identity(replace(request_of_a, donor=7), "context") == name
    )  # the donor's identity is, not its ticket
    assert identity(replace(request_of_a, continues=7), "context") == name  # continuing equals never stopping


def test_the_identity_is_the_one_that_journals_hold(request_of_a: EvaluationRequest) -> None:
    assert identity(request_of_a, "context") == "951bf4c29f281f665dc79124a2b4e887"  # else no old run resumes


def test_an_evaluation_is_passed_on(request_of_a: EvaluationRequest) -> None:
    evaluation = Evaluation(Status.OK, {"x": 0.5}, {"loss": (2.0, 1.0)}, 1.5)
    assert evaluate_safely(lambda request: evaluation, request_of_a) == evaluation


def test_numbers_of_any_kind_become_plain_floats(request_of_a: EvaluationRequest) -> None:
    own = Evaluation(
        Status.OK,
        {"a": np.float32(0.5), "b": 3, "c": torch.tensor(2.0)},
        {"loss": [np.float32(1.5), np.int64(1)]},
        np.float32(0.25),
    )
    evaluation = evaluate_safely(lambda request: own, request_of_a)
    assert evaluation == Evaluation(Status.OK, {"a": 0.5, "b": 3.0, "c": 2.0}, {"loss": (1.5, 1.0)}, 0.25)
    assert {type(value) for value in evaluation.metrics.values()} == {float}
    assert json.loads(json.dumps(evaluation.curves)) == {"loss": [1.5, 1.0]}


@pytest.mark.parametrize("answer", [None, 0.9, Evaluation(Status.OK, {"x": "high"})])
def test_an_answer_that_is_no_evaluation_is_a_crash(answer: Any, request_of_a: EvaluationRequest) -> None:
    evaluation = evaluate_safely(lambda request: answer, request_of_a)
    assert evaluation.status is Status.CRASHED
    assert "Error: " in evaluation.reason


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_a_divergence(value: float, request_of_a: EvaluationRequest) -> None:
    own = Evaluation(Status.OK, {"x": 0.5, "y": value}, {"loss": (2.0,)}, 1.5)
    evaluation = evaluate_safely(lambda request: own, request_of_a)
    assert evaluation == Evaluation(Status.DIVERGED, {}, {"loss": (2.0,)}, 1.5, f"metric y was {value}")


def test_a_failure_that_an_evaluator_reports_stays_as_it_is(request_of_a: EvaluationRequest) -> None:
    own = Evaluation(Status.TIMED_OUT, {"x": math.inf}, seconds=9.0, reason="late")
    assert evaluate_safely(lambda request: own, request_of_a) == own


def test_an_exception_is_a_crash_at_the_users_own_line(request_of_a: EvaluationRequest) -> None:
    def evaluator(request: EvaluationRequest) -> Evaluation:
        time.sleep(0.02)
        raise ValueError("two\nlines")

    evaluation = evaluate_safely(evaluator, request_of_a)
    line = evaluator.__code__.co_firstlineno + 2
    assert evaluation.status is Status.CRASHED
    assert (
        evaluation.reason == rf'ValueError: two lines at {__file__}:{line} (raise ValueError("two\nlines"))'
    )
    assert (evaluation.metrics, evaluation.curves) == ({}, {})
    assert evaluation.seconds >= 0.02


@pytest.mark.parametrize(
    "fail",
    [
        lambda: json.loads("{"),  # raises in the standard library
        lambda: np.linalg.inv(np.zeros((2, 2))),  # in another package
        lambda: identity(None, "context"),  # in this one
    ],
)
def test_the_line_is_the_users_although_the_error_rose_in_a_library(
    fail: Callable[[], Any], request_of_a: EvaluationRequest
) -> None:
    evaluation = evaluate_safely(lambda request: fail(), request_of_a)
    assert f" at {__file__}:{fail.__code__.co_firstlineno} (lambda: " in evaluation.reason


def test_a_users_folder_beside_the_package_is_not_taken_for_it(request_of_a: EvaluationRequest) -> None:
    import evocnn

    name = evocnn.__file__.replace("/__init__.py", "_of_mine/genes.py")
    code: dict[str, Any] = {}
    exec(compile("def fail(request):\n    raise ValueError('no')", name, "exec"), code)  # noqa: S102
    assert evaluate_safely(code["fail"], request_of_a).reason == f"ValueError: no at {name}:2"


def test_an_error_without_a_line_of_the_user_has_no_place(request_of_a: EvaluationRequest) -> None:
    code: dict[str, Any] = {}
    exec(compile("def fail(request):\n    raise ValueError('no')", "<frozen x>", "exec"), code)  # noqa: S102
    assert evaluate_safely(code["fail"], request_of_a).reason == "ValueError: no"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
)
def test_exhausted_memory_has_a_status_of_its_own(
    error: BaseException, request_of_a: EvaluationRequest
) -> None:
    evaluation = evaluate_safely(raising(error), request_of_a)
    assert evaluation.status is Status.OUT_OF_MEMORY
    assert evaluation.reason.startswith(type(error).__name__)


def test_torchs_own_allocator_on_the_cpu_counts_as_out_of_memory(request_of_a: EvaluationRequest) -> None:
    evaluation = evaluate_safely(lambda request: torch.empty(2**50), request_of_a)
    assert evaluation.status is Status.OUT_OF_MEMORY
    assert "4503599627370496 bytes" in evaluation.reason


def test_whoever_interrupts_the_process_is_not_held_up(request_of_a: EvaluationRequest) -> None:
    with pytest.raises(KeyboardInterrupt, match="stop"):
        evaluate_safely(raising(KeyboardInterrupt("stop")), request_of_a)


def test_user_code_that_exits_is_a_crash(request_of_a: EvaluationRequest) -> None:
    evaluation = evaluate_safely(raising(SystemExit("stop")), request_of_a)
    assert evaluation.status is Status.CRASHED
    assert "SystemExit: stop" in evaluation.reason


def test_records_pickle(request_of_a: EvaluationRequest) -> None:
    evaluation = Evaluation(Status.CRASHED, {"x": 0.5}, {"loss": (2.0, 1.0)}, 1.5, "why")
    for record in (request_of_a, evaluation, *Status):
        assert pickle.loads(pickle.dumps(record)) == record
    assert pickle.loads(pickle.dumps(Status.OK)) is Status.OK


def test_only_ok_is_ok() -> None:
    assert [str(status) for status in Status] == [
        "ok",
        "diverged",
        "out_of_memory",
        "timed_out",
        "crashed",
        "rejected",
    ]
