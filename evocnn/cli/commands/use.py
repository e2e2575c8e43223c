"""Commands that turn a network of a run into one in use."""

from pathlib import Path
from typing import Annotated

import typer

from evocnn.cli.commands.arguments import (
    Data,
    FullEpochs,
    FullWorkers,
    ModelData,
    ModelFile,
    Pick,
    RunFolder,
    TrustFile,
    workers_of,
)

PANEL = "Take a network into use"

app = typer.Typer()


@app.command(rich_help_panel=PANEL)
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

    Example: evocnn train runs/demo --pick knee --epochs 50 --seeds 3
    """
    from evocnn.cli.train import run_train

    crew = workers_of(workers)
    run_train(folder, pick or "knee", crew, epochs=epochs, n_seeds=seeds, all_data=all_data, data=data)


@app.command(rich_help_panel=PANEL)
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

    Example: evocnn ensemble runs/demo --size 3
    """
    from evocnn.cli.ensemble import run_ensemble

    run_ensemble(folder, size, workers_of(workers), epochs=epochs, data=data)


@app.command(rich_help_panel=PANEL)
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

    Example: evocnn export runs/demo/models/NAME/model.safetensors --out digits.onnx
    """
    from evocnn.cli.export import export_model

    export_model(model, form, out, data, is_trusted=trust)


@app.command(rich_help_panel=PANEL)
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

    Example: evocnn prune runs/demo/models/NAME/model.safetensors --sparsity .5,.8
    """
    from evocnn.cli.prune import prune_model

    prune_model(model, sparsity, kind, epochs, data, is_trusted=trust)


@app.command(rich_help_panel=PANEL)
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

    Example: evocnn quantize runs/demo/models/NAME/model.safetensors --max-drop .01
    """
    from evocnn.cli.quantize import quantize_model

    quantize_model(model, out, max_drop, data, is_trusted=trust)


@app.command(rich_help_panel=PANEL)
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


@app.command(rich_help_panel=PANEL)
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
