"""Mutations of head and recipe leave the layers, and what has no alleles."""

from collections.abc import Callable
from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from evocnn.genotype import Chromosome, Conv, GeneAlleles, Head, Range, Recipe, SearchSpace
from evocnn.operators import AlterHead, AlterRecipe, Mutation, ResampleRecipe

Offspring = Callable[[Mutation, Chromosome, SearchSpace], list[Chromosome]]
PARENT = Chromosome((Conv(1, 3),), Head(), Recipe())


def test_alter_head_moves_one_field(offspring: Offspring, small_space: SearchSpace) -> None:
    children = offspring(AlterHead(), replace(PARENT, head=Head(units=(8,))), small_space)
    assert {child.head for child in children} == {Head(), Head(units=(16,)), Head(units=(8,), dropout=0.5)}
    assert {(child.layers, child.recipe) for child in children} == {(PARENT.layers, PARENT.recipe)}


def test_alter_recipe_moves_one_field(offspring: Offspring, small_space: SearchSpace) -> None:
    children = offspring(AlterRecipe(), PARENT, small_space)
    assert {child.recipe for child in children} == {
        Recipe("adam"),
        Recipe("adamw"),
        Recipe("sgd", batch_size=32),
    }
    assert {(child.layers, child.head) for child in children} == {(PARENT.layers, PARENT.head)}


def test_a_step_of_the_learning_rate_is_log_normal(make_space: Callable[..., SearchSpace]) -> None:
    # Mean and standard deviation of 2000 steps, 5 standard errors each: a false alarm in fewer than
    # 1 of 800,000 seeds. Reflection at the bounds, two deviations away, leaves both as they are here.
    low, high, start = 1e-9, 1e9, 1.0
    recipe = GeneAlleles(Recipe, {"learning_rate": Range(low, high, log=True)})
    space, rng, n = make_space(recipe=recipe), np.random.default_rng(0), 2000
    parent = replace(PARENT, recipe=Recipe("sgd", start))
    steps = [log(AlterRecipe()(parent, space, rng).recipe.learning_rate / start) for _ in range(n)]
    deviation = 0.25 * log(high / low)
    central = [step for step in steps if abs(step) < deviation]
    assert abs(np.mean(steps)) < 5 * deviation / sqrt(n)
    assert abs(len(central) / n - 0.6827) < 5 * sqrt(0.6827 * 0.3173 / n)


def test_resample_recipe_draws_each_free_field_at_its_rate(
    offspring: Offspring, small_space: SearchSpace
) -> None:
    assert {child.recipe for child in offspring(ResampleRecipe(0.0), PARENT, small_space)} == {Recipe()}
    found = {child.recipe for child in offspring(ResampleRecipe(1.0), PARENT, small_space)}
    assert found == {Recipe(o, batch_size=b) for o in ("sgd", "adam", "adamw") for b in (32, 64)}
    kept = replace(PARENT, recipe=Recipe("adam", 0.123, 0.5, 32))
    for child in offspring(ResampleRecipe(1.0), kept, small_space):
        assert (child.recipe.learning_rate, child.recipe.weight_decay) == (0.123, 0.5)  # no alleles
    # The optimizer stays with odds 2/3 and the batch size with 3/4: 50 of 100, within 5 standard deviations.
    same = [child == kept for child in offspring(ResampleRecipe(0.5), kept, small_space)]
    assert 25 <= sum(same) <= 75


@pytest.mark.parametrize("mutation", [AlterHead(), AlterRecipe(), ResampleRecipe(1.0)])
def test_a_space_without_choices_leaves_head_and_recipe(
    offspring: Offspring, make_space: Callable[..., SearchSpace], mutation: Mutation
) -> None:
    space = make_space(head=GeneAlleles(Head, {}), recipe=GeneAlleles(Recipe, {}))
    assert set(offspring(mutation, PARENT, space)) == {PARENT}
