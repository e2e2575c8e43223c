import pytest

from evocnn.genotype import Conv, DepthwiseSeparable, Dropout, Head, LayerGene, Pool, Residual, Shape


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
        (Residual(8, 3), (8, 5, 5), (8, 5, 5)),
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
    ],
)
def test_a_shortcut_is_projected_where_shapes_differ(
    gene: Residual, before: Shape, *, projects: bool
) -> None:
    assert gene.projects(before) is projects


def test_the_head_reads_channels_or_all_values() -> None:
    assert Head("gap").features(Shape(8, 3, 5)) == 8
    assert Head("flatten").features(Shape(8, 3, 5)) == 120
