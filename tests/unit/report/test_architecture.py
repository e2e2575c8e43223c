"""Drawn architectures: a box a layer, an arc a skip, and labels that can be read."""

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from evocnn.genotype import (
    LAYERS,
    Chromosome,
    Conv,
    Counts,
    DepthwiseSeparable,
    Dropout,
    Head,
    LayerGene,
    Link,
    Pool,
    Recipe,
    Residual,
    Shape,
    number,
)
from evocnn.report.architecture import GeneStyle, draw_architecture, gene_styles

RGB = Shape(3, 32, 32)
LONG = DepthwiseSeparable(128, 5, activation="leaky_relu", normalization="group")


@dataclass(frozen=True, slots=True)
class Blur(LayerGene):
    """A gene of a user's own."""

    size: int = number("$_$", default=3)

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(activations=shape.size, operations=1)


def network(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), Recipe())


def drawn(chromosome: Chromosome, shape: Shape = RGB, width: float = 9, **options: Any) -> Axes:
    """Return axes with a network, laid out as it would be in a file."""
    figure = Figure(figsize=(width, 3), layout="constrained")
    axes = figure.add_subplot()
    draw_architecture(axes, chromosome, shape, 10, **options)
    figure.draw_without_rendering()
    return axes


def boxes(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def arcs(axes: Axes) -> list[tuple[tuple[float, float], str]]:
    """Return from where to where each arc leads, and its style."""
    found = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    paths = [(patch, patch._path_original.vertices) for patch in found]
    return [((path[0][0], path[-1][0]), patch.get_linestyle()) for patch, path in paths]


def labels(axes: Axes) -> list[list[str]]:
    return [text.get_text().splitlines() for text in axes.texts]


def test_there_is_a_box_for_the_image_each_active_gene_and_the_head() -> None:
    chromosome = network(Link(3), Conv(16, 3), Dropout(0.0), Pool(), head=Head("flatten", (32,)))
    axes = drawn(chromosome)
    assert labels(axes) == [
        ["image", "3×32×32"],
        ["conv16k3", "16×32×32"],
        ["pool", "16×16×16"],
        ["flatten dense32", "10 classes"],
    ]
    assert len(boxes(axes)) == 4
    centres = [box.get_x() + box.get_width() / 2 for box in boxes(axes)]
    assert centres == pytest.approx([text.get_position()[0] for text in axes.texts])
    assert centres == pytest.approx([0, 1, 2, 3])


def test_boxes_are_as_high_as_images_and_as_wide_as_channels() -> None:
    axes = drawn(network(Conv(16, 3), Conv(64, 3), Pool(), Conv(256, 3, stride=2)))
    heights = [box.get_height() for box in boxes(axes)]
    widths = [box.get_width() for box in boxes(axes)]
    assert heights[0] == heights[1] == heights[2] == 1
    assert all(after < before for before, after in pairwise(heights[2:]))
    assert widths[0] < widths[1] < widths[2] == widths[3] < widths[4]
    assert max(widths) < 1
    assert boxes(drawn(network(Conv(100_000, 1))))[1].get_width() < 1


def test_the_title_tells_what_the_network_costs() -> None:
    counts = network(Conv(16, 3)).counts(RGB, 10)
    title = f"{counts.parameters:,} parameters · {counts.flops:,} FLOPs"
    assert drawn(network(Conv(16, 3))).get_title("left") == title
    assert drawn(network(Conv(16, 3)), title="median").get_title("left") == f"median: {title}"


def test_a_gene_type_has_one_colour() -> None:
    axes = drawn(network(Conv(16, 3), Residual(16, 3), Conv(32, 5, activation="gelu"), Blur()))
    styles = [(to_hex(box.get_facecolor()), box.get_hatch() or "") for box in boxes(axes)]
    assert styles[1] == styles[3]
    assert styles[0] == styles[-1]  # the image and the head are no genes
    assert len({*styles}) == 4


def test_types_are_told_apart_by_colour_or_hatching_wherever_they_appear() -> None:
    own = [f"own_{n}" for n in range(12)]
    styles = gene_styles(own)
    assert [*styles] == [*(gene.name() for gene in LAYERS), *own]
    assert len({*styles.values()}) == len(styles)
    assert all(style.hatch == "" for style in [*styles.values()][: len(LAYERS)])
    assert gene_styles(["conv", own[0], "pool", own[0]])[own[0]] == styles[own[0]]


def test_given_styles_are_used() -> None:
    (_, box, _) = boxes(drawn(network(Blur()), styles={"blur": GeneStyle("#123456", "xx")}))
    assert (to_hex(box.get_facecolor()), box.get_hatch()) == ("#123456", "xx")


def test_an_arc_leads_from_the_source_to_the_link_and_is_dashed_where_joined() -> None:
    chromosome = network(
        Conv(16, 3), Link(1, merge="concat"), Pool(), Dropout(0.0), Conv(16, 3), Link(4), Link(1), Link(5)
    )
    assert arcs(drawn(chromosome)) == [((0, 2), "--"), ((0, 5), "-"), ((4, 6), "-"), ((1, 7), "-")]


def test_arcs_stay_above_the_boxes_and_inside_the_axes() -> None:
    axes = drawn(network(*[Conv(8, 3)] * 14, Link(1), Link(15), Link(12, merge="concat")))
    found = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(found) == 3
    for patch in found:
        assert patch._path_original.interpolated(9).vertices[:, 1].min() >= 0.5
        assert axes.get_window_extent().ymax >= patch.get_window_extent().ymax
    tops = [patch.get_window_extent().ymax for patch in found]
    assert tops[0] < tops[2] < tops[1]  # the longer, the higher


@pytest.mark.parametrize("n_layers", [0, 1, 2, 4, 7, 11, 15, 20])
@pytest.mark.parametrize("width", [6, 14])
def test_labels_neither_overlap_nor_leave_the_picture(n_layers: int, width: float) -> None:
    layers = [Conv(64, 3, activation="silu"), LONG, Residual(64, 3, drop_path=0.1), Link(2, merge="concat")]
    chromosome = network(*(layers * 5)[:n_layers], head=Head("flatten", (512, 512), 0.5))
    axes = drawn(chromosome, width=width)
    extents = [text.get_window_extent() for text in axes.texts]
    assert len(extents) == n_layers + 2
    assert not any(a.overlaps(b) for a, b in combinations(extents, 2))
    page = axes.figure.bbox
    for extent in [
        *extents,
        axes._left_title.get_window_extent(),
        *(b.get_window_extent() for b in boxes(axes)),
    ]:
        assert page.x0 <= extent.x0 < extent.x1 <= page.x1
        assert page.y0 <= extent.y0 < extent.y1 <= page.y1
    assert min(text.get_fontsize() for text in axes.texts) >= 5
    assert min(box.get_window_extent().ymin for box in boxes(axes)) >= max(extent.y1 for extent in extents)


def test_mathematics_stays_text() -> None:
    axes = drawn(network(Blur(5)), title="$x^2$")
    assert labels(axes)[1] == ["blur$_$5", "3×32×32"]
    assert not any(text.get_parse_math() for text in [*axes.texts, axes._left_title])
