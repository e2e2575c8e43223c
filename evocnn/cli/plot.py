"""Drawing a run from the command line: its front, or what else there is to see of the search."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evocnn.cli.show import TRUST_RUN, open_reranked
from evocnn.config.user_code import refusing_code
from evocnn.errors import ExperimentError, GeneError, did_you_mean
from evocnn.report.picture import check_ending, write_picture
from evocnn.runs import Run
from evocnn.runs.pick import pick
from evocnn.store import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evocnn.report.layer_table import LayerTable

OF_A_NETWORK = ("front", "genealogy", "architecture")  # which --pick chooses; the front only marks it
OF_THE_SEARCH = ("hypervolume", "alleles", "diversity", "operators", "outcomes", "time")
TOPICS = (*OF_A_NETWORK, *OF_THE_SEARCH)


def plot_run(
    folder: Path,
    settings: Sequence[str],
    wanted: str | None,
    what: str,
    out: Path | None,
    *,
    is_trusted: bool = False,
) -> None:
    """Draw one topic of a run under changed objectives.

    Args:
        folder: The run folder.
        settings: Changes of objectives.
        wanted: The network that is drawn, the knee where it is not given; the front marks it.
        what: One of `TOPICS`.
        out: The file; `WHAT.png` in the run folder where it is not given.
        is_trusted: Whether code that the run names may be imported.

    Raises:
        ExperimentError: There is no such topic or network, the topic has none to pick, the ending of the
            file is unknown, or the network has genes of the user's own, whose code may not be imported.
    """
    if what not in TOPICS:
        hint = did_you_mean(what, TOPICS) or "; give one of them"
        message = f"--what must be one of {', '.join(TOPICS)}, but it was '{what}'{hint}"
        raise ExperimentError(message)
    if wanted is not None and what not in OF_A_NETWORK:
        message = (
            f"--pick must go with --what {', '.join(OF_A_NETWORK)}, but it was with '{what}', which is of "
            "the whole search; leave it out"
        )
        raise ExperimentError(message)
    out = out or folder / f"{what}.png"
    check_ending(out)
    run = open_reranked(folder, settings, as_json=False)
    record = None if wanted is None else pick(run, wanted)
    with refusing_code(TRUST_RUN, unless=is_trusted):
        figure = _figure(run, record, what)
    write_picture(figure, out)
    typer.echo(f"wrote {out}")


def _figure(run: Run, record: Record | None, what: str) -> "Figure":
    """Return the picture of a topic; of a network that is not given, the knee's."""
    if what == "front":
        from evocnn.report.front_plot import front_figure

        return front_figure(run, record)
    if what in OF_THE_SEARCH:
        return _search_figure(run, what)
    record = pick(run, "knee") if record is None else record
    if what == "genealogy":
        from evocnn.report.history.genealogy import family_of
        from evocnn.report.history.genealogy_plot import family_figure

        return family_figure(family_of(run, record))
    from evocnn.report.architecture_plot import architecture_figure

    return architecture_figure(_layers(run, record), f"{run.name}, ticket {record.ticket}")


def _search_figure(run: Run, what: str) -> "Figure":
    from evocnn.report.history import alleles, diversity, hypervolume, operator_credit, outcomes, time_use
    from evocnn.report.history.alleles_plot import alleles_figure
    from evocnn.report.history.diversity_plot import diversity_figure
    from evocnn.report.history.hypervolume_plot import hypervolume_figure
    from evocnn.report.history.operator_credit_plot import operator_credit_figure
    from evocnn.report.history.outcomes_plot import outcomes_figure
    from evocnn.report.history.time_use_plot import time_use_figure

    match what:
        case "hypervolume":
            return hypervolume_figure(hypervolume.hypervolume_of(run))
        case "alleles":
            return alleles_figure(alleles.alleles_of(run))
        case "diversity":
            return diversity_figure(diversity.diversity_of(run))
        case "operators":
            return operator_credit_figure(operator_credit.operator_credit(run))
        case "outcomes":
            return outcomes_figure(outcomes.outcomes_of(run))
    return time_use_figure(time_use.time_use_of(run))


def _layers(run: Run, record: Record) -> "LayerTable":
    """Return a network layer by layer; only where it has genes of the user's own, their code is imported."""
    from evocnn.config.parts import space_of
    from evocnn.report.layer_table import layers_of

    try:
        return layers_of(run, record)
    except GeneError:
        data = run.manifest["data"]
        space = space_of(run.experiment, tuple(data["shape"]), len(data["class_names"]))
        return layers_of(run, record, space.genes)
