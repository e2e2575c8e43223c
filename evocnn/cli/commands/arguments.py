"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the file, e.g. search.population=40."),
]
ExperimentOrRun = Annotated[
    Path,
    typer.Argument(metavar="EXPERIMENT.toml|RUN", help="The experiment file, or a run, whose own is taken."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")]
ModelFile = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A model.safetensors that evocnn train made.")
]
ModelData = Annotated[
    Path | None, typer.Option("--data", help="Where the images of the model's run lie now.")
]
TrustFile = Annotated[
    bool,
    typer.Option(
        "--trust", help="Import code of one's own that the file names: for models of your own only."
    ),
]
TrustRun = Annotated[
    bool,
    typer.Option("--trust", help="Import code of one's own that the run names: for runs of your own only."),
]
TrustCompared = Annotated[
    bool,
    typer.Option(
        "--trust", help="Import code of one's own that runs name to compare them: for runs of your own only."
    ),
]
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
Pick = Annotated[
    str | None,
    typer.Option(
        "--pick",
        metavar="PICK",
        help="One network: knee, best-accuracy, smallest, 'parameters<50000', a ticket or a key's start.",
    ),
]
FullEpochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=1,
        max=100_000,
        help="Length of the training, to which the schedule is stretched. Default: that of the search, for "
        "which recipe and network were chosen.",
    ),
]
FullWorkers = Annotated[
    int,
    typer.Option(
        "--workers", min=0, help="Ray workers, to train several at a time; 0: in this process, without Ray."
    ),
]
Preferences = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Rank anew, e.g. under objectives.parameters.ceiling=50000."
    ),
]


def workers_of(count: int | None, gpus_per_worker: float | None = None, address: str | None = None) -> Any:
    """Return the `Workers` that options name."""
    from evocnn.runs import Workers

    return Workers(count, gpus_per_worker, address)
