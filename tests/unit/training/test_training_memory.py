"""The predicted memory of a training against what autograd keeps."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from evocnn.genotype import Chromosome, Conv, Head, InvertedResidual, Pool, Recipe, Residual, Shape
from evocnn.genotype.memory import activation_memory
from evocnn.phenotype import build
from evocnn.training.loop import EVALUATION_BATCH
from evocnn.training.memory import WORKSPACE, training_bytes, typical_bytes

SHAPE, BATCH = Shape(3, 12, 12), 512  # so many that measuring takes less than a step
CHROMOSOMES = {
    "plain": (Conv(filters=16, kernel=3), Pool(), Conv(filters=32, kernel=3), Pool()),
    "residual": (Conv(filters=16, kernel=3), Residual(filters=16, kernel=3), Residual(filters=32, kernel=3)),
    "inverted": (Conv(filters=16, kernel=3), InvertedResidual(filters=16, kernel=3, squeeze=4)),
}


def chromosome(name: str, **recipe: Any) -> Chromosome:
    return Chromosome(CHROMOSOMES[name], Head(), Recipe(batch_size=BATCH, **recipe))


def bytes_kept(candidate: Chromosome, pool_order: str) -> int:
    """Return the bytes that a step keeps for the backward pass."""
    network = build(candidate, SHAPE, 10, pool_order=pool_order)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        images = torch.rand(BATCH, *SHAPE)
        functional.cross_entropy(network(images), torch.zeros(BATCH, dtype=torch.int64))
    return sum(kept.values())


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("name", CHROMOSOMES)
def test_the_prediction_covers_what_a_step_keeps_and_wastes_little(name: str, pool_order: str) -> None:
    candidate = chromosome(name)
    kept = bytes_kept(candidate, pool_order)
    weights = 4 * candidate.counts(SHAPE, 10).parameters
    predicted = training_bytes(candidate, SHAPE, 10) - WORKSPACE
    assert 2 * kept + 2 * weights < predicted < 8 * (kept + weights)


def test_larger_batches_and_networks_take_more() -> None:
    def predicted(candidate: Chromosome) -> int:
        return training_bytes(candidate, SHAPE, 10) - WORKSPACE

    plain = chromosome("plain")
    doubled = replace(plain, recipe=replace(plain.recipe, batch_size=512))
    again = replace(plain, recipe=replace(plain.recipe, batch_size=1024))
    assert predicted(again) == pytest.approx(2 * predicted(doubled), rel=0.01)
    assert predicted(chromosome("residual")) > predicted(plain)


@pytest.mark.parametrize(
    ("fields", "n_values"), [({"optimizer": "adam"}, 1), ({"average": 0.9}, 1), ({"optimizer": "rmsprop"}, 0)]
)
def test_the_state_of_the_optimizer_and_the_average_count(fields: dict[str, Any], n_values: int) -> None:
    candidate = chromosome("plain", optimizer="sgd")
    other = replace(candidate, recipe=replace(candidate.recipe, **fields))
    difference = training_bytes(other, SHAPE, 10) - training_bytes(candidate, SHAPE, 10)
    assert difference == n_values * 4 * candidate.counts(SHAPE, 10).parameters


def test_a_captured_step_is_there_beside_another_or_beside_measuring() -> None:
    plain = chromosome("plain")

    def predicted(batch_size: int) -> int:
        return training_bytes(replace(plain, recipe=replace(plain.recipe, batch_size=batch_size)), SHAPE, 10)

    an_image = (predicted(1024) - predicted(1023)) / 2  # of a step; in large batches there are two
    assert predicted(4) - predicted(2) == pytest.approx(2 * an_image, abs=1)  # in small ones one
    weights = 4 * 3.5 * plain.counts(SHAPE, 10).parameters
    measuring = EVALUATION_BATCH * activation_memory(plain, SHAPE, 10)
    assert predicted(4) - WORKSPACE - weights > 4 * an_image + measuring


def test_the_typical_network_of_a_space_is_the_same_for_every_caller(make_space: Callable[..., Any]) -> None:
    space = make_space(SHAPE)
    predictions = [training_bytes(space.sample(np.random.default_rng(n)), SHAPE, 10) for n in range(50)]
    assert typical_bytes(space) == typical_bytes(space)
    assert min(predictions) < typical_bytes(space) < max(predictions)
