"""The predicted cost of training."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evocnn.genotype import CostModel, Counts, Fidelity, Recipe, SearchSpace


def test_the_formula() -> None:
    model = CostModel(start=1.0, per_flop=0.5, per_activation=0.25, per_operation=2.0)
    counts = Counts(parameters=999, flops=10, activations=8, operations=3)
    an_epoch = 100 * (0.5 * 10 + 0.25 * 8) + 4 * 2.0 * 3  # 100 images in 4 steps, the last with 4 images
    assert model.seconds(counts, Fidelity(epochs=3, n_images=100), 32) == pytest.approx(1.0 + 3 * an_epoch)


def test_a_rung_costs_the_epochs_up_to_it() -> None:
    model = CostModel(start=1.0, per_flop=0.5, per_activation=0.25, per_operation=2.0)
    counts = Counts(flops=10, activations=8, operations=3)
    first = model.seconds(counts, Fidelity(30, 100, share=0.1), 32)
    assert first == model.seconds(counts, Fidelity(3, 100), 32)


@pytest.mark.parametrize(("n_images", "steps"), [(64, 1), (65, 2), (1, 1), (128, 2)])
def test_a_batch_that_is_not_full_is_a_step(n_images: int, steps: int) -> None:
    model = CostModel(start=0, per_flop=0, per_activation=0, per_operation=1)
    assert model.seconds(Counts(operations=1), Fidelity(1, n_images), 64) == steps


def test_a_space_charges_for_the_network_and_its_batch_size(
    make_space: Callable[..., SearchSpace], random_chromosomes: Callable[..., list]
) -> None:
    space = make_space()
    fidelity = Fidelity(2, 500)
    for chromosome in random_chromosomes(space, 20):
        counts = chromosome.counts(space.input_shape, space.n_classes)
        expected = space.cost_model.seconds(counts, fidelity, chromosome.recipe.batch_size)
        assert space.cost(chromosome, fidelity) == expected > 0
        assert space.cost(replace(chromosome, recipe=Recipe(batch_size=8)), fidelity) > expected
        assert space.cost(chromosome, Fidelity(4, 500)) > expected
        canonical = chromosome.canonical(space.input_shape)
        assert space.cost(canonical, fidelity) == expected  # what is inert costs nothing
