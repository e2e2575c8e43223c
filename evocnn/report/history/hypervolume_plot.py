"""The rise of a run's hypervolume as a picture: a panel each for evaluations, epochs and seconds."""

from matplotlib.figure import Figure

from evocnn.report.colours import BLUE
from evocnn.report.history.hypervolume import COSTS, HypervolumeRise
from evocnn.report.picture import sentence_figure, title_lines


def hypervolume_figure(rise: HypervolumeRise) -> Figure:
    """Return the hypervolume along evaluations, epochs and seconds, the reference point beneath."""
    top = max(max(each.values) for each in rise.axes.values())
    if not top:
        return sentence_figure("no network was on the front, so there is no hypervolume yet")
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = figure.subplots(1, len(COSTS), sharey=True)
    for axes, (by, words) in zip(panels, COSTS.items(), strict=True):
        costs, values = rise.axes[by].costs, rise.axes[by].values
        axes.plot(costs, values, color=BLUE, drawstyle="steps-post")
        axes.plot(costs[-1:], values[-1:], "o", color=BLUE, markersize=5, clip_on=False)
        axes.set_xlim(0, costs[-1] or 1)
        axes.set_ylim(0, 1.06 * top)
        axes.set_xlabel(words)
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("hypervolume")
    title = f"hypervolume up to the reference point {rise.reference}"
    figure.suptitle(title_lines(title, figure.get_figwidth()), parse_math=False, fontsize=10)
    return figure
