"""A sentence in place of a picture, where there is nothing to draw yet."""

from matplotlib.figure import Figure


def sentence_figure(words: str) -> Figure:
    """Return a flat figure with a sentence in it."""
    figure = Figure(figsize=(9, 1), layout="constrained")
    figure.text(0.5, 0.5, words, ha="center", va="center", parse_math=False)
    return figure
