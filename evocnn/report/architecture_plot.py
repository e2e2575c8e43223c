"""A network as a picture for papers: its drawing, and beneath it shapes, parameters and FLOPs by layer."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evocnn.genotype import Shape
from evocnn.report.architecture import GeneStyle, draw_architecture, gene_styles
from evocnn.report.colours import INK, PALE
from evocnn.report.layer_table import LayerRow, LayerTable

WIDTH, DRAWING, ROW = 10.0, 2.7, 0.25  # inches
# Of the table: where columns stand as shares of its width, left edges of words, right edges of numbers.
SWATCH, LAYER, SHAPE, PARAMETERS, FLOPS = 0.0, 0.025, 0.34, 0.74, 0.99
BAR, NUMBER = 0.12, 0.09  # the longest bar, and the widest number to the right of it
LONGEST = 44  # letters of a layer's text


def architecture_figure(table: LayerTable, title: str = "") -> Figure:
    """Return a network's drawing and its table.

    Args:
        table: The network.
        title: What precedes the counts in the title.
    """
    height = ROW * (len(table.rows) + 2)
    figure = Figure(figsize=(WIDTH, DRAWING + height), layout="constrained")
    drawing, axes = figure.subplots(2, 1, height_ratios=(DRAWING, height))
    draw_architecture(drawing, table.chromosome, table.shape, table.n_classes, title=title)
    _draw_table(axes, table)
    return figure


def drawing_figure(table: LayerTable) -> Figure:
    """Return a network's drawing alone, for where its table stands beside it."""
    figure = Figure(figsize=(WIDTH, DRAWING), layout="constrained")
    draw_architecture(figure.subplots(), table.chromosome, table.shape, table.n_classes, title="")
    return figure


def _draw_table(axes: Axes, table: LayerTable) -> None:
    """Write a line a layer, with bars as long as its share of the parameters and FLOPs of the largest."""
    styles = gene_styles(row.kind for row in table.rows if row.kind != "head")
    n_lines = len(table.rows) + 2
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.5, n_lines - 0.5)
    axes.set_axis_off()
    _write(axes, n_lines - 1, ("layer", "channels × height × width", "parameters", "FLOPs"), "bold")
    for index, row in enumerate(table.rows):
        y = n_lines - 2 - index
        style = styles.get(row.kind, GeneStyle(PALE))
        axes.add_patch(
            Rectangle(
                (SWATCH, y - 0.3),
                0.015,
                0.6,
                facecolor=style.colour,
                hatch=style.hatch,
                edgecolor=INK,
                linewidth=0.5,
            )
        )
        for right, value, values in (
            (PARAMETERS, row.parameters, [each.parameters for each in table.rows]),
            (FLOPS, row.flops, [each.flops for each in table.rows]),
        ):
            length = BAR * value / (max(values) or 1)
            axes.add_patch(
                Rectangle((right - NUMBER - length, y - 0.3), length, 0.6, color="#b9d3e8", linewidth=0)
            )
        _write(axes, y, (_cut(row.text), _shapes(row), f"{row.parameters:,}", f"{row.flops:,}"))
    axes.axhline(0.5, color=INK, linewidth=0.7)
    _write(axes, 0, ("together", "", f"{table.parameters:,}", f"{table.flops:,}"), "bold")


def _write(axes: Axes, y: float, words: Sequence[str], weight: str = "normal") -> None:
    for x, text, align in zip(
        (LAYER, SHAPE, PARAMETERS, FLOPS), words, ("left", "left", "right", "right"), strict=True
    ):
        axes.text(x, y, text, ha=align, va="center", fontsize=8.5, fontweight=weight, parse_math=False)


def _shapes(row: LayerRow) -> str:
    behind = f"{row.output.channels} classes" if row.kind == "head" else _shape(row.output)
    return f"{_shape(row.inputs)} → {behind}"


def _shape(shape: Shape) -> str:
    return "×".join(map(str, shape))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
