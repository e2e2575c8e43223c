"""An architecture as a picture: a box a layer, from the image on the left to the classes on the right."""

from collections.abc import Iterable, Mapping
from math import ceil, log2, sqrt
from textwrap import wrap
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path

from evocnn.genotype import LAYERS, Chromosome, Shape
from evocnn.report.colours import GREY, INK, MUTED, PALE

FEWEST_SLOTS = 6  # what a small network leaves of the width stays empty
HATCHES = ("", "////", "....", "xxxx")  # once the colours are used up
LARGEST_TYPE, SMALLEST_TYPE, LEAST_TYPE = 8.0, 6.0, 3.5  # points: level, still level, upright at the least
LETTER, LINE = 0.62, 1.25  # width of a letter and height of a line, as shares of the type's size


class GeneStyle(NamedTuple):
    """How the boxes of a gene type are filled."""

    colour: str
    hatch: str = ""


class _Box(NamedTuple):
    """The image, a layer or the head.

    Attributes:
        text: What it is, which may be broken into lines at blanks.
        size: What is behind it, on a line of its own.
        shape: The shape behind it, drawn.
        style: How it is filled.
    """

    text: str
    size: str
    shape: Shape
    style: GeneStyle


def gene_styles(names: Iterable[str]) -> dict[str, GeneStyle]:
    """Return a style for each gene type's name: the package's own first, then others as they appear."""
    distinct = dict.fromkeys([*(gene.name() for gene in LAYERS), *names])
    n = len(MUTED)
    return {
        name: GeneStyle(MUTED[index % n], HATCHES[index // n % len(HATCHES)])
        for index, name in enumerate(distinct)
    }


def draw_architecture(
    axes: Axes,
    chromosome: Chromosome,
    shape: Shape,
    n_classes: int,
    *,
    styles: Mapping[str, GeneStyle] | None = None,
    title: str = "",
) -> None:
    """Draw a network: its layers, their shapes, the skips among them, and what it costs.

    A box is as high as its image is large and as wide as its channels are many, both on log
    scales. An arc leads from where a second input comes from to the gene that reads it, dashed
    where channels are put behind one another. Inert genes are left out. Labels are fitted to the
    width that the axes have when this is called; what they need below is left to the layout.

    Args:
        axes: What to draw into.
        chromosome: The network.
        shape: The shape of an input image.
        n_classes: Number of classes.
        styles: The style of each gene type, where several drawings are to agree; from `gene_styles`.
        title: What precedes the counts in the title.
    """
    steps = list(chromosome.trace(shape))
    styles = styles or gene_styles(step.gene.name() for step in steps)
    boxes = [
        _Box("image", _size(shape), shape, GeneStyle(PALE)),
        *(_Box(s.gene.text, _size(s.output), s.output, styles[s.gene.name()]) for s in steps),
        _Box(chromosome.head.text, f"{n_classes} classes", Shape(n_classes, 1, 1), GeneStyle(PALE)),
    ]
    heights = [box_size(box.shape)[1] for box in boxes]
    tops = [height / max(heights) / 2 for height in heights]
    axes.plot([0, len(boxes) - 1], [0, 0], color=GREY, linewidth=1, zorder=1)
    for slot, (box, top) in enumerate(zip(boxes, tops, strict=True)):
        _draw_box(axes, slot, top, box)
    peaks = [0.5]
    for slot, step in enumerate(steps, start=1):
        if step.gene.skip:
            is_joined = step.output.channels == sum(each.channels for each in step.inputs)
            source = slot - 1 - step.gene.skip
            peaks.append(_draw_skip(axes, (source, tops[source]), (slot, tops[slot]), is_dashed=is_joined))
    axes.set_xlim(-0.55, max(len(boxes), FEWEST_SLOTS) - 0.45)
    axes.set_ylim(-0.53, max(peaks) + 0.03)
    axes.set_axis_off()
    _draw_labels(axes, boxes)
    counts = chromosome.counts(shape, n_classes)
    text = f"{counts.parameters:,} parameters · {counts.flops:,} FLOPs"
    axes.set_title(f"{title}: {text}" if title else text, fontsize=9, loc="left", parse_math=False)


def _draw_box(axes: Axes, slot: int, top: float, box: _Box) -> None:
    width, _ = box_size(box.shape)
    axes.add_patch(
        Rectangle(
            (slot - width / 2, -top),
            width,
            2 * top,
            facecolor=box.style.colour,
            hatch=box.style.hatch,
            edgecolor=INK,
            linewidth=0.7,
            zorder=2,
        )
    )


def _draw_skip(axes: Axes, source: tuple[int, float], target: tuple[int, float], *, is_dashed: bool) -> float:
    """Draw an arc between the tops of two boxes and return its peak."""
    (x, y), (x_end, y_end) = source, target
    rise = 0.1 + 0.12 * log2(x_end - x)
    control = 0.5 + rise / 0.75  # the arc's peak lies at three quarters of the way up to its controls
    points = [(x, y), (x, control), (x_end, control), (x_end, y_end)]
    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    axes.add_patch(
        FancyArrowPatch(
            path=path,
            arrowstyle="-|>",
            mutation_scale=8,
            shrinkA=0,
            shrinkB=0,
            linestyle="--" if is_dashed else "-",
            color=INK,
            linewidth=0.9,
            zorder=3,
        )
    )
    return (y + y_end) / 8 + 0.75 * control


def _draw_labels(axes: Axes, boxes: list[_Box]) -> None:
    """Write each box's label below all boxes: level where the words fit side by side, upright otherwise."""
    left, right = axes.get_xlim()
    slot = 72 / axes.figure.dpi * axes.get_window_extent().width / (right - left)  # points
    longest = max(len(word) for box in boxes for word in (*box.text.split(), box.size))
    type_size = min(LARGEST_TYPE, slot / (LETTER * (longest + 1)))
    is_level = type_size >= SMALLEST_TYPE
    if not is_level:
        type_size = max(LEAST_TYPE, min(LARGEST_TYPE - 1, slot / (2.2 * LINE)))
    n_lines = max(1, int(slot / (LINE * type_size)) - 1)  # upright, beside that of the shape
    for x, box in enumerate(boxes):
        width = int(slot / (LETTER * type_size)) if is_level else ceil(1.3 * len(box.text) / n_lines)
        lines = wrap(box.text, max(width, 1), break_long_words=False, break_on_hyphens=False)
        axes.text(
            x,
            -0.02,
            "\n".join([*lines, box.size]),
            transform=axes.get_xaxis_transform(),
            rotation=0 if is_level else 90,
            fontsize=type_size,
            horizontalalignment="center",
            verticalalignment="top",
            multialignment="center" if is_level else "right",
            parse_math=False,
        )


def _size(shape: Shape) -> str:
    return "×".join(map(str, shape))


def box_size(shape: Shape) -> tuple[float, float]:
    """Return the width of a shape's box, from 0.15 for one channel to 0.9 for a thousand, and its height."""
    height = log2(1 + sqrt(shape.height * shape.width))
    return min(0.15 + 0.075 * log2(shape.channels), 0.9), height
