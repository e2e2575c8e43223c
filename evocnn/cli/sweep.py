"""The sweep of one gene from the command line: run it or go on with one, show it, draw it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from evocnn.cli.search import end_if_interrupted, resumed, searched
from evocnn.cli.source import source_of
from evocnn.config import Experiment
from evocnn.errors import ExperimentError
from evocnn.report.picture import check_ending
from evocnn.report.sweep import plot_sweep, sweep_of, sweep_table
from evocnn.report.wording import command
from evocnn.runs import Workers, open_run

SEEDS = 3  # trainings of each value, where nobody says how many


def run_sweep(
    source: Path,
    options: dict[str, Any],
    settings: Sequence[str],
    workers: Workers,
    *,
    wanted: str | None,
    data: Path | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Sweep a gene, or go on with the sweep in a run folder, and show what it found.

    Args:
        source: An experiment file, or a run, whose experiment is taken; where no gene is given, the run
            folder of a sweep.
        options: `gene`, `values`, `seeds` and `chromosome`; those not given are None.
        settings: Changes to the experiment.
        workers: Where candidates train.
        wanted: What to pick of the run, as the network that is varied.
        data: Images in place of the experiment's own.
        out: The run folder; `runs/NAME-GENE` where it is not given.
        plot: The picture's file.

    Raises:
        ExperimentError: Gene or values are missing, the folder holds no sweep, or it is to go on otherwise
            than it began.
    """
    if plot is not None:
        check_ending(plot)
    is_new = any(given is not None for given in (wanted, *map(options.get, ("gene", "values", "chromosome"))))
    if source.is_dir() and not is_new:
        _check_goes_on({"--seeds": options["seeds"], "--set": settings, "--out": out})
        sweep_of(open_run(source))  # another kind of search must not go on
        found = resumed(source, workers, data)
    else:
        given = source_of(source, settings, options["chromosome"], wanted, data)
        experiment = sweep_experiment(given.experiment, {**options, "chromosome": given.chromosome})
        folder = out or Path("runs") / f"{experiment.name}-{options['gene']}"
        found = searched(experiment, folder, workers, given.data)
    sweep = sweep_of(found)
    sweep_table(sweep)
    if plot is not None:
        plot_sweep(sweep, plot)
        typer.echo(f"wrote {plot}")
    end_if_interrupted(found)
    typer.echo(f"see it again: {command('sweep', found.folder)}")


def _check_goes_on(options: Mapping[str, object]) -> None:
    """Raise where an option is given that only a new sweep can heed.

    Raises:
        ExperimentError: One is.
    """
    given = [name for name, value in options.items() if value]
    if given:
        message = (
            f"a sweep that goes on must stay as it was, but {' and '.join(given)} would change it; leave "
            "that out, or begin another with --gene and --values"
        )
        raise ExperimentError(message)


def sweep_experiment(experiment: Experiment, options: dict[str, Any]) -> Experiment:
    """Return the experiment of a sweep: that of a file, with a sweep in place of its search.

    Raises:
        ExperimentError: Gene or values are missing.
    """
    missing = [f"--{name}" for name in ("gene", "values") if options[name] is None]
    if missing:
        message = (
            f"a sweep must be given {' and '.join(missing)}, but it was not; for example --gene "
            "recipe.batch_size --values 32,64,128"
        )
        raise ExperimentError(message)
    values = parsed_values(options["values"])
    seeds = SEEDS if options["seeds"] is None else options["seeds"]
    given = {name: value for name, value in options.items() if value is not None}
    search = {
        "algorithm": {"use": "gene-sweep", **given, "values": values, "seeds": seeds},
        "budget": len(values) * seeds,
        "window": experiment.search.window,
    }
    return Experiment.from_dict({**experiment.tables, "search": search}, folder=experiment.folder)


def parsed_values(text: str) -> list[Any]:
    """Return the values of a list such as `32,64`, `sgd,adam`, or `;64;64,32`, of lists of numbers."""
    if ";" in text:
        return [[_number(part) for part in item.split(",") if part] for item in text.split(";")]
    return [_number(item.strip()) for item in text.split(",")]


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
