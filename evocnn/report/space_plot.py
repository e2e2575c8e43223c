"""A search space as a picture: some of its networks, and how the sizes of many spread."""

from math import inf
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from evocnn.genotype import SearchSpace
from evocnn.report.architecture import draw_architecture, gene_styles
from evocnn.report.colours import BLUE, GREY, INK, ORANGE
from evocnn.report.picture import write_picture
from evocnn.report.space import QUANTILES, Sample, sizes_of

SHALLOW = 7  # layers: networks as deep as this are drawn two to a row
HISTOGRAMS = ("layers", "parameters", "FLOPs")
N_BINS = 30


def plot_samples(name: str, space: SearchSpace, samples: list[Sample], path: Path) -> None:
    """Draw networks from the smallest to the largest, and histograms of all samples' sizes.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    chosen = chosen_samples(samples)
    deepest = max(len(sample.chromosome.layers) for sample in chosen.values())
    n_columns = 2 if deepest <= SHALLOW else 1
    n_rows = -(-len(chosen) // n_columns)
    figure = Figure(figsize=(14, 2.3 * n_rows + 3), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(2.3 * n_rows, 3))
    drawings, histograms = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    places = drawings.add_gridspec(n_rows, n_columns, left=0.02, right=0.98, wspace=0.02)
    styles = gene_styles(gene.name() for gene in space.genes)
    for index, (title, sample) in enumerate(chosen.items()):
        axes = drawings.add_subplot(places[index // n_columns, index % n_columns])
        draw_architecture(
            axes, sample.chromosome, space.input_shape, space.n_classes, styles=styles, title=title
        )
    entries = [
        Patch(facecolor=style.colour, hatch=style.hatch, edgecolor=INK, linewidth=0.7, label=gene)
        for gene, style in styles.items()
        if any(gene == own.name() for own in space.genes)
    ]
    legend = drawings.legend(handles=entries, loc="outside lower center", ncols=9, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
    sizes, limits = sizes_of(samples), space.limits
    bounds = {"layers": limits.depth, "parameters": limits.parameters, "FLOPs": limits.flops}
    for axes, title in zip(histograms.subplots(1, len(HISTOGRAMS)), HISTOGRAMS, strict=True):
        _draw_histogram(axes, title, sizes[title], bounds[title])
    title = f"{name}: {len(samples):,} samples, some drawn by their number of parameters"
    figure.suptitle(title, parse_math=False)
    write_picture(figure, path)


def chosen_samples(samples: list[Sample]) -> dict[str, Sample]:
    """Return the samples to draw by title: at the quantiles of the number of parameters, and the deepest."""
    ranked = sorted(samples, key=lambda sample: (sample.counts.parameters, sample.counts.flops))
    titles = [*QUANTILES, "deepest"]
    deepest = max(ranked, key=lambda sample: len(sample.chromosome.layers))
    picked = [ranked[round(share * (len(ranked) - 1))] for share in QUANTILES.values()]
    distinct = {
        sample.chromosome.key: title for title, sample in zip(titles, [*picked, deepest], strict=True)
    }
    return {
        title: sample
        for title, sample in zip(titles, [*picked, deepest], strict=True)
        if distinct[sample.chromosome.key] == title
    }


def _draw_histogram(axes: Axes, title: str, values: list[int], limit: float) -> None:
    """Draw how often each size occurs: each depth by itself, other sizes on a log scale."""
    if title == "layers":
        edges = [depth - 0.5 for depth in range(min(values), max(values) + 2)]
        axes.hist(values, bins=edges, color=BLUE, rwidth=0.9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        edges = np.geomspace(min(values) / 1.05, max(values) * 1.05, N_BINS + 1).tolist()
        axes.hist(values, bins=edges, color=BLUE)
        axes.set_xscale("log")
    if limit < inf:
        axes.axvline(limit, color=ORANGE, linestyle="--")
        axes.set_title(f"limit {limit:,.0f}", color=ORANGE, fontsize=9, loc="right")
    axes.set_xlabel(title)
    axes.set_ylabel("samples")
    axes.grid(alpha=0.25, color=GREY)
