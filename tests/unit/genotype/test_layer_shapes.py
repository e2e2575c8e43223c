"""The shape after each layer, and when shortcuts and links are projected."""

import pytest

from evocnn.genotype import (
    Bottleneck,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    Head,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Residual,
    Shape,
)


@pytest.mark.parametrize(
    ("gene", "before", "after"),
    [
        (Conv(8, 3), (3, 32, 32), (8, 32, 32)),
        (Conv(8, 5), (3, 1, 1), (8, 1, 1)),
        (Conv(8, 3, 2), (3, 7, 8), (8, 4, 4)),
        (Conv(8, 3, 3), (3, 7, 10), (8, 3, 4)),
        (Conv(8, 1, 2), (3, 5, 1), (8, 3, 1)),
        (Conv(8, 3), (1, 1, 17), (8, 1, 17)),
        (Conv(8, 3, 2), (1, 1, 17), (8, 1, 9)),
        (Conv(8, 3, padding="valid"), (3, 3, 9), (8, 1, 7)),
        (Conv(8, 3, 2, "valid"), (3, 9, 10), (8, 4, 4)),
        (Conv(8, 4, 3, "valid"), (3, 12, 4), (8, 3, 1)),
        (Conv(8, 3, padding="valid"), (3, 2, 9), None),
        (Conv(8, 3, padding="valid"), (1, 1, 17), None),
        (Conv(8, 3, dilation=4), (3, 5, 2), (8, 5, 2)),
        (Conv(8, 3, 2, dilation=2), (3, 7, 8), (8, 4, 4)),
        (Conv(8, 3, padding="valid", dilation=2), (3, 5, 9), (8, 1, 5)),  # covers 5 by 5
        (Conv(8, 2, 3, "valid", dilation=3), (3, 4, 10), (8, 1, 3)),  # covers 4 by 4
        (Conv(8, 3, padding="valid", dilation=2), (3, 4, 9), None),
        (Conv(8, 1, padding="valid", dilation=9), (3, 1, 1), (8, 1, 1)),
        (Conv(9, 3, groups=4), (6, 5, 5), (9, 5, 5)),
        (Residual(8, 3), (8, 5, 5), (8, 5, 5)),
        (Bottleneck(8), (3, 5, 6), (8, 5, 6)),
        (Bottleneck(8, 5, 2), (3, 5, 6), (8, 3, 3)),
        (Bottleneck(2, 3, 3, reduction=9), (3, 1, 17), (2, 1, 6)),
        (InvertedResidual(8), (3, 5, 6), (8, 5, 6)),
        (InvertedResidual(8, 3, 2, 1, 4), (3, 5, 6), (8, 3, 3)),
        (InvertedResidual(8, 5, 4), (3, 1, 17), (8, 1, 5)),
        (DenseConcat(8), (3, 5, 6), (11, 5, 6)),
        (DenseConcat(1, 7), (3, 1, 1), (4, 1, 1)),
        (Residual(8, 3, 2), (3, 9, 1), (8, 5, 1)),
        (DepthwiseSeparable(8, 5), (3, 2, 2), (8, 2, 2)),
        (DepthwiseSeparable(8, 3, 2), (3, 9, 4), (8, 5, 2)),
        (Pool(), (3, 8, 8), (3, 4, 4)),
        (Pool(), (3, 7, 9), (3, 3, 4)),
        (Pool(3), (3, 8, 3), (3, 2, 1)),
        (Pool(), (1, 1, 17), (1, 1, 8)),
        (Pool(3), (1, 17, 1), (1, 5, 1)),
        (Pool(3), (1, 2, 2), (1, 1, 1)),
        (Pool(), (3, 1, 1), None),
        (Dropout(0.5), (3, 8, 8), (3, 8, 8)),
        (Dropout(0), (3, 8, 8), None),
    ],
)
def test_the_shape_after_a_layer(
    gene: LayerGene, before: tuple[int, int, int], after: tuple[int, int, int] | None
) -> None:
    assert gene.output(Shape(*before)) == after


@pytest.mark.parametrize(
    ("gene", "before", "projects"),
    [
        (Residual(8, 3), Shape(8, 5, 5), False),
        (Residual(8, 3), Shape(4, 5, 5), True),
        (Residual(8, 3, 2), Shape(8, 5, 5), True),
        (Residual(8, 3, 2), Shape(8, 1, 1), False),
        (Bottleneck(8), Shape(8, 5, 5), False),
        (Bottleneck(8), Shape(4, 5, 5), True),
        (Bottleneck(8, stride=2), Shape(8, 5, 5), True),
    ],
)
def test_a_shortcut_is_projected_where_shapes_differ(
    gene: Residual | Bottleneck, before: Shape, *, projects: bool
) -> None:
    assert gene.projects(before) is projects


def test_the_head_reads_channels_or_all_values() -> None:
    assert Head("gap").features(Shape(8, 3, 5)) == 8
    assert Head("flatten").features(Shape(8, 3, 5)) == 120


@pytest.mark.parametrize(
    ("gene", "arriving", "source", "after"),
    [
        (Link(1), (8, 5, 6), (8, 5, 6), (8, 5, 6)),
        (Link(1), (8, 5, 6), (3, 11, 12), (8, 5, 6)),
        (Link(1, "concat"), (8, 5, 6), (8, 5, 6), (16, 5, 6)),
        (Link(1, "concat"), (8, 5, 6), (3, 11, 12), (11, 5, 6)),
        (Link(1, "concat"), (8, 1, 1), (3, 1, 17), (11, 1, 1)),
    ],
)
def test_the_shape_after_a_link(
    gene: Link, arriving: tuple[int, ...], source: tuple[int, ...], after: tuple[int, ...]
) -> None:
    assert gene.output(Shape(*arriving), Shape(*source)) == after


@pytest.mark.parametrize("gene", [Link(1), Link(1, "concat")])
def test_a_link_without_a_source_is_inert(gene: Link) -> None:
    assert gene.output(Shape(8, 5, 6)) is None


@pytest.mark.parametrize(
    ("gene", "arriving", "source", "projects", "resizes"),
    [
        (Link(1), (8, 5, 6), (8, 5, 6), False, False),
        (Link(1), (8, 5, 6), (4, 5, 6), True, False),
        (Link(1), (8, 5, 6), (8, 10, 12), True, True),
        (Link(1), (8, 1, 6), (8, 1, 12), True, True),
        (Link(1, "concat"), (8, 5, 6), (4, 5, 6), False, False),
        (Link(1, "concat"), (8, 5, 6), (4, 5, 12), False, True),
    ],
)
def test_a_link_projects_what_it_adds_and_resizes_what_is_larger(
    gene: Link, arriving: tuple[int, ...], source: tuple[int, ...], projects: bool, resizes: bool
) -> None:
    shapes = Shape(*arriving), Shape(*source)
    assert gene.projects(*shapes) is projects
    assert gene.resizes(*shapes) is resizes


@pytest.mark.parametrize(
    ("gene", "channels", "groups"),
    [
        (Conv(8, 3, groups=4), 12, 4),
        (Conv(8, 3, groups=4), 6, 2),
        (Conv(9, 3, groups=4), 12, 1),
        (Conv(9, 3, groups=6), 12, 3),
        (Conv(8, 3), 12, 1),
        (Conv(8, 3, groups=99), 1, 1),
    ],
)
def test_as_many_groups_are_made_as_divide_the_channels_on_both_sides(
    gene: Conv, channels: int, groups: int
) -> None:
    assert gene.groups_on(Shape(channels, 5, 5)) == groups


@pytest.mark.parametrize(
    ("gene", "inner"), [(Bottleneck(64), 16), (Bottleneck(66, reduction=8), 8), (Bottleneck(3), 1)]
)
def test_a_bottleneck_keeps_a_share_of_its_filters_inside(gene: Bottleneck, inner: int) -> None:
    assert gene.inner == inner


@pytest.mark.parametrize(
    ("squeeze", "squeezed"),
    [(0, 0), (1, 18), (4, 4), (18, 1), (99, 1)],
)
def test_squeezed_channels_are_a_share_of_the_expanded(squeeze: int, squeezed: int) -> None:
    gene = InvertedResidual(8, expansion=6, squeeze=squeeze)
    assert gene.hidden(Shape(3, 5, 5)) == 18
    assert gene.squeezed(Shape(3, 5, 5)) == squeezed


@pytest.mark.parametrize(
    ("gene", "before", "adds"),
    [
        (InvertedResidual(8), (8, 5, 5), True),
        (InvertedResidual(8), (4, 5, 5), False),
        (InvertedResidual(8, stride=2), (8, 5, 5), False),
        (InvertedResidual(8, stride=2), (8, 1, 1), True),
    ],
)
def test_an_inverted_residual_adds_its_input_where_the_shape_is_kept(
    gene: InvertedResidual, before: tuple[int, ...], adds: bool
) -> None:
    assert gene.adds_input(Shape(*before)) is adds
