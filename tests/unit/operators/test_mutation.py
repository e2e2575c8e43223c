from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    DepthwiseSeparable,
    GeneAlleles,
    Head,
    LayerGene,
    Pool,
    Recipe,
    SearchSpace,
)
from evocnn.genotype.gene import Gene
from evocnn.operators import (
    AddGene,
    AlterGene,
    AlterHead,
    AlterRecipe,
    DuplicateGene,
    Mutation,
    RemoveGene,
    ReplaceGene,
    ResampleRecipe,
    SwapGenes,
)

A, B, C = Conv(1, 3), Conv(2, 3), Conv(3, 3)
SEEDS = range(100)


def of(*layers: LayerGene) -> Chromosome:
    return Chromosome(layers, Head(), Recipe())


@pytest.fixture
def small_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    conv = GeneAlleles(Conv, {"filters": Choice((8, 16, 32)), "kernel": Choice((3, 5))})
    head = GeneAlleles(Head, {"units": Choice(((), (8,), (16,))), "dropout": Choice((0, 0.5))})
    recipe = GeneAlleles(
        Recipe, {"optimizer": Choice(("sgd", "adam", "adamw")), "batch_size": Choice((32, 64))}
    )
    return make_space(layers=(conv, GeneAlleles(Pool, {})), head=head, recipe=recipe)


def offspring(mutation: Mutation, parent: Chromosome, space: SearchSpace) -> list[Chromosome]:
    return [mutation(parent, space, np.random.default_rng(seed)) for seed in SEEDS]


def layers_of(mutation: Mutation, parent: Chromosome, space: SearchSpace) -> set[tuple[LayerGene, ...]]:
    children = offspring(mutation, parent, space)
    assert {(child.head, child.recipe) for child in children} == {(parent.head, parent.recipe)}
    return {child.layers for child in children}


def differing(one: Gene, other: Gene) -> list[str]:
    return [f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)]


def test_add_gene_inserts_a_sampled_gene_at_any_locus(small_space: SearchSpace) -> None:
    found = layers_of(AddGene(), of(A, B), small_space)
    sampled = {Pool(), *(Conv(f, k) for f in (8, 16, 32) for k in (3, 5))}
    inserted = {(layers.index(gene), gene) for layers in found for gene in layers if gene not in (A, B)}
    assert {locus for locus, _ in inserted} == {0, 1, 2}
    assert {gene for _, gene in inserted} == sampled
    assert all(tuple(gene for gene in layers if gene in (A, B)) == (A, B) for layers in found)
    assert {len(layers) for layers in layers_of(AddGene(), of(), small_space)} == {1}


def test_remove_gene_takes_any_one_but_never_the_last(small_space: SearchSpace) -> None:
    assert layers_of(RemoveGene(), of(A, B, C), small_space) == {(A, B), (A, C), (B, C)}
    assert layers_of(RemoveGene(), of(A), small_space) == {(A,)}
    assert layers_of(RemoveGene(), of(), small_space) == {()}


def test_duplicate_gene_repeats_any_one_in_place(small_space: SearchSpace) -> None:
    assert layers_of(DuplicateGene(), of(A, B), small_space) == {(A, A, B), (A, B, B)}
    assert layers_of(DuplicateGene(), of(), small_space) == {()}


def test_swap_genes_exchanges_any_two(small_space: SearchSpace) -> None:
    assert layers_of(SwapGenes(), of(A, B, C), small_space) == {(B, A, C), (C, B, A), (A, C, B)}
    assert layers_of(SwapGenes(), of(A), small_space) == {(A,)}


def test_alter_gene_moves_one_field_of_any_gene_with_a_choice(small_space: SearchSpace) -> None:
    parent = of(Conv(16, 3), Pool(), Conv(8, 5))
    assert layers_of(AlterGene(), parent, small_space) == {
        (Conv(8, 3), Pool(), Conv(8, 5)),
        (Conv(32, 3), Pool(), Conv(8, 5)),
        (Conv(16, 5), Pool(), Conv(8, 5)),
        (Conv(16, 3), Pool(), Conv(16, 5)),
        (Conv(16, 3), Pool(), Conv(8, 3)),
    }


def test_alter_gene_leaves_what_has_no_choice(small_space: SearchSpace) -> None:
    for fixed in (of(), of(Pool()), of(DepthwiseSeparable(8, 3), Pool())):  # the last is none of the space's
        assert layers_of(AlterGene(), fixed, small_space) == {fixed.layers}


def test_replace_gene_puts_a_sampled_one_in_the_place_of_any(small_space: SearchSpace) -> None:
    found = layers_of(ReplaceGene(), of(A, B), small_space)
    assert {layers[1] for layers in found if layers[0] == A} >= {Pool(), Conv(8, 3)}
    assert {layers[0] for layers in found if layers[1] == B} >= {Pool(), Conv(8, 3)}
    assert all(len(layers) == 2 and (layers[0] == A) != (layers[1] == B) for layers in found)
    assert layers_of(ReplaceGene(), of(), small_space) == {()}


def test_alter_head_moves_one_field(small_space: SearchSpace) -> None:
    parent = replace(of(A), head=Head(units=(8,)))
    children = offspring(AlterHead(), parent, small_space)
    assert {child.head for child in children} == {Head(), Head(units=(16,)), Head(units=(8,), dropout=0.5)}
    assert {(child.layers, child.recipe) for child in children} == {(parent.layers, parent.recipe)}


def test_alter_recipe_moves_one_field(small_space: SearchSpace) -> None:
    children = offspring(AlterRecipe(), of(A), small_space)
    assert {child.recipe for child in children} == {
        Recipe("adam"),
        Recipe("adamw"),
        Recipe("sgd", batch_size=32),
    }
    assert {(child.layers, child.head) for child in children} == {((A,), Head())}


def test_resample_recipe_draws_each_free_field_at_its_rate(small_space: SearchSpace) -> None:
    parent = of(A)
    assert {child.recipe for child in offspring(ResampleRecipe(0.0), parent, small_space)} == {Recipe()}
    found = {child.recipe for child in offspring(ResampleRecipe(1.0), parent, small_space)}
    assert found == {Recipe(o, batch_size=b) for o in ("sgd", "adam", "adamw") for b in (32, 64)}
    kept = replace(parent, recipe=Recipe("adam", 0.123, 0.5, 32))
    for child in offspring(ResampleRecipe(1.0), kept, small_space):
        assert (child.recipe.learning_rate, child.recipe.weight_decay) == (0.123, 0.5)  # no alleles
    # The optimizer stays with odds 2/3 and the batch size with 3/4: 50 of 100, within 5 standard deviations.
    same = [child == kept for child in offspring(ResampleRecipe(0.5), kept, small_space)]
    assert 25 <= sum(same) <= 75


def test_a_space_without_choices_leaves_head_and_recipe(make_space: Callable[..., SearchSpace]) -> None:
    space = make_space(head=GeneAlleles(Head, {}), recipe=GeneAlleles(Recipe, {}))
    for mutation in (AlterHead(), AlterRecipe(), ResampleRecipe(1.0)):
        assert set(offspring(mutation, of(A), space)) == {of(A)}


@pytest.mark.parametrize("mutation", [AlterHead(), AlterRecipe(), AlterGene()])
def test_an_alteration_changes_one_field_of_one_gene(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], mutation: Mutation
) -> None:
    rng = np.random.default_rng(2)
    for parent in random_chromosomes(space, 60):
        child = mutation(parent, space, rng)
        genes = zip(
            [*parent.layers, parent.head, parent.recipe],
            [*child.layers, child.head, child.recipe],
            strict=True,
        )
        changes = [name for before, after in genes for name in differing(before, after)]
        is_empty = isinstance(mutation, AlterGene) and not parent.layers
        assert len(changes) == (0 if is_empty else 1), parent.text
