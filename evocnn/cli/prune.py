"""Pruning a model to several sparsities from the command line."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from evocnn.cli.beside import known_pruning, last_pruning, prunings_beside
from evocnn.cli.search import EXIT_INTERRUPTED
from evocnn.deploy.export import export
from evocnn.deploy.images import split_images
from evocnn.deploy.latency import interleaved_latencies
from evocnn.deploy.model import SEEN, SUFFIX, Model, load_model
from evocnn.deploy.pruning import Pruning, flops_of, n_nonzero, prune
from evocnn.deploy.steps import TrainStep
from evocnn.errors import ExperimentError
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
    paths = [source.with_name(f"{source.stem}-{kind}-{one.sparsity:g}{SUFFIX}") for one in prunings]
    done = {
        path: known_pruning(model, pruning, path)
        for path, pruning in zip(paths, prunings, strict=True)
        if path.exists()
    }
    training, validation = split_images(model, data)
    typer.echo(
        f"pruning {kind} of {source}, then {n_epochs} {'epoch' if n_epochs == 1 else 'epochs'} on "
        f"{len(training):,} training images"
    )
    if model.was_trained_on_all:
        typer.echo(f"note: {SEEN}", err=True)
    for path, pruning in zip(paths, prunings, strict=True):
        if path in done:
            typer.echo(f"sparsity {pruning.sparsity:g}: pruned already")
            continue
        try:
            done[path] = _pruned(model, pruning, path, training, validation)
        except KeyboardInterrupt:
            typer.echo("interrupted; go on with the same command", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    beside = prunings_beside(model, source, kind)
    earlier = {path: other for path, other in beside.items() if path not in done}
    points = _points(model, [*done.values(), *earlier.values()], validation)
    _show(points, len(validation))
    picture, table = (source.with_name(f"{source.stem}-{kind}{ending}") for ending in (".png", ".csv"))
    plot_pruning_curve(f"{source.name} with {kind} pruned: {model.chromosome.text}", points, picture)
    write_pruning_curve(points, table)
    for path in earlier:
        typer.echo(f"also in the curve: {path}")
    for path in [*paths, picture, table]:
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
    found = (step.epochs for step in model.done if isinstance(step, TrainStep))
    return next(found, None) or model.experiment.training.epochs


def _pruned(model: Model, pruning: Pruning, path: Path, training: ImageSet, validation: ImageSet) -> Model:
    """Return the model after pruning, which is written into its file."""
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


def _points(model: Model, pruned: Sequence[Model], validation: ImageSet) -> list[PruningPoint]:
    """Return the figures of a model and what was pruned of it, whose latencies are measured in turns."""
    asked = [(last.sparsity, last.epochs, one) for one in pruned if (last := last_pruning(one))]
    rows = [(0.0, 0, model), *sorted(asked, key=lambda row: row[:2])]
    compared = validation.take(range(min(N_COMPARED, len(validation))))
    with TemporaryDirectory() as folder, Console(stderr=True, emoji=False).status("measuring latency"):
        files = [Path(folder) / f"{number}.onnx" for number in range(len(rows))]
        for (_, _, each), file in zip(rows, files, strict=True):
            export(each, "onnx", file, compared)
        latencies = interleaved_latencies(files)
    whole = n_nonzero(model.network)
    return [
        PruningPoint(
            sparsity,
            epochs,
            1 - n_nonzero(each.network) / whole,
            n_nonzero(each.network),
            flops_of(each.network, each.input.shape),
            latency.median,
            latency.spread,
            float((each.logits(validation).argmax(axis=1) == validation.labels).mean()),
        )
        for (sparsity, epochs, each), latency in zip(rows, latencies, strict=True)
    ]


def _show(points: Sequence[PruningPoint], n_images: int) -> None:
    """Print the curve."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("sparsity", "epochs", "gone", "parameters", "FLOPs", "latency, ms", "accuracy", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    for point in points:
        table.add_row(
            f"{point.sparsity:g}" if point.sparsity else "none",
            f"{point.epochs}" if point.sparsity else "",
            f"{100 * point.gone:.1f} %" if point.sparsity else "",
            f"{point.parameters:,}",
            f"{point.flops:,}",
            f"{1e3 * point.latency:.3f}",
            f"{point.accuracy:.4f}",
            f"{point.accuracy - points[0].accuracy:+.4f}" if point.sparsity else "",
        )
    Console(emoji=False).print(table)
    typer.echo(
        "gone: share of the parameters; those counted are not zero; FLOPs an image, zeros included; latency "
        f"of ONNX Runtime, one image, one thread, in turns; accuracy on {n_images:,} validation images, not "
        "test images"
    )
