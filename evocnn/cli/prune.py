"""Pruning a model to several sparsities from the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.deploy.export import export, split_images
from evocnn.deploy.latency import interleaved_latencies
from evocnn.deploy.model import SUFFIX, Model, load_model
from evocnn.deploy.pruning import Pruning, flops_of, n_nonzero, prune
from evocnn.errors import DataError, ExperimentError
from evocnn.report.pruning_curve import PruningPoint, plot_pruning_curve, write_pruning_curve
from evocnn.report.wording import duration
from evocnn.training.data import ImageSet

N_COMPARED = 256  # validation images on which the files that are timed are checked


def prune_model(
    source: Path, sparsities: str, kind: str, epochs: int | None, data: Path | None, *, is_trusted: bool
) -> None:
    """Prune a model to each sparsity, train what is left, and write models, table and picture beside it.

    Args:
        source: The model's file.
        sparsities: Such as `.3,.5,.7`.
        kind: `channels` or `weights`.
        epochs: Passes over the training images after pruning; as many as the model's training had, where
            it is not given.
        data: Where the images of the model's run lie now.
        is_trusted: Whether code that the file names may be imported.

    Raises:
        typer.Exit: Somebody interrupted it.
    """
    model = load_model(source, is_trusted=is_trusted)
    n_epochs = epochs or _epochs(model)
    prunings = [Pruning(kind, sparsity, n_epochs) for sparsity in _sparsities(sparsities)]
    training, validation = split_images(model, data)
    typer.echo(
        f"pruning {kind} of {source}, then {n_epochs} {'epoch' if n_epochs == 1 else 'epochs'} on "
        f"{len(training):,} training images"
    )
    if any(step.get("all_data") for step in model.steps):
        typer.echo(
            "note: the model was trained on the validation images, too; its accuracy on them says little"
        )
    models: dict[Path, Model] = {source: model}
    for pruning in prunings:
        path = source.with_name(f"{source.stem}-{kind}-{pruning.sparsity:g}{SUFFIX}")
        try:
            models[path] = _pruned(model, pruning, path, training, validation)
        except KeyboardInterrupt:
            typer.echo("interrupted; go on with the same command", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    points = _points(models, [0.0, *(pruning.sparsity for pruning in prunings)], validation)
    _show(points, len(validation))
    picture, table = (source.with_name(f"{source.stem}-{kind}{ending}") for ending in (".png", ".csv"))
    plot_pruning_curve(f"{source.name} with {kind} pruned: {model.chromosome.text}", points, picture)
    write_pruning_curve(points, table)
    for path in [*list(models)[1:], picture, table]:
        typer.echo(f"wrote {path}")


def _sparsities(text: str) -> list[float]:
    """Return the numbers of a list, as files are named by them, each once, the smallest first.

    Raises:
        ExperimentError: The text holds something else.
    """
    try:
        return sorted({float(f"{float(part):g}") for part in text.split(",")})
    except ValueError as error:
        message = f"--sparsity must be numbers with commas between, but it was '{text}'; write .3,.5,.7"
        raise ExperimentError(message) from error


def _epochs(model: Model) -> int:
    """Return how long the model was trained."""
    found: list[Any] = [step["epochs"] for step in model.steps if step["step"] == "train"]
    return int(found[0]) if found else model.experiment.training.epochs


def _pruned(model: Model, pruning: Pruning, path: Path, training: ImageSet, validation: ImageSet) -> Model:
    """Return the model after pruning, which the same command may have left in its file before."""
    known = _known(model, pruning, path)
    if known is not None:
        typer.echo(f"sparsity {pruning.sparsity:g}: pruned already")
        return known
    with Console(stderr=True, emoji=False).status("pruning") as status:

        def show(n_epochs: int) -> None:
            status.update(f"sparsity {pruning.sparsity:g}: {n_epochs} of {pruning.epochs} epochs")

        pruned = prune(model, pruning, training, validation, show)
    pruned.save(path)
    step: Any = pruned.steps[-1]
    typer.echo(
        f"sparsity {pruning.sparsity:g}: accuracy {step['validation_accuracy']:.4f}, trained in "
        f"{duration(step['seconds'])}",
        err=True,
    )
    return pruned


def _known(model: Model, pruning: Pruning, path: Path) -> Model | None:
    """Return what is in a file, if it is this model after this pruning."""
    try:
        known = load_model(path, is_trusted=model.is_trusted)
    except DataError:
        return None
    asked = {"kind": pruning.kind, "sparsity": pruning.sparsity, "epochs": pruning.epochs}
    is_same = _plain(known.steps[:-1]) == _plain(model.steps) and known.chromosome.key == model.chromosome.key
    return known if is_same and asked.items() <= known.steps[-1].items() else None


def _plain(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return steps that can be compared; tests, which change no weight, aside."""
    return [dict(step) for step in steps if step["step"] != "test"]


def _points(
    models: Mapping[Path, Model], sparsities: Sequence[float], validation: ImageSet
) -> list[PruningPoint]:
    """Return the figures of all models, whose latencies are measured in turns."""
    compared = validation.take(range(min(N_COMPARED, len(validation))))
    with TemporaryDirectory() as folder, Console(stderr=True, emoji=False).status("measuring latency"):
        files = [Path(folder) / f"{number}.onnx" for number in range(len(models))]
        for model, file in zip(models.values(), files, strict=True):
            export(model, "onnx", file, compared)
        latencies = interleaved_latencies(files)
    return [
        PruningPoint(
            sparsity,
            n_nonzero(model.network),
            flops_of(model.network, model.input.shape),
            latency.median,
            float((model.logits(validation).argmax(axis=1) == validation.labels).mean()),
        )
        for sparsity, model, latency in zip(sparsities, models.values(), latencies, strict=True)
    ]


def _show(points: Sequence[PruningPoint], n_images: int) -> None:
    """Print the curve."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("sparsity", "parameters", "FLOPs", "latency, ms", "accuracy", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    for point in points:
        table.add_row(
            f"{point.sparsity:g}" if point.sparsity else "none",
            f"{point.parameters:,}",
            f"{point.flops:,}",
            f"{1e3 * point.latency:.3f}",
            f"{point.accuracy:.4f}",
            f"{point.accuracy - points[0].accuracy:+.4f}" if point.sparsity else "",
        )
    Console(emoji=False).print(table)
    typer.echo(
        "parameters that are not zero; FLOPs an image, zeros included; latency of ONNX Runtime, one image, "
        f"one thread, in turns; accuracy on {n_images:,} validation images, not test images"
    )
