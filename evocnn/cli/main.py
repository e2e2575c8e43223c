"""`evocnn`: the commands and their options.

Exit codes: 0 done, 1 a run cannot be read, written or continued, an exported file differs from its
model, or an image cannot be read, 2 a mistake in the experiment, the options or the data, 75 another
process works on the run, 130 interrupted.
"""

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from evocnn.errors import (
    DataError,
    EvocnnError,
    ExperimentError,
    GeneError,
    RunLockedError,
    SpaceError,
    printable,
)

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
ExperimentOrRun = Annotated[
    Path,
    typer.Argument(metavar="EXPERIMENT.toml|RUN", help="The experiment file, or a run, whose own is taken."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/digits.")]
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
def doctor(
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="Look at the images there, too.")
    ] = None,
) -> None:
    """Look at Python, PyTorch, GPUs, Ray, memory and disk: what is wrong, and how to mend it.

    Ends with code 0 where nothing is wrong, with 2 otherwise.

    Example: evocnn doctor --data photos/
    """
    from evocnn.cli.doctor import show_findings

    show_findings(data)


@app.command()
def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A folder of images, one folder a class, or a name such as cifar-10."
        ),
    ] = ".",
    *,
    data: Annotated[
        Path | None, typer.Option("--data", help="Where the images of a named data set lie.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The file to write; it must be new.")] = Path(
        "experiment.toml"
    ),
) -> None:
    """Write an experiment file that fits some images and this machine, with the reason for every value.

    Example: evocnn init photos/ --out photos.toml
    """
    from evocnn.cli.init import propose_experiment

    propose_experiment(source, data, out)


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
    source: ExperimentOrRun,
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
    pick: Pick = None,
    settings: Settings = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A .png, .svg or .pdf file; default: runs/NAME-lr-range.png."),
    ] = None,
) -> None:
    """Test which learning rates train networks of an experiment, draw it, and give bounds for the allele.

    Example: evocnn lr-range my.toml --chromosome 'conv16k3 > pool | gap | adamw lr=.01'

    Example: evocnn lr-range runs/digits --pick knee
    """
    from evocnn.cli.learning_rate import show_learning_rates
    from evocnn.cli.source import source_of

    found = source_of(source, settings or [], chromosome, pick, data)
    out = out or Path("runs") / f"{found.experiment.name}-lr-range.png"
    show_learning_rates(found.experiment, found.chromosome, found.data, out)


@app.command()
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

    Example: evocnn sweep runs/digits --pick knee --gene recipe.batch_size --values 32,64,128
    """
    from evocnn.cli.sweep import run_sweep

    options = {"gene": gene, "values": values, "seeds": seeds, "chromosome": chromosome}
    crew = _workers(workers, gpus_per_worker, ray_address)
    run_sweep(source, options, settings or [], crew, wanted=pick, data=data, out=out, plot=plot)


@app.command()
def train(
    folder: RunFolder,
    *,
    pick: Pick = "knee",
    epochs: FullEpochs = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings, each with a seed of its own.")] = 1,
    all_data: Annotated[
        bool,
        typer.Option(
            "--all-data",
            help="Train on all training images of the source: those that validated or were left out, too.",
        ),
    ] = False,
    workers: FullWorkers = 0,
    data: Data = None,
) -> None:
    """Train a network of a run in full from scratch, then read the test split once and judge it.

    The same command goes on after Ctrl-C or a crash. Model, curves and confusions lie in RUN/models.

    Example: evocnn train runs/digits --pick knee --epochs 50 --seeds 3
    """
    from evocnn.cli.train import run_train

    crew = _workers(workers, None, None)
    run_train(folder, pick or "knee", crew, epochs=epochs, n_seeds=seeds, all_data=all_data, data=data)


@app.command()
def ensemble(
    folder: RunFolder,
    *,
    size: Annotated[int, typer.Option("--size", min=2, help="The most members.")] = 3,
    epochs: FullEpochs = None,
    workers: FullWorkers = 0,
    data: Data = None,
) -> None:
    """Choose the best small ensemble of the front by validation images, and compare it with its best member.

    All members of the front are trained in full first, those that evocnn train has trained aside.

    Example: evocnn ensemble runs/digits --size 3
    """
    from evocnn.cli.ensemble import run_ensemble

    run_ensemble(folder, size, _workers(workers, None, None), epochs=epochs, data=data)


@app.command()
def export(
    model: ModelFile,
    *,
    form: Annotated[
        str, typer.Option("--to", metavar="FORM", help="onnx, torch (torch.export) or safetensors.")
    ] = "onnx",
    out: Annotated[
        Path | None, typer.Option("--out", help="The file; default: beside the model, .onnx or .pt2.")
    ] = None,
    data: ModelData = None,
    trust: TrustFile = False,
) -> None:
    """Write a model as a file for other programs, check it on the validation images, write its model card.

    Example: evocnn export runs/digits/models/NAME/model.safetensors --out digits.onnx
    """
    from evocnn.cli.export import export_model

    export_model(model, form, out, data, is_trusted=trust)


@app.command()
def prune(
    model: ModelFile,
    *,
    sparsity: Annotated[
        str, typer.Option("--sparsity", metavar="LIST", help="Shares that go; a model for each.")
    ] = ".3,.5,.7",
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="channels: the network becomes smaller and faster; weights: single ones become zero, and "
            "it remains as large.",
        ),
    ] = "channels",
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", min=1, max=100_000, help="Training after it; default: as long as the model's was."
        ),
    ] = None,
    data: ModelData = None,
    trust: TrustFile = False,
) -> None:
    """Take the least important channels or weights out of a model, train the rest, show what it costs.

    Accuracies are on validation images. Models, table and picture lie beside the model.

    Example: evocnn prune runs/digits/models/NAME/model.safetensors --sparsity .5,.8
    """
    from evocnn.cli.prune import prune_model

    prune_model(model, sparsity, kind, epochs, data, is_trusted=trust)


@app.command()
def quantize(
    model: ModelFile,
    *,
    max_drop: Annotated[
        float, typer.Option("--max-drop", help="Accuracy that may be lost; beyond that, no file is written.")
    ] = 0.02,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file; default: beside the model, -int8.onnx.")
    ] = None,
    data: ModelData = None,
    trust: TrustFile = False,
) -> None:
    """Write a model, pruned or not, as an ONNX file of 8-bit integers, calibrated on training images.

    Example: evocnn quantize runs/digits/models/NAME/model.safetensors --max-drop .01
    """
    from evocnn.cli.quantize import quantize_model

    quantize_model(model, out, max_drop, data, is_trusted=trust)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="An exported model.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="JPEG, PNG or WebP files, or folders of them.")
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with all probabilities.")] = False,
) -> None:
    """Show the class of each image file, by an exported model and ONNX Runtime alone.

    Example: evocnn predict digits.onnx photo.jpg more-photos/
    """
    from evocnn.cli.predict import predict_images

    predict_images(model, images, as_json=json)


@app.command()
def latency(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="An .onnx file, or a .safetensors model, run by torch.")
    ],
    *,
    batch_sizes: Annotated[str, typer.Option("--batch-sizes", help="Images at a time.")] = "1,32",
    threads: Annotated[
        str | None,
        typer.Option("--threads", help="Threads of the CPU, such as 1,2; default: 1, and all cores."),
    ] = None,
    trust: TrustFile = False,
) -> None:
    """Measure how long a model takes, on the CPU and on a GPU where there is one.

    Example: evocnn latency digits.onnx --batch-sizes 1,8,64 --threads 1,2
    """
    from evocnn.cli.latency import show_latency

    show_latency(model, batch_sizes, threads, is_trusted=trust)


@app.command("import")
def import_network(
    network: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FACTORY",
            help="A function without arguments that returns a torch.nn.Module, as in mynet:make.",
        ),
    ],
    *,
    shape: Annotated[
        str | None,
        typer.Option("--shape", metavar="C,H,W", help="Of an image; default: the one that passes."),
    ] = None,
) -> None:
    """Write a sequential PyTorch CNN as a search space that begins with it, or name the layer that cannot be.

    Example: evocnn import mynet:make --shape 3,32,32 > space.toml
    """
    from evocnn.cli.import_network import show_import

    show_import(network, shape)


@app.command()
def importance(folder: RunFolder) -> None:
    """Show which genes and sizes explain the validation accuracies of a run, and how well they do.

    Example: evocnn importance runs/digits
    """
    from evocnn.report.importance import importance_of, importance_table
    from evocnn.runs import open_run

    importance_table(importance_of(open_run(folder)))


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
def rescue(
    folder: RunFolder,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="NEW", help="The new run folder.")],
) -> None:
    """Save all that is whole of a damaged run into a new run folder, to be shown and resumed.

    The damaged one is left as it is. What was lost is trained again when the new one is resumed.

    Example: evocnn rescue runs/digits --out runs/digits-rescued
    """
    from evocnn.cli.rescue import rescue_run

    rescue_run(folder, out)


@app.command()
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

    Example: evocnn verify runs/digits --retrain 5
    """
    from evocnn.cli.verify import verify_run

    verify_run(folder, retrain, data)


@app.command()
def show(
    folder: RunFolder,
    *,
    pick: Pick = None,
    settings: Preferences = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the Pareto front of a run, also while it is running, or one network of it.

    Example: evocnn show runs/digits --pick "parameters<5000"
    """
    from evocnn.cli.show import show_run

    show_run(folder, settings or [], pick, as_json=json)


@app.command()
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
) -> None:
    """Draw the Pareto front of a run with every candidate behind it, or another picture of the search.

    Example: evocnn plot runs/digits --out front.svg

    Example: evocnn plot runs/digits --what architecture --pick knee --out knee.pdf
    """
    from evocnn.cli.plot import plot_run

    plot_run(folder, settings or [], pick, what, out)


@app.command()
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
) -> None:
    """Write a run as one page that any browser shows: what was found, the front, its networks, the search.

    Example: evocnn report runs/digits --out digits.html
    """
    from evocnn.cli.report import write_report

    write_report(folder, out or folder / "report.html", against or [])


@app.command()
def watch(
    folder: RunFolder,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end.")] = False,
) -> None:
    """Watch a run that another process works on, without touching it; Ctrl-C leaves it alone.

    A run that has ended, or whose process is gone, is shown once. Where the output is no terminal, plain
    lines are printed.

    Example: evocnn watch runs/digits
    """
    from evocnn.cli.watch import watch_run

    watch_run(folder, is_once=once)


@app.command()
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

    Example: evocnn log runs/digits --to tensorboard
    """
    from evocnn.cli.log import log_run

    log_run(folder, to, out)


@app.command()
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
) -> None:
    """Compare runs at equal cost: hypervolume, best accuracy, a rank test, and what may be claimed.

    Example: evocnn compare runs/nsga2 runs/random --by epochs --plot compare.png
    """
    from evocnn.cli.compare import compare_runs

    compare_runs(folders, by, against, plot, as_json=json)


@app.command()
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
        typer.Option(
            "--out", help="For figures, tables and pictures; default: runs/reproduce/NAME-full, or -quick."
        ),
    ] = None,
) -> None:
    """Run a study or a benchmark again and say, figure by figure, whether it repeated.

    The same command goes on after Ctrl-C. Exit code 0: all figures repeated, 1: not all.

    Example: evocnn reproduce experiments/digits --quick
    """
    from evocnn.cli.reproduce import reproduce_study

    reproduce_study(folder, data, out, is_quick=quick)


@app.command()
def serve(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, such as runs/digits.")
    ],
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0: any that is free.")
    ] = 8765,
) -> None:
    """Show the reports of runs as live pages in a browser on this machine; nothing there can change a run.

    Example: evocnn serve runs/digits runs/control
    """
    from evocnn.cli.serve import serve_runs

    serve_runs(folders, port)


def _workers(count: int | None, gpus_per_worker: float | None, address: str | None) -> Any:
    from evocnn.runs import Workers

    return Workers(count, gpus_per_worker, address)


def main() -> None:
    """Run the command line; mistakes end in one line and an exit code, never in a traceback."""
    warnings.showwarning = lambda message, *_: typer.echo(printable(f"note: {message}"), err=True)
    try:
        app()
    except EvocnnError as error:
        typer.echo(printable(f"error: {error}"), err=True)
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
