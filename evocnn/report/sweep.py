"""A sweep of one gene as a table and as a picture: figures at each value, with their spread over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.errors import ExperimentError
from evocnn.evaluation import Status
from evocnn.report.colours import BLUE, GREY
from evocnn.report.picture import write_picture
from evocnn.runs import Run
from evocnn.store import Record

FIGURES = {
    "validation_accuracy": ("validation accuracy", ".4f"),
    "generalization_gap": ("gap", ".4f"),
    "seconds": ("seconds, median", ".1f"),  # the first training of a worker has its warm-up in it
    "parameters": ("parameters", ",.0f"),
}
ENOUGH_SEEDS = 3
LOG_FROM = 8  # greatest by least value, above which the axis of values is logarithmic


@dataclass(frozen=True)
class Point:
    """What was found at one value.

    Attributes:
        value: The value.
        text: The network; empty where nothing was trained yet.
        found: For each of the figures and for `flops`, what each training gave that did not fail.
        n_failed: Trainings that failed.
    """

    value: Any
    text: str
    found: dict[str, tuple[float, ...]]
    n_failed: int

    @property
    def n(self) -> int:
        """Trainings that did not fail."""
        return len(self.found["seconds"])


@dataclass(frozen=True)
class Sweep:
    """A sweep of one gene.

    Attributes:
        name: The experiment's name.
        gene: The gene's path.
        n_seeds: Trainings that were asked of each value.
        points: What was found, value by value, as they were given.
    """

    name: str
    gene: str
    n_seeds: int
    points: tuple[Point, ...]


def sweep_of(run: Run) -> Sweep:
    """Return the sweep of a run, as far as it came.

    Raises:
        ExperimentError: The run is another kind of search.
    """
    options = run.manifest["experiment"].get("search", {}).get("algorithm")
    if not isinstance(options, dict) or options.get("use") != "gene-sweep":
        message = (
            f"'{run.folder}' must be the run folder of a sweep, but its algorithm was {options!r}; give one "
            "that evocnn sweep wrote"
        )
        raise ExperimentError(message)
    values = options["values"]
    points = [
        _point(value, [record for record in run.records if record.ticket % len(values) == number])
        for number, value in enumerate(values)
    ]
    return Sweep(run.name, options["gene"], options.get("seeds", 3), tuple(points))


def sweep_table(sweep: Sweep) -> None:
    """Print mean and standard deviation of each figure at each value; of seconds median and range."""
    console = Console(emoji=False)
    n_done, n_all = sum(point.n for point in sweep.points), sweep.n_seeds * len(sweep.points)
    lines = [
        f"{sweep.name}: sweep of {sweep.gene}; {n_done} of {n_all} trainings, {sweep.n_seeds} seeds a value",
        "mean ± standard deviation over seeds; differences of about as much may be chance",
        "seconds: median and range, for the first training of a worker has its warm-up in it"
        + (f", which needs {ENOUGH_SEEDS} seeds to stay out of the median" * (sweep.n_seeds < ENOUGH_SEEDS)),
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(sweep.gene.rpartition(".")[2], justify="right")
    for title in ("n", *(title for title, _ in FIGURES.values())):
        table.add_column(title.replace(" ", "\n"), justify="right")
    for point in sweep.points:
        figures = [_written(name, point.found[name]) for name in FIGURES]
        failed = f" ({point.n_failed} failed)" if point.n_failed else ""
        table.add_row(Text(_label(point.value)), f"{point.n}{failed}", *figures)
    console.print(table)
    first = next((point for point in sweep.points if point.text), None)
    if first:
        console.print(f"at {_label(first.value)}: {first.text}", highlight=False, markup=False)


def plot_sweep(sweep: Sweep, path: Path) -> None:
    """Draw each figure over the values: a dot a training, mean with standard deviation, median with range.

    Raises:
        ExperimentError: The file's ending names no format, or it cannot be written.
    """
    figure = Figure(figsize=(9, 6), layout="constrained")
    values = [point.value for point in sweep.points]
    are_numbers = all(isinstance(value, int | float) for value in values)
    places = values if are_numbers else list(range(len(values)))
    for axes, (name, (title, _)) in zip(figure.subplots(2, 2).flat, FIGURES.items(), strict=True):
        _draw(axes, name, places, [point.found[name] for point in sweep.points], is_line=are_numbers)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(sweep.gene)
        if are_numbers and min(values) > 0 and max(values) >= LOG_FROM * min(values):
            axes.set_xscale("log")
        axes.set_xticks(places, [_label(value) for value in values], parse_math=False)
        axes.minorticks_off()
        axes.grid(alpha=0.25, color=GREY)
    figure.suptitle(
        f"{sweep.name}: {sweep.gene}, {sweep.n_seeds} seeds a value; a dot a training, bars ± one standard "
        "deviation, of seconds their range",
        fontsize=11,
        parse_math=False,
    )
    write_picture(figure, path)


def _point(value: Any, records: Sequence[Record]) -> Point:
    ok = [record for record in records if record.evaluation.status is Status.OK]
    found = {
        name: tuple(record.evaluation.seconds if name == "seconds" else record.metrics[name] for record in ok)
        for name in (*FIGURES, "flops")
    }
    return Point(value, records[0].text if records else "", found, len(records) - len(ok))


def _draw(
    axes: Axes, name: str, places: Sequence[float], found: Sequence[tuple[float, ...]], *, is_line: bool
) -> None:
    """Draw a dot a training, and what is typical with its spread where there is anything."""
    known = sorted((place, own) for place, own in zip(places, found, strict=True) if own)
    for place, own in known:
        axes.plot([place] * len(own), own, "o", color=GREY, markersize=4)
    middles = [_typical(name, own) for _, own in known]
    axes.errorbar(
        [place for place, _ in known],
        [middle for middle, _, _ in middles],
        yerr=[[middle - low for middle, low, _ in middles], [high - middle for middle, _, high in middles]],
        color=BLUE,
        marker="o",
        linestyle="-" if is_line else "",
        capsize=4,
    )


def _typical(name: str, found: Sequence[float]) -> tuple[float, float, float]:
    """Return mean and one standard deviation to either side; of seconds median, least and most."""
    if name == "seconds":
        return median(found), min(found), max(found)
    mean, spread = fmean(found), stdev(found) if len(found) > 1 else 0.0
    return mean, mean - spread, mean + spread


def _written(name: str, found: Sequence[float]) -> str:
    """Return what is typical and its spread; the number alone where all are one."""
    if not found:
        return "-"
    form = FIGURES[name][1]
    middle, low, high = _typical(name, found)
    if len(found) == 1 or name == "parameters":
        return f"{middle:{form}}"
    if name == "seconds":
        return f"{middle:{form}} [{low:{form}}, {high:{form}}]"
    return f"{middle:{form}} ± {high - middle:{form}}"


def _label(value: Any) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
