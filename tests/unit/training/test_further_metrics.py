"""Metrics beyond accuracy and counts: bytes of the weights, memory, and what is read off a clock."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evocnn.evaluation import METRICS, TIMED, EvaluationRequest, Status
from evocnn.genotype import Bottleneck, Chromosome, Conv, Fidelity, Head, Pool, Recipe, Shape
from evocnn.genotype.memory import activation_memory
from evocnn.phenotype import build
from evocnn.training import evaluator as evaluator_module
from evocnn.training.data import image_set
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.latency import Latency
from evocnn.training.protocol import LatencyTerms, Protocol

SHAPE = Shape(1, 6, 6)
CHROMOSOME = Chromosome(
    (Conv(4, 3), Bottleneck(8, 3), Pool(), Conv(6, 3)), Head(), Recipe(batch_size=16, learning_rate=0.05)
)
PIXELS = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
IMAGES = image_set(PIXELS, np.arange(60) % 3, name="noise")


def metrics_of(chromosome: Chromosome = CHROMOSOME, **protocol: Any) -> dict[str, float]:
    """Return the metrics of one epoch."""
    evaluate = TrainingEvaluator(IMAGES, IMAGES.take(range(30)), Protocol(seed=1, **protocol))
    found = evaluate(EvaluationRequest(chromosome, Fidelity(1, 60)))
    assert found.status is Status.OK
    return dict(found.metrics)


def test_model_bytes_are_those_of_weights_and_statistics() -> None:
    """A saved state holds them, and not much besides."""
    state = build(CHROMOSOME, SHAPE, 3).state_dict()
    statistics = [value for name, value in state.items() if "running" in name or "batches" in name]
    found = metrics_of()
    assert found["model_bytes"] == 4 * found["parameters"] + sum(value.nbytes for value in statistics)
    file = io.BytesIO()
    torch.save(state, file)
    assert found["model_bytes"] < len(file.getvalue()) < found["model_bytes"] + 1024 * (len(state) + 1)


def test_an_average_of_the_weights_adds_no_bytes() -> None:
    averaged = replace(CHROMOSOME, recipe=replace(CHROMOSOME.recipe, average=0.9))
    assert metrics_of(averaged)["model_bytes"] == metrics_of()["model_bytes"]


@pytest.mark.parametrize("order", ["early", "textbook"])
def test_activation_memory_is_that_of_the_order_in_which_pools_are_computed(order: str) -> None:
    found = metrics_of(pool_order=order)["activation_memory"]
    assert found == activation_memory(CHROMOSOME, SHAPE, 3, pool_order=order)
    assert activation_memory(CHROMOSOME, SHAPE, 3, pool_order="early") != activation_memory(
        CHROMOSOME, SHAPE, 3, pool_order="textbook"
    )


def test_nothing_is_read_off_a_clock_unless_it_is_asked_for() -> None:
    """Or the same experiment would give other records each time."""
    assert metrics_of() == metrics_of()
    assert set(metrics_of()) == set(METRICS) - set(TIMED)
    timed = metrics_of(is_timed=True, latency=LatencyTerms())
    assert set(timed) == {*METRICS, "latency_spread"}


def test_training_seconds_add_up_over_rungs() -> None:
    evaluate = TrainingEvaluator(IMAGES, IMAGES.take(range(30)), Protocol(seed=1, is_timed=True))
    first = EvaluationRequest(CHROMOSOME, Fidelity(3, 60, share=1 / 3), saves_state=True)
    one = evaluate(first)
    rest = evaluate(replace(first, fidelity=Fidelity(3, 60), continues=0, state=one.state))
    assert 0 < one.metrics["training_seconds"] <= one.seconds
    assert one.metrics["training_seconds"] < rest.metrics["training_seconds"]
    assert rest.metrics["training_seconds"] < one.seconds + rest.seconds


@pytest.mark.parametrize("batch_size", [1, 5, 70])  # 30 validation images
def test_latency_is_measured_on_the_stated_terms(batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[nn.Module, Tensor, int]] = []

    def measure(network: nn.Module, images: Tensor, n_threads: int) -> Latency:
        asked.append((network, images, n_threads))
        return Latency(0.25, 0.125)

    monkeypatch.setattr(evaluator_module, "measure_latency", measure)
    found = metrics_of(latency=LatencyTerms(batch_size, 3))
    assert (found["latency"], found["latency_spread"]) == (0.25, 0.125)
    ((network, images, n_threads),) = asked
    assert (images.shape, n_threads) == ((batch_size, *SHAPE), 3)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert sum(p.numel() for p in network.parameters()) == found["parameters"]


def test_terms_of_latency_are_part_of_what_a_result_depends_on() -> None:
    terms = (None, LatencyTerms(), LatencyTerms(2), LatencyTerms(1, 2))
    assert len({Protocol(seed=0, latency=latency).digest for latency in terms}) == 4
    assert Protocol(seed=0, is_timed=True).digest != Protocol(seed=0).digest


def test_a_measure_of_ones_own_can_use_them() -> None:
    evaluate = TrainingEvaluator(
        IMAGES,
        IMAGES.take(range(30)),
        Protocol(seed=1, is_timed=True, latency=LatencyTerms()),
        measures={"sum": lambda metrics, _: metrics["latency"] + metrics["training_seconds"]},
    )
    found = evaluate(EvaluationRequest(CHROMOSOME, Fidelity(1, 60))).metrics
    assert found["sum"] == found["latency"] + found["training_seconds"]
