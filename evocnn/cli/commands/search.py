"""Commands that search, and that follow, check and save searches."""

from pathlib import Path
from typing import Annotated

import typer

from evocnn.cli.commands.arguments import (
    Address,
    BudgetText,
    Data,
    ExperimentFile,
    Gpus,
    RunFolder,
    Settings,
    WorkerCount,
    workers_of,
)

PANEL = "Search"

app = typer.Typer()


@app.command(rich_help_panel=PANEL)
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
    from evocnn.config import load_experiment, parse_budget

    if budget is not None:
        parse_budget(budget)  # else it would be told as a mistake of the file
        changes.append(f"search.budget='{budget}'")
    loaded = load_experiment(experiment, changes)
    run_search(
        loaded, out or Path("runs") / loaded.name, workers_of(workers, gpus_per_worker, ray_address), data
    )


@app.command(rich_help_panel=PANEL)
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

    Example: evocnn resume runs/demo --budget 200
    """
    from evocnn.cli.search import resume_search

    resume_search(folder, workers_of(workers, gpus_per_worker, ray_address), data, budget)


@app.command(rich_help_panel=PANEL)
def watch(
    folder: RunFolder,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end.")] = False,
) -> None:
    """Watch a run that another process works on, without touching it; Ctrl-C leaves it alone.

    A run that has ended, or whose process is gone, is shown once. Where the output is no terminal, plain
    lines are printed.

    Example: evocnn watch runs/demo
    """
    from evocnn.cli.watch import watch_run

    watch_run(folder, is_once=once)


@app.command(rich_help_panel=PANEL)
def log(
    folder: RunFolder,
    *,
    to: Annotated[str, typer.Option("--to", metavar="LOGGER", help="tensorboard or mlflow.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of TensorBoard's events; default: tensorboard in the run folder."),
    ] = None,
) -> None:
    """Log a run to TensorBoard or MLflow; one that another process works on, until it ends.

    The search hears nothing of it. They come with extras: pip install 'evocnn[tensorboard]'.

    Example: evocnn log runs/demo --to tensorboard
    """
    from evocnn.cli.log import log_run

    log_run(folder, to, out)


@app.command(rich_help_panel=PANEL)
def verify(
    folder: RunFolder,
    *,
    retrain: Annotated[
        int, typer.Option("--retrain", min=0, metavar="K", help="Candidates to train again, drawn at random.")
    ] = 3,
    data: Data = None,
) -> None:
    """Check a run's journal, ask its search again without training, and train some candidates again.

    Says whether the run repeats on this machine. Exit code 0: it does, 1: it does not, or it is damaged.

    Example: evocnn verify runs/demo --retrain 5
    """
    from evocnn.cli.verify import verify_run

    verify_run(folder, retrain, data)


@app.command(rich_help_panel=PANEL)
def rescue(
    folder: RunFolder,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="NEW", help="The new run folder.")],
) -> None:
    """Save all that is whole of a damaged run into a new run folder, to be shown and resumed.

    The damaged one is left as it is. What was lost is trained again when the new one is resumed.

    Example: evocnn rescue runs/demo --out runs/demo-rescued
    """
    from evocnn.cli.rescue import rescue_run

    rescue_run(folder, out)
