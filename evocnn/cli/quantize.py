"""Quantizing a model from the command line."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evocnn.deploy.export import split_images
from evocnn.deploy.model import load_model
from evocnn.deploy.quantization import Quantized, quantize


def quantize_model(
    source: Path, out: Path | None, max_drop: float, data: Path | None, *, is_trusted: bool
) -> None:
    """Write a model as an ONNX file of 8-bit integers, and show what that changed.

    Args:
        source: The model's file.
        out: The file; the model's with `-int8.onnx`, where it is not given.
        max_drop: Accuracy that may be lost.
        data: Where the images of the model's run lie now.
        is_trusted: Whether code that the file names may be imported.
    """
    path = out or source.with_name(f"{source.stem}-int8.onnx")
    model = load_model(source, is_trusted=is_trusted)
    training, validation = split_images(model, data)
    with Console(stderr=True, emoji=False).status("quantizing"):
        found = quantize(model, path, training, validation, max_drop)
    _show(found)
    typer.echo(
        f"calibrated on {found.n_calibration:,} training images; accuracy on {found.n_images:,} validation "
        "images, not test images; latency of ONNX Runtime, one image, one thread, in turns"
    )
    typer.echo(f"wrote {path}")


def _show(found: Quantized) -> None:
    """Print the figures before and after, and what has become of them."""
    before, after = found.before, found.after
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for title in ("accuracy", "bytes of weights", "bytes of file", "latency, ms"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, figures in (("float32", before), ("int8", after)):
        table.add_row(
            name,
            f"{figures.accuracy:.4f}",
            f"{figures.weight_bytes:,}",
            f"{figures.file_bytes:,}",
            f"{1e3 * figures.latency.median:.3f}",
        )
    table.add_row(
        "change",
        f"{0.0 - found.drop:+.4f}",
        f"x {after.weight_bytes / before.weight_bytes:.3f}",
        f"x {after.file_bytes / before.file_bytes:.3f}",
        f"x {after.latency.median / before.latency.median:.2f}",
    )
    Console(emoji=False).print(table)
