"""Commands that show what searches found, and compare it."""

from pathlib import Path
from typing import Annotated

import typer

from evocnn.cli.commands.arguments import (
    Address,
    Data,
    Gpus,
    Pick,
    Preferences,
    RunFolder,
    Settings,
    TrustCompared,
    TrustRun,
    WorkerCount,
    workers_of,
)

PANEL = "See what came out"

app = typer.Typer()


@app.command(rich_help_panel=PANEL)
def show(
    folder: RunFolder,
    *,
    pick: Pick = None,
    settings: Preferences = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the Pareto front of a run, also while it is running, or one network of it.

    Example: evocnn show runs/demo --pick "parameters<5000"
    """
    from evocnn.cli.show import show_run

    show_run(folder, settings or [], pick, as_json=json)


@app.command(rich_help_panel=PANEL)
def plot(
    folder: RunFolder,
    *,
    pick: Pick = None,
    settings: Preferences = None,
    what: Annotated[
        str,
        typer.Option(
            "--what",
            metavar="TOPIC",
            help="front, genealogy, architecture, hypervolume, alleles, diversity, operators, outcomes, time",
        ),
    ] = "front",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A .png, .svg or .pdf file; default: TOPIC.png in the run folder."),
    ] = None,
    trust: TrustRun = False,
) -> None:
    """Draw the Pareto front of a run with every candidate behind it, or another picture of the search.

    Example: evocnn plot runs/demo --out front.svg

    Example: evocnn plot runs/demo --what architecture --pick knee --out knee.pdf
    """
    from evocnn.cli.plot import plot_run

    plot_run(folder, settings or [], pick, what, out, is_trusted=trust)


@app.command(rich_help_panel=PANEL)
def report(
    folder: RunFolder,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="An .html file; default: report.html in the run folder.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            metavar="RUN",
            help="A run, or a folder of runs, to compare it with, such as a random search; more than one may "
            "be given.",
        ),
    ] = None,
    trust: TrustCompared = False,
) -> None:
    """Write a run as one page that any browser shows: what was found, the front, its networks, the search.

    Example: evocnn report runs/demo --out digits.html
    """
    from evocnn.cli.report import write_report

    write_report(folder, out or folder / "report.html", against or [], is_trusted=trust)


@app.command(rich_help_panel=PANEL)
def serve(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders, or folders of runs, such as runs."),
    ],
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any that is free.")
    ] = 8765,
) -> None:
    """Show the reports of runs as live pages in a browser on this machine; nothing there can change a run.

    Example: evocnn serve runs/demo runs/control
    """
    from evocnn.cli.serve import serve_runs

    serve_runs(folders, port)


@app.command(rich_help_panel=PANEL)
def importance(folder: RunFolder, *, trust: TrustRun = False) -> None:
    """Show which genes and sizes explain the validation accuracies of a run, and how well they do.

    Example: evocnn importance runs/demo
    """
    from evocnn.cli.show import TRUST_RUN
    from evocnn.config.user_code import refusing_code
    from evocnn.report.importance import importance_of, importance_table
    from evocnn.runs import open_run

    with refusing_code(TRUST_RUN, unless=trust):
        importance_table(importance_of(open_run(folder)))


@app.command(rich_help_panel=PANEL)
def sweep(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="EXPERIMENT.toml|RUN",
            help="The experiment file, or a run, whose own is taken; without --gene, the RUN of a sweep.",
        ),
    ],
    *,
    gene: Annotated[
        str | None,
        typer.Option(
            "--gene",
            metavar="PATH",
            help="recipe.batch_size, head.dropout, layers.0.filters (of a locus), conv.filters (of all of a "
            "type) or training.epochs.",
        ),
    ] = None,
    values: Annotated[
        str | None,
        typer.Option("--values", help="Such as 32,64,128; with ';' between lists: '64;64,32'."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Trainings of each value; default: 3.")
    ] = None,
    chromosome: Annotated[
        str | None,
        typer.Option(
            "--chromosome",
            metavar="TEXT",
            help="The network that is varied; default: a plain one of four 3x3 convolutions.",
        ),
    ] = None,
    pick: Pick = None,
    settings: Settings = None,
    workers: WorkerCount = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder; default: runs/NAME-GENE.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw it into this .png, .svg or .pdf file.")
    ] = None,
    gpus_per_worker: Gpus = None,
    ray_address: Address = None,
) -> None:
    """Vary one gene with all others held, repeated over seeds: effect on accuracy, gap, time and size.

    Example: evocnn sweep experiments/digits/experiment.toml --gene recipe.batch_size --values 32,64,128

    Example: evocnn sweep runs/demo --pick knee --gene recipe.batch_size --values 32,64,128
    """
    from evocnn.cli.sweep import run_sweep

    options = {"gene": gene, "values": values, "seeds": seeds, "chromosome": chromosome}
    crew = workers_of(workers, gpus_per_worker, ray_address)
    run_sweep(source, options, settings or [], crew, wanted=pick, data=data, out=out, plot=plot)


@app.command(rich_help_panel=PANEL)
def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders, or folders of runs: seeds of one arm."),
    ],
    *,
    by: Annotated[
        str, typer.Option("--by", help="Cost at which they are compared: evaluations, epochs or seconds.")
    ] = "evaluations",
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="ARM",
            help="The arm that all others are held against, by its name in the table. Default: the first.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the curves into this .png, .svg or .pdf file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the curves.")] = False,
    trust: TrustCompared = False,
) -> None:
    """Compare runs at equal cost: hypervolume, best accuracy, a rank test, and what may be claimed.

    Example: evocnn compare runs/nsga2 runs/random --by epochs --plot compare.png
    """
    from evocnn.cli.compare import compare_runs

    compare_runs(folders, by, against, plot, as_json=json, is_trusted=trust)


@app.command(rich_help_panel=PANEL)
def reproduce(
    folder: Annotated[
        Path, typer.Argument(metavar="experiments/NAME", help="The folder of a study, or benchmarks/NAME.")
    ],
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes, which show that all works.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the images, or of folders of them by name.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="For figures, tables and pictures; default: in runs/reproduce."),
    ] = None,
) -> None:
    """Run a study or a benchmark again and say, figure by figure, whether it repeated.

    The same command goes on after Ctrl-C. Exit code 0: all figures repeated, 1: not all.

    Example: evocnn reproduce experiments/digits --quick
    """
    from evocnn.cli.reproduce import reproduce_study

    reproduce_study(folder, data, out, is_quick=quick)
