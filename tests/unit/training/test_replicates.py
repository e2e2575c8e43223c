"""Replicates that are trained together: each ends as its solo run does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import LAYERS, Chromosome, Counts, Fidelity, LayerGene, Shape
from evocnn.training import replicates
from evocnn.training.data import ImageSet, load
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.protocol import Protocol
from evocnn.training.replicates import Job, evaluate_grouped, evaluate_replicates, is_possible, pays

BODIES = (
    "conv4k3 > pool > conv6k3s2 silu norm=group groups=2 | flatten dense7 tanh",
    "res6k3 > neck8k3 > pool | gap",
    "dws6k3 > inv6k3e2 se=2 > dense3k3 > link1 concat > pool average > link2 | gap",
)
BODY = "conv4k3 > pool | gap"
EPOCHS = 2


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load("digits", "train")


@pytest.fixture(scope="module")
def evaluator(digits: ImageSet) -> TrainingEvaluator:
    return fold(digits, 0)


def fold(digits: ImageSet, start: int, n: int = 100, **protocol: Any) -> TrainingEvaluator:
    training, validation = (digits.take(np.arange(first, first + n)) for first in (start, start + 400))
    return TrainingEvaluator(training, validation, Protocol(seed=1, **protocol))


def job(
    evaluator: TrainingEvaluator, recipe: str = "sgd lr=.05", replicate: int = 0, body: str = BODY
) -> Job:
    chromosome = Chromosome.parse(f"{body} | {recipe} batch=32", LAYERS)
    return evaluator, EvaluationRequest(chromosome, Fidelity(EPOCHS, len(evaluator.training)), replicate)


def assert_alike(found: list[Evaluation], jobs: list[Job]) -> None:
    for evaluation, (evaluator, request) in zip(found, jobs, strict=True):
        alone = evaluator(request)
        assert evaluation.status is alone.status
        for name, curve in alone.curves.items():
            assert evaluation.curves[name] == pytest.approx(curve, rel=1e-3, abs=0.011)  # one image of 100
        assert evaluation.curves["training_loss"] == pytest.approx(alone.curves["training_loss"], rel=1e-4)
        metrics = {name: value for name, value in evaluation.metrics.items() if "seconds" not in name}
        assert metrics == pytest.approx({name: alone.metrics[name] for name in metrics}, rel=1e-3, abs=0.021)


@pytest.mark.parametrize("body", BODIES)
def test_seeds_end_as_alone(evaluator: TrainingEvaluator, body: str) -> None:
    jobs = [job(evaluator, replicate=number, body=body) for number in range(3)]
    found = evaluate_grouped(jobs)
    assert_alike(found, jobs)
    assert len({evaluation.curves["training_loss"] for evaluation in found}) == 3


@pytest.mark.parametrize(
    "recipe",
    [
        "sgd lr=.05 wd=.01 clip=.5",
        "adamw lr=.01 wd=.1 average=.9",
        "nadam lr=.01 wd=.1 smoothing=.2",
        "rmsprop lr=.003 mixup=.5 flip=.5 shift=.1 noise=.1",
        "adam lr=.01 init=he one-cycle cutout=.3",
    ],
)
def test_recipes_do_together_what_they_do_alone(evaluator: TrainingEvaluator, recipe: str) -> None:
    jobs = [job(evaluator, recipe, number) for number in range(2)]
    assert_alike(evaluate_grouped(jobs), jobs)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_each_has_its_own_learning_rate(evaluator: TrainingEvaluator, optimizer: str) -> None:
    jobs = [job(evaluator, f"{optimizer} lr={rate} wd=.1") for rate in (0.02, 0.001, 0.005)]
    assert is_possible(jobs)
    assert_alike(evaluate_grouped(jobs), jobs)


def test_each_fold_has_its_own_images(digits: ImageSet) -> None:
    jobs = [job(fold(digits, start)) for start in (0, 100, 200)]
    assert is_possible(jobs)
    assert_alike(evaluate_grouped(jobs), jobs)


def test_one_that_diverges_leaves_the_others_alone(evaluator: TrainingEvaluator) -> None:
    jobs = [
        job(evaluator, f"sgd lr={rate}", body="conv4k3 norm=none | flatten") for rate in (0.01, 1e30, 0.02)
    ]
    found = evaluate_grouped(jobs)
    assert [evaluation.status for evaluation in found] == [Status.OK, Status.DIVERGED, Status.OK]
    assert_alike([found[0], found[2]], [jobs[0], jobs[2]])


def test_one_that_stops_early_is_measured_there(digits: ImageSet) -> None:
    patient = fold(digits, 0, patience=1, least_improvement=0.02)
    jobs = [job(patient, f"sgd lr={rate}", body="conv8k3 | flatten") for rate in (1e-6, 0.02)]
    jobs = [(e, replace(request, fidelity=Fidelity(6, 100))) for e, request in jobs]
    found = evaluate_grouped(jobs)
    lengths = [len(evaluation.curves["training_loss"]) for evaluation in found]
    assert lengths[0] < lengths[1]
    assert_alike(found, jobs)


def test_times_add_up_to_those_of_all(evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("evocnn.training.evaluator.perf_counter", lambda: float(next(now)))
    jobs = [job(evaluator, replicate=number) for number in range(2)]
    assert [evaluation.seconds for evaluation in evaluate_grouped(jobs)] == [1.0, 1.0]  # 0 to 2, 1 to 3


def test_one_that_raises_fails_alone(digits: ImageSet, evaluator: TrainingEvaluator) -> None:
    def fail(metrics: Mapping[str, float], chromosome: Chromosome) -> float:
        raise ValueError("no such thing")

    failing = fold(digits, 0)
    failing.measures = {"own": fail}
    jobs = [job(evaluator), job(failing, replicate=1), job(evaluator, replicate=2)]
    found = evaluate_grouped(jobs)
    assert [evaluation.status for evaluation in found] == [Status.OK, Status.CRASHED, Status.OK]
    assert found[1].reason.startswith("ValueError: no such thing at ")
    assert_alike([found[0], found[2]], [jobs[0], jobs[2]])
    asked_too_much = changed(job(evaluator), fidelity=Fidelity(EPOCHS, 7))  # raises ahead of the first step
    found = evaluate_grouped([asked_too_much, *jobs[::2]])
    assert [evaluation.status for evaluation in found] == [Status.CRASHED, Status.OK, Status.OK]
    assert_alike(found[1:], jobs[::2])


def test_a_figure_that_is_not_finite_is_a_divergence(digits: ImageSet, evaluator: TrainingEvaluator) -> None:
    odd = fold(digits, 0)
    odd.measures = {"own": lambda metrics, chromosome: float("nan")}
    found = evaluate_grouped([job(evaluator), job(odd)])
    assert [evaluation.status for evaluation in found] == [Status.OK, Status.DIVERGED]


@pytest.mark.parametrize("last", [0, 5])
def test_where_the_step_of_all_raises_each_is_trained_alone(
    evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    step, numbers = replicates._Group.step, iter(range(100))

    def fail(group: Any) -> None:
        if next(numbers) == last:
            raise MemoryError
        step(group)

    monkeypatch.setattr(replicates._Group, "step", fail)
    jobs = [job(evaluator, replicate=number) for number in range(2)]
    found = evaluate_grouped(jobs)
    alone = [evaluator(request) for _, request in jobs]
    assert [evaluation.metrics for evaluation in found] == [evaluation.metrics for evaluation in alone]
    assert next(numbers) == last + 1


def changed(job: Job, **changes: Any) -> Job:
    return job[0], replace(job[1], **changes)


def test_only_what_can_be_one_network_is_trained_as_one(
    digits: ImageSet, evaluator: TrainingEvaluator
) -> None:
    plain = job(evaluator)
    assert is_possible([plain, job(evaluator, replicate=1), job(evaluator, "sgd lr=.2")])
    for other in (
        job(evaluator, "sgd lr=.05 wd=.1"),
        job(evaluator, "adam lr=.05"),
        job(evaluator, body="conv6k3 > pool | gap"),
        job(evaluator, body="conv4k3 > pool | flatten"),
        job(fold(digits, 0, 101)),
        job(fold(digits, 0, pool_order="textbook")),
        changed(plain, saves_state=True),
        changed(plain, state=b""),
    ):
        assert not is_possible([plain, other])
    assert not is_possible([job(evaluator, "muon lr=.05", number) for number in range(2)])


def test_a_gene_of_ones_own_is_trained_alone(evaluator: TrainingEvaluator) -> None:
    @dataclass(frozen=True, slots=True)
    class Own(LayerGene):
        def output(self, shape: Shape) -> Shape:
            return shape

        def counts(self, shape: Shape) -> Counts:
            return Counts(activations=shape.size, operations=1)

        def module(self, shape: Shape) -> nn.Module:
            return nn.Softsign()

    plain = job(evaluator)
    chromosome = plain[1].genome
    genome = replace(chromosome, layers=(*chromosome.layers, Own()))
    assert is_possible([plain, plain])
    assert not is_possible([changed(plain, genome=genome)] * 2)


def test_it_pays_for_few_values_in_a_step(evaluator: TrainingEvaluator) -> None:
    small = job(evaluator)
    counts = small[1].genome.counts(Shape(1, 8, 8), 10)
    limit = replicates.MOST_VALUES // counts.activations
    assert pays([with_batches_of(small, limit)] * 3)
    assert not pays([with_batches_of(small, limit + 1)] * 3)
    assert not pays([small] * 2)


def with_batches_of(job: Job, batch_size: int) -> Job:
    genome = job[1].genome
    return changed(job, genome=replace(genome, recipe=genome.recipe.having(batch_size=batch_size)))


def test_what_does_not_pay_is_evaluated_one_after_the_other(
    evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job(evaluator, replicate=number) for number in range(3)]
    asked: list[Any] = []
    monkeypatch.setattr(replicates, "evaluate_grouped", lambda jobs: asked.append(jobs) or ["together"])
    assert evaluate_replicates(jobs) == ["together"]
    assert asked == [jobs]
    monkeypatch.setattr(replicates, "MOST_VALUES", 0)
    alone = [evaluator(request) for _, request in jobs]
    found = evaluate_replicates(jobs)
    assert [evaluation.curves for evaluation in found] == [evaluation.curves for evaluation in alone]
    assert len(asked) == 1
    failing = changed(jobs[1], fidelity=Fidelity(EPOCHS, 7))
    found = evaluate_replicates([jobs[0], failing])
    assert [evaluation.status for evaluation in found] == [Status.OK, Status.CRASHED]


def test_nothing_is_evaluated_to_nothing() -> None:
    assert evaluate_replicates([]) == evaluate_grouped([]) == []
    assert not pays([])
    assert not is_possible([])


def test_a_gene_that_raises_when_looked_at_fails_each_evaluation_by_itself(
    evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ValueError("in its module")

    monkeypatch.setattr(replicates, "build", fail)
    found = evaluate_replicates([job(evaluator, replicate=number) for number in range(3)])
    assert [evaluation.status for evaluation in found] == [Status.OK] * 3
