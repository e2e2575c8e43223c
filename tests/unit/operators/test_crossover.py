"""Crossovers recombine what parents have: where they cut, and what they blend."""

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from math import log, sqrt
from typing import Any

import numpy as np
import pytest

from evocnn.genotype import (
    Chromosome,
    Conv,
    Dropout,
    GeneAlleles,
    Head,
    LayerGene,
    Link,
    Pool,
    Range,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.operators import BlendRecipe, Homologous, OnePoint, TwoPoint, Uniform

Layers = tuple[LayerGene, ...]


class Rigged:
    """A random stream whose draws are given; all must be drawn."""

    def __init__(self, *draws: Any) -> None:
        self.draws = list(draws)

    def random(self, size: int | None = None) -> Any:
        return self.draws.pop(0) if size is None else np.array([self.draws.pop(0) for _ in range(size)])


A, B, C, D, E, F = (Conv(n, 3) for n in (1, 2, 3, 4, 5, 6))
MOTHER = Chromosome((A, B, C, D), Head("gap", (8,), 0.1), Recipe("sgd", 0.1, 0.0, 32))
FATHER = Chromosome((E, F), Head("flatten", (16,), 0.2), Recipe("adam", 0.2, 0.5, 64))


@pytest.fixture
def any_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    return make_space()


@pytest.mark.parametrize(
    ("place", "daughter", "son"),
    [
        (0.0, (E, F), (A, B, C, D)),
        (0.3, (A, F), (E, B, C, D)),
        (0.5, (A, B, F), (E, C, D)),
        (0.9, (A, B, C, D), (E, F)),
    ],
)
def test_one_point_cuts_both_at_the_same_relative_place(
    any_space: SearchSpace, place: float, daughter: tuple[Conv, ...], son: tuple[Conv, ...]
) -> None:
    rng = Rigged(place, 0.9, 0.9)
    offspring = OnePoint()(MOTHER, FATHER, any_space, rng)  # type: ignore[arg-type]
    assert [child.layers for child in offspring] == [daughter, son]
    assert not rng.draws


@pytest.mark.parametrize(
    ("places", "daughter", "son"),
    [
        ((0.0, 0.0), (A, B, C, D), (E, F)),
        ((0.0, 0.5), (E, C, D), (A, B, F)),
        ((0.3, 0.9), (A, F), (E, B, C, D)),
        ((0.9, 0.3), (A, F), (E, B, C, D)),
        ((0.5, 0.7), (A, B, D), (E, C, F)),
        ((0.0, 0.99), (E, F), (A, B, C, D)),
    ],
)
def test_two_point_exchanges_what_lies_between_two_relative_places(
    any_space: SearchSpace, places: tuple[float, float], daughter: Layers, son: Layers
) -> None:
    rng = Rigged(*places, 0.9, 0.9)
    offspring = TwoPoint()(MOTHER, FATHER, any_space, rng)  # type: ignore[arg-type]
    assert [child.layers for child in offspring] == [daughter, son]
    assert not rng.draws


@pytest.mark.parametrize(("crossover", "n_places"), [(OnePoint(), 1), (TwoPoint(), 2)])
@pytest.mark.parametrize(("head", "recipe"), [(0.49, 0.5), (0.5, 0.49), (0.1, 0.1), (0.9, 0.9)])
def test_head_and_recipe_are_exchanged_whole(
    any_space: SearchSpace, crossover: Any, n_places: int, head: float, recipe: float
) -> None:
    daughter, son = crossover(MOTHER, FATHER, any_space, Rigged(*[0.5] * n_places, head, recipe))
    assert (daughter.head, son.head) == (
        (FATHER.head, MOTHER.head) if head < 0.5 else (MOTHER.head, FATHER.head)
    )
    assert (daughter.recipe, son.recipe) == (
        (FATHER.recipe, MOTHER.recipe) if recipe < 0.5 else (MOTHER.recipe, FATHER.recipe)
    )


def test_uniform_exchanges_locus_by_locus_and_field_by_field(any_space: SearchSpace) -> None:
    yes, no = 0.29, 0.3
    others = len(fields(Recipe)) - 4  # the fields that mother and father have in common
    rng = Rigged(no, yes, *(yes, no, no, no), *(no, yes, no, yes, *[no] * others))
    daughter, son = Uniform(0.3)(MOTHER, FATHER, any_space, rng)  # type: ignore[arg-type]
    assert daughter == Chromosome((A, F, C, D), Head("flatten", (8,), 0.1), Recipe("sgd", 0.2, 0.0, 64))
    assert son == Chromosome((E, B), Head("gap", (16,), 0.2), Recipe("adam", 0.1, 0.5, 32))
    assert not rng.draws


def test_uniform_at_the_ends_of_its_rate(any_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    assert Uniform(0.0)(MOTHER, FATHER, any_space, rng) == (MOTHER, FATHER)
    daughter, son = Uniform(1.0)(MOTHER, FATHER, any_space, rng)
    assert (daughter.layers, son.layers) == ((E, F, C, D), (A, B))
    assert (daughter.head, daughter.recipe) == (FATHER.head, FATHER.recipe)
    assert (son.head, son.recipe) == (MOTHER.head, MOTHER.recipe)


@pytest.mark.parametrize("crossover", [OnePoint(), TwoPoint(), Homologous(), Uniform(), Uniform(0.1)])
def test_a_crossover_neither_makes_nor_loses_anything(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], crossover: Any
) -> None:
    rng = np.random.default_rng(1)
    parents = [parent.canonical(space.input_shape) for parent in random_chromosomes(space, 100)]
    mixed = 0
    for mother, father in zip(parents[::2], parents[1::2], strict=True):
        daughter, son = crossover(mother, father, space, rng)
        assert Counter(daughter.layers + son.layers) == Counter(mother.layers + father.layers)
        for part in ("head", "recipe"):
            pairs = [[getattr(c, part) for c in pair] for pair in ((mother, father), (daughter, son))]
            for f in fields(pairs[0][0]):
                before, after = (Counter(getattr(gene, f.name) for gene in pair) for pair in pairs)
                assert before == after
        mixed += daughter.layers not in (mother.layers, father.layers)
    assert mixed > 5


def test_a_chromosome_without_layers_can_be_a_parent(any_space: SearchSpace) -> None:
    empty = Chromosome((), Head(), Recipe())
    crossovers: list[Any] = [OnePoint(), TwoPoint(), Homologous(), Uniform(), BlendRecipe()]
    for crossover in crossovers:
        for seed in range(10):
            daughter, son = crossover(empty, MOTHER, any_space, np.random.default_rng(seed))
            assert Counter(daughter.layers + son.layers) == Counter(MOTHER.layers)


def test_uniform_keeps_the_depth_of_either_parent(any_space: SearchSpace) -> None:
    long = Chromosome((A, Pool(), B, Dropout(0.5), C), Head(), Recipe())
    for seed in range(10):
        daughter, son = Uniform()(long, FATHER, any_space, np.random.default_rng(seed))
        assert (len(daughter.layers), len(son.layers)) == (5, 2)
        assert daughter.layers[2:] == long.layers[2:]


SIDE_16 = Shape(1, 16, 16)
# Heights and widths: 16 · 16, 8, 8, 4, 4 and 16 · 16, 16, 8, 3.
STEPPED = (A, Pool(), B, Pool(), C)
VALID = (D, E, Conv(9, 3, stride=2), Conv(10, 6, padding="valid"))


def sides(layers: Layers) -> list[tuple[int, int]]:
    """Return heights and widths ahead of each gene and behind the last."""
    chromosomes = [Chromosome(layers[:n], Head(), Recipe()) for n in range(len(layers) + 1)]
    return [chromosome.features(SIDE_16)[1:] for chromosome in chromosomes]


def test_homologous_cuts_wherever_both_parents_have_the_same_resolution(
    make_space: Callable[..., SearchSpace],
) -> None:
    # Each of 7 pairs is drawn with odds 1/7: one is missed in 400 draws with odds of 1e-26.
    mother, father = (Chromosome(layers, Head(), Recipe()) for layers in (STEPPED, VALID))
    rng, space = np.random.default_rng(0), make_space(SIDE_16)
    found = set()
    for _ in range(400):
        daughter, son = Homologous()(mother, father, space, rng)
        n_mothers = sum(gene in STEPPED for gene in daughter.layers)
        n_fathers = sum(gene in VALID for gene in son.layers)
        found.add((a := len(STEPPED) - sum(gene in STEPPED for gene in son.layers), n_fathers))
        assert n_mothers == a
        assert daughter.layers == STEPPED[:a] + VALID[n_fathers:]
        assert son.layers == VALID[:n_fathers] + STEPPED[a:]
    one, other = sides(STEPPED), sides(VALID)
    assert (len(one), len(other)) == (6, 5)
    pairs = {(a, b) for a in range(6) for b in range(5) if one[a] == other[b]}
    assert found == pairs - {(0, 0)}  # which would exchange whole networks
    assert len(found) == 7


def test_homologous_never_cuts_behind_both_parents(make_space: Callable[..., SearchSpace]) -> None:
    mother, father = (Chromosome(layers, Head(), Recipe()) for layers in ((A, B), (C, D)))
    for seed in range(60):
        daughter, _ = Homologous()(mother, father, make_space(SIDE_16), np.random.default_rng(seed))
        assert daughter.layers not in ((A, B), (C, D))


def test_homologous_keeps_each_gene_at_its_resolution(
    make_space: Callable[..., SearchSpace], random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    space, rng = make_space(SIDE_16), np.random.default_rng(1)
    parents = [
        replace(parent, layers=tuple(gene for gene in parent.layers if not isinstance(gene, Link)))
        for parent in random_chromosomes(space, 100)
    ]
    n_cut = 0
    for mother, father in zip(parents[::2], parents[1::2], strict=True):
        family = [mother, father, *Homologous()(mother, father, space, rng)]
        seen = [[(gene, inputs[0][1:]) for gene, inputs, _ in one.trace(SIDE_16)] for one in family]
        assert Counter(seen[0] + seen[1]) == Counter(seen[2] + seen[3])
        n_cut += seen[2] not in seen[:2]
    assert n_cut > 25


def test_homologous_passes_over_inert_genes(make_space: Callable[..., SearchSpace]) -> None:
    late, father = Chromosome((Link(7), A, B), Head(), Recipe()), Chromosome((C, D), Head(), Recipe())
    daughter, son = Homologous()(late, father, make_space(SIDE_16), np.random.default_rng(0))
    assert Counter(daughter.layers + son.layers) == Counter((A, B, C, D))


def test_homologous_exchanges_head_and_recipe_alone_where_resolutions_never_agree(
    make_space: Callable[..., SearchSpace],
) -> None:
    mother, father = replace(MOTHER, layers=(Pool(2),)), replace(FATHER, layers=(Pool(3),))
    space, found = make_space(SIDE_16), set()
    for seed in range(40):
        daughter, son = Homologous()(mother, father, space, np.random.default_rng(seed))
        assert (daughter.layers, son.layers) == (mother.layers, father.layers)
        found.add((daughter.head == father.head, daughter.recipe == father.recipe))
    assert found == {(False, False), (False, True), (True, False), (True, True)}


def test_homologous_compares_widths_too(make_space: Callable[..., SearchSpace]) -> None:
    mother, father = replace(MOTHER, layers=(Pool(2), A)), replace(FATHER, layers=(Pool(3), B))
    space = make_space(Shape(1, 1, 17))  # heights are 1 everywhere, widths 17, 8, 8 and 17, 5, 5
    for seed in range(20):
        daughter, son = Homologous()(mother, father, space, np.random.default_rng(seed))
        assert (daughter.layers, son.layers) == (mother.layers, father.layers)


RATES = Range(1e-4, 1.0, log=True)
SHARES = Range(0.0, 0.8)


@pytest.fixture
def range_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    return make_space(recipe=GeneAlleles(Recipe, {"learning_rate": RATES, "smoothing": SHARES}))


def blends(alpha: float, space: SearchSpace, one: Recipe, other: Recipe, n: int) -> list[Recipe]:
    """Return the recipes of both offspring of `n` crossovers."""
    rng = np.random.default_rng(0)
    mother, father = replace(MOTHER, recipe=one), replace(FATHER, recipe=other)
    pairs = [BlendRecipe(alpha)(mother, father, space, rng) for _ in range(n)]
    for daughter, son in pairs:
        assert (daughter.layers, daughter.head) == (mother.layers, mother.head)
        assert (son.layers, son.head) == (father.layers, father.head)
    return [child.recipe for pair in pairs for child in pair]


def test_without_alpha_a_blend_lies_between_its_parents_evenly_on_the_log_scale(
    range_space: SearchSpace,
) -> None:
    # Mean of 2000 uniform values, 5 standard errors: a false alarm in fewer than 1 of 1,000,000 seeds.
    recipes = blends(0.0, range_space, Recipe("sgd", 0.001), Recipe("sgd", 0.1, smoothing=0.2), 1000)
    for values, middle in (
        ([log(recipe.learning_rate / 0.001) / log(100) for recipe in recipes], 0.5),
        ([recipe.smoothing / 0.2 for recipe in recipes], 0.5),
    ):
        assert min(values) >= 0
        assert max(values) <= 1 + 1e-9
        assert abs(np.mean(values) - middle) < 5 * sqrt(1 / 12 / 2000)
        assert min(values) < 0.01
        assert max(values) > 0.99


def test_alpha_widens_the_interval_on_both_sides(range_space: SearchSpace) -> None:
    # Half of the 2000 values lie outside the parents', give or take 5 standard deviations: a false
    # alarm in fewer than 1 of 800,000 seeds.
    one, other = Recipe("sgd", 0.01, smoothing=0.3), Recipe("sgd", 0.1, smoothing=0.5)
    recipes = blends(0.5, range_space, one, other, 1000)
    for values, low, high in (
        ([log(recipe.learning_rate) / log(10) for recipe in recipes], -2.5, -0.5),
        ([recipe.smoothing for recipe in recipes], 0.2, 0.6),
    ):
        margin = (high - low) / 100  # values are rounded to three digits
        assert low - margin < min(values) < low + margin
        assert high - margin < max(values) < high + margin
        n_outside = sum(abs(value - (low + high) / 2) > (high - low) / 4 for value in values)
        assert abs(n_outside - 1000) < 5 * sqrt(2000 * 0.5 * 0.5)


def test_a_blend_stays_within_its_range(range_space: SearchSpace) -> None:
    one, other = Recipe("sgd", 1e-4, smoothing=0.0), Recipe("sgd", 1.0, smoothing=0.8)
    recipes = blends(0.5, range_space, one, other, 100)
    for values, bounds in (
        ([recipe.learning_rate for recipe in recipes], (1e-4, 1.0)),
        ([recipe.smoothing for recipe in recipes], (0.0, 0.8)),
    ):
        assert (min(values), max(values)) == bounds  # a quarter of the draws lies beyond each bound


def test_a_blend_of_equal_values_is_that_value(range_space: SearchSpace) -> None:
    same = Recipe("sgd", 0.0123, smoothing=0.3)
    assert set(blends(0.5, range_space, same, same, 20)) == {same}


def test_a_blend_exchanges_the_recipes_other_fields(range_space: SearchSpace) -> None:
    one, other = Recipe("sgd", 0.01, batch_size=32), Recipe("adam", 0.01, batch_size=64)
    recipes = blends(0.5, range_space, one, other, 40)
    for daughter, son in zip(recipes[::2], recipes[1::2], strict=True):
        assert {daughter.optimizer, son.optimizer} == {"sgd", "adam"}
        assert {daughter.batch_size, son.batch_size} == {32, 64}
    assert len({(recipe.optimizer, recipe.batch_size) for recipe in recipes}) == 4
