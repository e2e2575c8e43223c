"""`evocnn`: the commands and their options.

Exit codes: 0 done, 1 a run cannot be read, written or continued, 2 a mistake in the experiment,
the options or the data, 75 another process works on the run, 130 interrupted.
"""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from evocnn.errors import DataError, EvocnnError, ExperimentError, GeneError, RunLockedError, SpaceError

EXIT_FAILED = 1
EXIT_MISTAKE = 2
EXIT_LOCKED = 75
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Evolve convolutional networks for your images and show the Pareto front.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the file, e.g. search.population=40."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/digits.")]
WorkerCount = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Ray workers; 0: in this process, without Ray. Default: one a GPU, or a core.",
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option("--gpus-per-worker", min=0.0, help="Share of a GPU for each worker; 0: cores only."),
]
Address = Annotated[
    str | None, typer.Option("--ray-address", help="A running Ray cluster; default: a local one.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Images in place of the file's: a folder or an .npz file."),
]
BudgetText = Annotated[
    str | None, typer.Option("--budget", help="200 (full trainings), '500 epochs', or 90s, 10m, 2h.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"evocnn {version('evocnn')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Evolve convolutional networks for your images and show the Pareto front."""


@app.command()
def run(
    experiment: ExperimentFile,
    *,
    settings: Settings = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed in place of the file's.")] = None,
    workers: WorkerCount = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; default: runs/NAME.")] = None,
    budget: BudgetText = None,
    gpus_per_worker: Gpus = None,
    ray_address: Address = None,
) -> None:
    """Run an experiment.

    Example: evocnn run experiments/digits/experiment.toml --workers 2 --budget 5m
    """
    from evocnn.cli.search import run_search

    changes = [*(settings or [])]
    changes += [] if seed is None else [f"seed={seed}"]
    changes += [] if budget is None else [f"search.budget='{budget}'"]
    from evocnn.config import load_experiment

    loaded = load_experiment(experiment, changes)
    run_search(
        loaded, out or Path("runs") / loaded.name, _workers(workers, gpus_per_worker, ray_address), data
    )


@app.command()
def space(
    experiment: ExperimentFile,
    *,
    settings: Settings = None,
    data: Data = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Networks to draw.")] = 1000,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Draw some networks and all sizes into this .png, .svg or .pdf file."),
    ] = None,
) -> None:
    """Show the search space of an experiment: alleles, limits, number and sizes of its networks.

    Example: evocnn space experiments/digits/experiment.toml --out space.png
    """
    from evocnn.cli.space import show_space
    from evocnn.config import load_experiment

    show_space(load_experiment(experiment, settings or []), data, samples, out)


@app.command()
def data(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A name such as cifar-10, a path, module:function, or an experiment file."
        ),
    ],
    *,
    path: Annotated[
        Path | None, typer.Option("--data", "--path", help="Where the images lie, instead of a download.")
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="64|48x64", help="Height and width of the images.")
    ] = None,
    fit: Annotated[
        str | None, typer.Option("--fit", help="How others are brought to it: crop, resize or pad.")
    ] = None,
    channels: Annotated[str | None, typer.Option("--channels", help="auto, grey or rgb.")] = None,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Draw examples of each class into this .png, .svg or .pdf file."),
    ] = None,
) -> None:
    """Show data: shapes, classes, counts, statistics, duplicates, and what was left out.

    Example: evocnn data photos/ --size 64 --out sheet.png
    """
    from evocnn.cli.data import Asked, show_data

    show_data(Asked(source, path, size, fit, channels, settings or []), out)


@app.command("lr-range")
def learning_rate_range(
    experiment: ExperimentFile,
    *,
    chromosome: Annotated[
        str | None,
        typer.Option(
            "--chromosome",
            metavar="TEXT",
            help="A network, such as 'conv16k3 > pool | gap | sgd lr=.1'; default: five founders, with each "
            "optimizer of the space.",
        ),
    ] = None,
    settings: Settings = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A .png, .svg or .pdf file; default: runs/NAME-lr-range.png."),
    ] = None,
) -> None:
    """Test which learning rates train networks of an experiment, draw it, and give bounds for the allele.

    Example: evocnn lr-range my.toml --chromosome 'conv16k3 > pool | gap | adamw lr=.01'
    """
    from evocnn.cli.learning_rate import show_learning_rates
    from evocnn.config import load_experiment

    loaded = load_experiment(experiment, settings or [])
    show_learning_rates(loaded, chromosome, data, out or Path("runs") / f"{loaded.name}-lr-range.png")


@app.command()
def resume(
    folder: RunFolder,
    *,
    workers: WorkerCount = None,
    data: Data = None,
    budget: BudgetText = None,
    gpus_per_worker: Gpus = None,
    ray_address: Address = None,
) -> None:
    """Go on with a run that was interrupted, or give a finished one a larger budget.

    Example: evocnn resume runs/digits --budget 200
    """
    from evocnn.cli.search import resume_search

    resume_search(folder, _workers(workers, gpus_per_worker, ray_address), data, budget)


@app.command()
def show(
    folder: RunFolder, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show the Pareto front of a run, also while it is running.

    Example: evocnn show runs/digits --json
    """
    from evocnn.report.table import front_json, front_table
    from evocnn.runs import open_run

    found = open_run(folder)
    if json:
        typer.echo(front_json(found))
    else:
        front_table(found)


@app.command()
def plot(
    folder: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A .png, .svg or .pdf file; default: front.png in the run folder."),
    ] = None,
) -> None:
    """Draw the Pareto front of a run, with every candidate behind it.

    Example: evocnn plot runs/digits --out front.svg
    """
    from evocnn.report.plot import plot_front
    from evocnn.runs import open_run

    target = out or folder / "front.png"
    plot_front(open_run(folder), target)
    typer.echo(f"wrote {target}")


def _workers(count: int | None, gpus_per_worker: float | None, address: str | None) -> Any:
    from evocnn.runs import Workers

    return Workers(count, gpus_per_worker, address)


def main() -> None:
    """Run the command line; mistakes end in one line and an exit code, never in a traceback."""
    warnings.showwarning = lambda message, *_: typer.echo(f"note: {message}", err=True)
    try:
        app()
    except EvocnnError as error:
        typer.echo(f"error: {error}", err=True)
        is_mistake = isinstance(error, ExperimentError | DataError | GeneError | SpaceError)
        code = (
            EXIT_LOCKED if isinstance(error, RunLockedError) else EXIT_MISTAKE if is_mistake else EXIT_FAILED
        )
        sys.exit(code)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
