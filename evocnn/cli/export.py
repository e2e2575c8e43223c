"""Exporting a model from the command line."""

from pathlib import Path

import typer
from rich.console import Console

from evocnn.deploy.export import check_form, export
from evocnn.deploy.forms import FORMS
from evocnn.deploy.images import validation_images
from evocnn.deploy.model import load_model
from evocnn.deploy.model_card import write_model_card
from evocnn.errors import ExperimentError


def export_model(source: Path, form: str, out: Path | None, data: Path | None, *, is_trusted: bool) -> None:
    """Write a model in another form, check it on the validation images, and write its card.

    Args:
        source: The model's file.
        form: `onnx`, `torch` or `safetensors`.
        out: The file; the model's with the form's ending, where it is not given.
        data: Where the images of the model's run lie now.
        is_trusted: Whether code that the file names may be imported.

    Raises:
        ExperimentError: There is no such form, or the file is the model's own.
        ExportError: The network cannot be written in this form, or the file gives something else.
        DataError: The model or the images cannot be read, or the file cannot be written.
    """
    path = out or source.with_suffix(FORMS[form].ending if form in FORMS else "")
    check_form(form, path)
    model = load_model(source, is_trusted=is_trusted)
    if path.resolve() == source.resolve():
        message = f"the exported file must be another one than the model, but it was '{path}'; give --out"
        raise ExperimentError(message)
    images = validation_images(model, data)
    with Console(stderr=True, emoji=False).status("exporting"):
        found = export(model, form, path, images)
    typer.echo(f"wrote {path}: {path.stat().st_size:,} bytes; {found.comparison}")
    typer.echo(f"wrote {write_model_card(model, source, path, form, found.comparison)}")
