"""Quantizing a model from the command line."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evocnn.cli.beside import is_quantized, trained_beside
from evocnn.deploy.images import split_images
from evocnn.deploy.model import SEEN, Model, load_model
from evocnn.deploy.model_card import write_model_card
from evocnn.deploy.quantization import Quantized, quantize
from evocnn.deploy.steps import PruneStep

ENDING = "-int8.onnx"
TRAINED, ALONE = "trained", "int8"  # rows ahead of those of a pruned model


def quantize_model(
    source: Path, out: Path | None, max_drop: float, data: Path | None, *, is_trusted: bool
) -> None:
    """Write a model as an ONNX file of 8-bit integers, and show what that changed.

    Of a pruned model the table begins with the trained one, where that lies beside it.

    Args:
        source: The model's file.
        out: The file; the model's with `-int8.onnx`, where it is not given.
        max_drop: Accuracy that may be lost.
        data: Where the images of the model's run lie now.
        is_trusted: Whether code that the file names may be imported.
    """
    path = out or source.with_name(f"{source.stem}{ENDING}")
    model = load_model(source, is_trusted=is_trusted)
    training, validation = split_images(model, data)
    if model.was_trained_on_all:
        typer.echo(f"note: {SEEN}", err=True)
    is_pruned = any(isinstance(step, PruneStep) for step in model.done)
    beside = _beside(model, source, path) if is_pruned else {}
    with Console(stderr=True, emoji=False).status("quantizing"):
        found = quantize(model, path, training, validation, max_drop, beside=beside)
    _show(found, is_pruned=is_pruned)
    typer.echo(
        f"calibrated on {found.n_calibration:,} training images; accuracy on {found.n_images:,} validation "
        "images, not test images; latency of ONNX Runtime, one image, one thread, in turns"
    )
    if is_pruned and not beside:
        typer.echo(
            "note: the trained model does not lie beside the pruned one, and is not compared", err=True
        )
    typer.echo(f"wrote {path}")
    typer.echo(f"wrote {write_model_card(model.after(found.step), source, path, 'onnx', found.made)}")


def _beside(model: Model, source: Path, path: Path) -> dict[str, Model | Path]:
    """Return the model that was pruned, and what an earlier command quantized of it, as they lie there."""
    found = trained_beside(model, source)
    if found is None:
        return {}
    file, trained = found
    int8 = file.with_name(f"{file.stem}{ENDING}")
    is_there = int8.resolve() != path.resolve() and is_quantized(int8, trained)
    return {TRAINED: trained, **({ALONE: int8} if is_there else {})}


def _show(found: Quantized, *, is_pruned: bool) -> None:
    """Print the figures from the first network to the last, and their ratios to the first."""
    names = ("pruned", "pruned, int8") if is_pruned else ("float32", "int8")
    rows = {**found.others, names[0]: found.before, names[1]: found.after}
    first = next(iter(rows.values()))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    for title in (
        "accuracy",
        "change",
        "bytes of\nweights",
        "ratio",
        "bytes\nof file",
        "latency,\nms",
        "ratio",
    ):
        table.add_column(title, justify="right", no_wrap=True, vertical="bottom")
    for name, figures in rows.items():
        change = f"{figures.accuracy - first.accuracy:+.4f}"
        weights = f"{figures.weight_bytes / first.weight_bytes:.3f}"
        latency = f"{figures.latency.median / first.latency.median:.2f}"
        table.add_row(
            name,
            f"{figures.accuracy:.4f}",
            "" if figures is first else change,
            f"{figures.weight_bytes:,}",
            "" if figures is first else weights,
            f"{figures.file_bytes:,}",
            f"{1e3 * figures.latency.median:.3f}",
            "" if figures is first else latency,
        )
    Console(emoji=False).print(table)
