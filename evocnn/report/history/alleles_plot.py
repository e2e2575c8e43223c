"""The shares of alleles over a search as a picture: a row a gene, left those asked, right the front."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from evocnn.report.colours import MUTED
from evocnn.report.history.alleles import AlleleShares, GeneShares, Shares
from evocnn.report.picture import sentence_figure


def alleles_figure(shares: AlleleShares, most: int = 8) -> Figure:
    """Return stacked shares of the genes with most movement.

    Args:
        shares: From `alleles_of`.
        most: Genes at the most; the picture says how many are left out.
    """
    shown = shares.genes[:most]
    if not shown:
        return sentence_figure("no gene has taken more than one allele yet")
    has_front = any(window is not None for gene in shown for window in gene.front)
    n_columns = 2 if has_front else 1
    figure = Figure(figsize=(9, 1.55 * len(shown) + 0.9), layout="constrained")
    rows = figure.subplots(len(shown), n_columns, sharex=True, sharey=True, squeeze=False)
    edges = [shares.tickets[0][0], *(last + 1 for _, last in shares.tickets)]
    for panels, gene in zip(rows, shown, strict=True):
        left, right = panels[0], panels[-1]
        colours = _colours(gene)
        for axes, windows in zip(panels, (gene.asked, gene.front), strict=False):
            _draw_shares(axes, edges, windows, colours)
        left.set_title(gene.name, loc="left", fontsize=10, fontweight="bold", parse_math=False)
        handles = [
            Patch(facecolor=colour, label=allele)
            for allele, colour in zip(gene.alleles, colours, strict=True)
        ]
        legend = right.legend(
            handles=handles[::-1],  # as they are stacked
            loc="center left",
            bbox_to_anchor=(1.01, 0.5),
            frameon=False,
            fontsize=7.5,
            handlelength=1.1,
            labelspacing=0.25,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
        for axes, what in zip(panels, ("share of those asked", "share on the front"), strict=False):
            axes.set_title(what if gene is shown[0] else "", loc="right", fontsize=10)
    for axes in rows[-1]:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("ticket")
    n_left_out = len(shares.genes) - len(shown)
    if n_left_out:
        figure.supxlabel(f"{n_left_out} genes with less movement are left out", fontsize=8.5)
    return figure


def _draw_shares(
    axes: Axes, edges: Sequence[int], windows: Sequence[Shares | None], colours: Sequence[str]
) -> None:
    """Stack the shares of each window; a window without any stays empty."""
    base = np.zeros(len(windows))
    for index, colour in enumerate(colours):
        heights = np.array([0.0 if window is None else window[index] for window in windows])
        axes.stairs(base + heights, edges, baseline=base, fill=True, color=colour, linewidth=0)
        base = base + heights
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.tick_params(labelsize=8)


def _colours(gene: GeneShares) -> list[str]:
    """Return a colour for each allele: dark to bright for numbers, clearly unlike for words."""
    n = len(gene.alleles)
    if not gene.is_ordered:
        return [MUTED[index % len(MUTED)] for index in range(n)]
    return [mpl.colors.to_hex(mpl.colormaps["viridis"](value)) for value in np.linspace(0.05, 0.95, n)]
