"""The credit of operators as a picture: shares of their offspring with intervals, a row an operator."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evocnn.report.colours import BLUE, GREY
from evocnn.report.history.operator_credit import DRAWN, Credit, OperatorCredit, Share
from evocnn.report.picture import sentence_figure

MOST = 24  # operators; of more, those with the fewest offspring are left out
PANELS: tuple[tuple[str, Callable[[Credit], Share]], ...] = (
    ("trained in full", lambda credit: credit.full),
    ("came to the front", lambda credit: credit.front),
)


def operator_credit_figure(credit: OperatorCredit) -> Figure:
    """Return for each operator which shares of its offspring were trained in full and came to the front."""
    shown = credit.rows[:MOST]
    if not shown:
        return sentence_figure("no candidate was asked for yet")
    figure = Figure(figsize=(9, 1.3 + 0.27 * max(len(shown), 3)), layout="constrained")
    places = range(len(shown), 0, -1)
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (words, share_of) in zip(panels, PANELS, strict=True):
        _draw_panel(axes, places, shown, share_of)
        axes.set_title(words, fontsize=10)
        axes.set_xlabel("share of the offspring")
    labels = [f"{each.name.replace('_', ' ')}  (n = {each.n_offspring:,})" for each in shown]
    panels[0].set_yticks(list(places), labels, fontsize=9, parse_math=False)
    n_left_out = len(credit.rows) - len(shown)
    if n_left_out:
        figure.supxlabel(f"{n_left_out} operators with fewer offspring are left out", fontsize=8.5)
    return figure


def _draw_panel(
    axes: Axes, places: Sequence[int], shown: Sequence[Credit], share_of: Callable[[Credit], Share]
) -> None:
    for place, each in zip(places, shown, strict=True):
        share, colour = share_of(each), GREY if each.name == DRAWN else BLUE
        axes.plot([share.low, share.high], [place, place], color=colour, linewidth=1.6, alpha=0.7)
        axes.plot(share.share, place, "o", color=colour, markersize=5, clip_on=False)
    axes.set_xlim(0, max(share_of(each).high for each in shown) * 1.03)
    axes.set_ylim(0.4, len(shown) + 0.6)
    axes.grid(alpha=0.25, axis="x")
