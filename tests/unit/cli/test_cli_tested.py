"""What studies share: networks trained in full, one look at the test split, and what is told of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from evocnn import open_run
from evocnn.cli import tested
from evocnn.deploy.model import load_model
from evocnn.evaluation import Evaluation, EvaluationRequest
from evocnn.runs import Workers
from evocnn.training.evaluator import TrainingEvaluator


def test_networks_are_trained_and_tested_together_once_and_told_alike_again(finished: Path) -> None:
    run = open_run(finished)
    records = dict(zip(("one", "two"), run.front.members[:2], strict=False))
    first = tested.tested_in_full(run, records, None, Workers(0), 2, all_data=True)
    again = tested.tested_in_full(run, records, None, Workers(0), 2, all_data=True)
    for path in finished.glob("models/*/model.safetensors"):
        model = load_model(path)
        replace(model, steps=model.steps[:1]).save(
            path
        )  # as if it had been killed between reading and saving
    assert first == again == tested.tested_in_full(run, records, None, Workers(0), 2, all_data=True)
    (reading,) = open_run(finished).readings
    assert reading["accuracies"] == {one.name: one.accuracy for one in first}
    assert {(one.n_images, one.epochs) for one in first} == {(1442, 2)}
    figures = tested.tested_figures(first, 0.1, is_exact=True)
    assert figures["one.test_accuracy"].value == first[0].accuracy
    assert figures["one.parameters"].value == records["one"].metrics["parameters"]
    assert [line.count("|") - line.count("\\|") for line in tested.tested_lines(first)[4:-2]] == [9] * (
        2 + len(first)
    )
    assert "test images" not in "".join(tested.tested_lines(first)[4:])
    overlapping = [replace(one, overlap="3 of the 355 test images are training images, too") for one in first]
    assert "".join(tested.tested_lines(overlapping)).count("3 of the 355 test images are") == 1


def test_a_network_of_two_names_is_trained_once(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[object] = []
    evaluate = TrainingEvaluator.__call__

    def counted(evaluator: TrainingEvaluator, request: EvaluationRequest) -> Evaluation:
        trained.append(request)
        return evaluate(evaluator, request)

    monkeypatch.setattr(TrainingEvaluator, "__call__", counted)
    run = open_run(finished)
    records = dict.fromkeys(("knee", "best"), run.front.members[0])
    knee, best = tested.tested_in_full(run, records, None, Workers(0), 1, all_data=False)
    assert replace(best, name="knee") == knee
    assert len(trained) == 1
    assert capsys.readouterr().err.startswith("1/1 epochs · knee · ")
    (reading,) = open_run(finished).readings
    assert reading["accuracies"] == dict.fromkeys(("knee", "best"), knee.accuracy)
