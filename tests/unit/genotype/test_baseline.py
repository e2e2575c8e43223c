"""The plain network that one would begin with by hand."""

from collections.abc import Callable

import pytest

from evocnn.genotype import (
    Choice,
    Conv,
    GeneAlleles,
    Head,
    Held,
    Limits,
    Pool,
    Range,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
    baseline,
)

MakeSpace = Callable[..., SearchSpace]
CONV = GeneAlleles(Conv, {"filters": Choice((16, 32, 64, 128)), "kernel": Choice((1, 3, 5))})
SPACE = {"limits": Limits(depth=20), "layers": (CONV, GeneAlleles(Pool, {}))}
RECIPE = " | gap | sgd lr=.05 wd=.0005"


@pytest.mark.parametrize(
    ("n_layers", "text"),
    [
        (1, "conv32k3"),
        (3, "conv32k3 · conv32k3 · pool · conv64k3"),
        (5, "conv32k3 · conv32k3 · pool · conv64k3 · conv64k3 · pool · conv128k3"),
        # 28 -> 14 -> 7 positions: no third pool
        (7, "conv32k3 · conv32k3 · pool · conv64k3 · conv64k3 · pool · conv128k3 · conv128k3 · conv128k3"),
    ],
)
def test_two_convolutions_then_a_pool_and_twice_the_filters(
    make_space: MakeSpace, n_layers: int, text: str
) -> None:
    assert baseline(make_space(**SPACE), n_layers).text == text + RECIPE


def test_fields_are_at_the_nearest_alleles(make_space: MakeSpace) -> None:
    layers = (GeneAlleles(Conv, {"filters": Choice((8, 20)), "kernel": Choice((5, 7))}),)
    head = GeneAlleles(Head, {"pooling": Choice(("flatten",)), "dropout": Choice((0.2, 0.5))})
    recipe = GeneAlleles(Recipe, {"optimizer": Choice(("adamw", "adam")), "learning_rate": Range(0.002, 0.1)})
    found = baseline(make_space(layers=layers, head=head, recipe=recipe, limits=Limits()), 1)
    assert found.text == "conv20k5 | flatten drop.2 | adamw lr=.002"


def test_a_recipe_with_epochs_of_its_own_has_the_most(make_space: MakeSpace) -> None:
    recipe = GeneAlleles(Recipe, {"epochs": Choice((5, 20))})
    assert baseline(make_space(**SPACE, recipe=recipe), 1).recipe.epochs == 20


def test_where_there_is_no_pool_a_stride_takes_its_place(make_space: MakeSpace) -> None:
    strided = GeneAlleles(Conv, {**CONV.fields, "stride": Choice((1, 2))})
    found = baseline(make_space(layers=(strided,), limits=Limits()), 3)
    assert found.text.startswith("conv32k3 · conv32k3 · conv64k3s2 |")


def test_where_there_is_no_convolution_a_gene_with_a_width_takes_its_place(make_space: MakeSpace) -> None:
    residual = GeneAlleles(Residual, {"filters": Choice((8, 16)), "kernel": Choice((3,))})
    found = baseline(make_space(layers=(GeneAlleles(Pool, {}), residual)), 1)
    assert found.text.startswith("res16k3 |")


def test_limits_and_what_is_held_are_kept(make_space: MakeSpace) -> None:
    held = Held(recipe=Recipe("adam", 0.003))
    space = make_space(
        **{**SPACE, "limits": Limits(parameters=3_000, depth=2)}, held=held, founder_depth=(1, 2)
    )
    found = baseline(space, 4)
    assert found.recipe == held.recipe
    assert len(found.layers) == 2
    assert found.counts(space.input_shape, space.n_classes).parameters <= 3_000


def test_a_small_image_is_not_pooled(make_space: MakeSpace) -> None:
    assert "pool" not in baseline(make_space(Shape(1, 7, 7), **SPACE), 5).text
