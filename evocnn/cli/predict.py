"""Classes of image files from the command line, with ONNX Runtime alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.deploy.predict import Prediction, list_files, open_onnx, predict
from evocnn.errors import DataError, printable
from evocnn.training.data.listing import FORMATS

EXIT_FAILED = 1
MAX_NAMED = 5  # files that are left out


def predict_images(source: Path, paths: Sequence[Path], *, as_json: bool) -> None:
    """Show the class of each image file, and which files cannot be read.

    Args:
        source: An exported model.
        paths: Image files, and folders that hold some.
        as_json: Whether to print JSON, with the probabilities of all classes.

    Raises:
        DataError: The model cannot be read, or nothing is named that could be an image.
        typer.Exit: A file cannot be read.
    """
    model = open_onnx(source)
    listing = list_files(paths)
    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if not listing.images:
        folders = ", ".join(map(str, paths))
        message = f"images must be {formats} files, but there were none in {folders}; name others"
        raise DataError(message)
    found = list(predict(model, listing.images))
    if as_json:
        typer.echo(_json(found, model.class_names))
    else:
        _print(found, model.class_names)
    if listing.others:
        names = [printable(str(path)) for path in listing.others[:MAX_NAMED]]
        more = ["..."] if len(listing.others) > MAX_NAMED else []
        left_out = f"{len(listing.others):,} ({', '.join([*names, *more])})"
        typer.echo(f"note: files of the folders left out, not {formats}: {left_out}", err=True)
    failed = [prediction for prediction in found if prediction.probabilities is None]
    for prediction in failed:
        typer.echo(printable(f"cannot be read: {prediction.path} ({prediction.reason})"), err=True)
    if failed:
        typer.echo(f"{len(failed):,} of {len(found):,} files could not be read", err=True)
        raise typer.Exit(EXIT_FAILED)


def _print(found: Sequence[Prediction], class_names: Sequence[str]) -> None:
    """Print file, class and probability of all that could be read."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("probability", justify="right")
    for path, probabilities, _ in found:
        if probabilities is not None:
            best = int(probabilities.argmax())
            table.add_row(Text(printable(str(path))), Text(class_names[best]), f"{probabilities[best]:.4f}")
    if table.row_count:
        Console(emoji=False).print(table)


def _json(found: Sequence[Prediction], class_names: Sequence[str]) -> str:
    """Return what was found as a list, a file an entry."""
    entries: list[dict[str, Any]] = []
    for path, probabilities, reason in found:
        if probabilities is None:
            entries.append({"file": str(path), "error": reason})
            continue
        shares = dict(zip(class_names, probabilities.tolist(), strict=True))
        best = max(shares, key=lambda name: shares[name])
        entries.append(
            {"file": str(path), "class": best, "probability": shares[best], "probabilities": shares}
        )
    return json.dumps(entries, indent=2, ensure_ascii=False)
