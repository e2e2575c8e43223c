"""One network of the front as the page shows it: what it is made of, what it reached, where it comes from."""

from dataclasses import dataclass

from evocnn.errors import ExperimentError, GeneError
from evocnn.report.history.genealogy import Family, family_of
from evocnn.report.layer_table import LayerTable, layers_of
from evocnn.report.network import segments
from evocnn.report.page.curves import Panel, curve_panels
from evocnn.report.page.trained import Trained
from evocnn.report.wording import command, label, metric_text
from evocnn.runs import Run
from evocnn.store import Record

FEW, MANY = 8, 30  # relatives shown of a member, and of the recommended one


@dataclass(frozen=True)
class Measured:
    """One metric of a network.

    Attributes:
        name: The metric's, as people write it.
        value: The value, with the standard deviation over trainings where there are several.
        is_wanted: Whether it is one of the objectives.
    """

    name: str
    value: str
    is_wanted: bool


@dataclass(frozen=True)
class Member:
    """A network of the front.

    Attributes:
        ticket: Its ticket, by which every command knows it.
        is_knee: Whether it is the recommended one.
        segments: Its text form, in named parts: layers, head, recipe.
        n_trainings: How many trainings the figures are means of.
        figures: Everything that was measured.
        layers: Its layers with shapes and counts; None where they cannot be told without the user's code.
        panels: Its learning curves.
        family: Its ancestors.
        models: What was made of it after the search.
        commands: How to go on with it.
    """

    ticket: int
    is_knee: bool
    segments: tuple[tuple[str, str], ...]
    n_trainings: int
    figures: tuple[Measured, ...]
    layers: LayerTable | None
    panels: tuple[Panel, ...]
    family: Family
    models: tuple[Trained, ...]
    commands: tuple[tuple[str, str], ...]


def member_of(run: Run, record: Record, trained: tuple[Trained, ...] = ()) -> Member:
    """Return what the page shows of a network.

    Args:
        run: The run.
        record: The network, with the means of its trainings as metrics where there are several.
        trained: Models of the run.
    """
    is_knee = run.front.knee is not None and record.ticket == run.front.knee.ticket
    repeats = run.front.repeats.get(record.ticket)
    return Member(
        ticket=record.ticket,
        is_knee=is_knee,
        segments=segments(record.text),
        n_trainings=1 if repeats is None else len(repeats.tickets),
        figures=_figures(run, record),
        layers=_layers(run, record),
        panels=curve_panels(run, record),
        family=family_of(run, record, MANY if is_knee else FEW),
        models=tuple(model for model in trained if model.ticket == record.ticket),
        commands=_commands(run, record),
    )


def _layers(run: Run, record: Record) -> LayerTable | None:
    try:
        return layers_of(run, record)
    except (ExperimentError, GeneError):  # no network on images, or genes of the user's own
        return None


def _figures(run: Run, record: Record) -> tuple[Measured, ...]:
    repeats = run.front.repeats.get(record.ticket)
    spread = {} if repeats is None else repeats.spread
    wanted = [objective.name for objective in run.objectives.items]
    names = [*wanted, *(name for name in record.metrics if name not in wanted)]
    return tuple(
        Measured(
            label(name),
            metric_text(name, record.metrics[name]) + (f" ± {spread[name]:.2g}" if spread.get(name) else ""),
            name in wanted,
        )
        for name in names
    )


def _commands(run: Run, record: Record) -> tuple[tuple[str, str], ...]:
    pick = ("--pick", str(record.ticket))
    shown = [("Show it in the terminal", command("show", run.folder, *pick))]
    if "data" in run.manifest:
        shown = [
            ("Train it in full, then test it once", command("train", run.folder, *pick)),
            *shown,
            (
                "Draw it for a paper",
                command("plot", run.folder, "--what", "architecture", *pick, "--out", "network.svg"),
            ),
        ]
    return tuple(shown)
