"""The diversity of a search as a picture: how far candidates lay apart, and how many were distinct."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evocnn.report.colours import BLUE, GREY
from evocnn.report.history.diversity import Diversity
from evocnn.report.picture import sentence_figure


def diversity_figure(diversity: Diversity) -> Figure:
    """Return two panels along the tickets: mean edit distance, and distinct architectures."""
    if not diversity.tickets:
        return sentence_figure("no candidate was asked for yet")
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    marker = "o" if len(diversity.tickets) < 3 else ""
    distances = np.array(diversity.distances, dtype=float)  # None becomes nan, a gap
    left.plot(diversity.tickets, distances, marker=marker, color=BLUE)
    left.set_xlim(0, max(1, diversity.tickets[-1]) * 1.02)
    left.set_ylim(0, 1)
    left.set_xlabel("ticket")
    left.set_ylabel("mean edit distance of candidates")
    left.set_title(f"candidates in a window: {diversity.window}", fontsize=10)
    asked = [0, *diversity.n_asked]
    right.plot(asked, [0, *diversity.n_distinct], marker=marker, color=BLUE, label="distinct architectures")
    right.plot(asked, asked, "--", color=GREY, label="if each were new")
    right.set_xlim(0, max(1, *asked) * 1.02)
    right.set_ylim(0, max(1, *asked) * 1.05)
    right.set_xlabel("candidates asked")
    right.set_ylabel("distinct architectures")
    right.legend(frameon=False, loc="upper left")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    return figure
