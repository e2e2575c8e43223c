"""Exporting a model: written in a form, loaded again, compared with what it was made from."""

import json
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from scipy.special import softmax

from evocnn.deploy.forms import FORMS, Run, about
from evocnn.deploy.model import Model
from evocnn.errors import DataError, ExperimentError, ExportError, did_you_mean
from evocnn.store.durable import write_durably
from evocnn.training.data import ImageSet

LIMIT = 1e-4  # between logits of up to 10; beyond that in proportion, as float32 rounds
_BATCH = 256  # images that are compared at a time


class Exported(NamedTuple):
    """A file that was written, and how it compares with the model.

    Attributes:
        path: The file.
        n_images: How many images were compared.
        difference: Largest between two logits.
        limit: What it may be at most.
        n_other: Images that are put into another class.
    """

    path: Path
    n_images: int
    difference: float
    limit: float
    n_other: int

    @property
    def comparison(self) -> str:
        """How it was made sure that it is the same network."""
        images = "1 image changes" if self.n_other == 1 else f"{self.n_other:,} images change"
        return (
            f"loaded again and compared on {self.n_images:,} validation images: logits differ by at most "
            f"{self.difference:.1e} (limit {self.limit:.1e}), {images} class"
        )


def export(model: Model, form: str, path: Path, images: ImageSet) -> Exported:
    """Write a model in a form, load the file again and compare it with the model.

    Args:
        model: The model.
        form: A key of `FORMS`.
        path: The file, which appears only if it is the same as the model up to rounding.
        images: On which they are compared.

    Raises:
        ExperimentError: There is no such form, or the file's name ends otherwise.
        DataError: The images are not of the model's shape, or the file cannot be written.
        ExportError: The network cannot be written in this form, or the file gives something else.
    """
    check_form(form, path)
    if images.shape != model.input.shape:
        message = (
            f"images to compare must have the model's shape {model.input.shape}, but it was {images.shape}; "
            "give images of its data"
        )
        raise DataError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            part = Path(folder) / path.name
            FORMS[form].write(model, part)
            run, described = FORMS[form].read(part)
            found = _compared(model, images, form, run)
            _check_metadata(model, form, described)
            write_durably(path, part.read_bytes())
    except (OSError, SafetensorError) as error:
        message = f"exported file '{path}' must be writable, but: {error}; choose another place"
        raise DataError(message) from error
    return found._replace(path=path)


def check_form(form: str, path: Path) -> None:
    """Raise where there is no such form, or a file's name ends otherwise.

    Raises:
        ExperimentError: So it is.
    """
    if form not in FORMS:
        hint = did_you_mean(form, FORMS) or "; choose one of these"
        message = f"a form to export must be one of {', '.join(FORMS)}, but it was '{form}'{hint}"
        raise ExperimentError(message)
    ending = FORMS[form].ending
    if path.suffix != ending:
        message = f"a file of the form {form} must end in {ending}, but it was '{path}'; change the ending"
        raise ExperimentError(message)


def _check_metadata(model: Model, form: str, found: dict[str, Any]) -> None:
    """Raise where the metadata of a file that was loaded again are not those that were meant.

    Raises:
        ExportError: So it is.
    """
    wanted = json.loads(json.dumps(about(model)))
    if other := [name for name in wanted if found.get(name) != wanted[name]]:
        message = (
            f"metadata of the exported {form} file must be the model's, but {', '.join(other)} came back "
            "as something else; nothing was kept, try another form"
        )
        raise ExportError(message)


def _compared(model: Model, images: ImageSet, form: str, run: Run) -> Exported:
    """Return how a file that was loaded again compares with its model.

    Raises:
        ExportError: It gives something else.
    """
    expected = model.logits(images)
    starts = [0, *range(1, len(images), _BATCH), len(images)]  # the first image by itself: any n must do
    outputs = [run(np.array(images.images[a:b])) for a, b in pairwise(starts) if a < b]
    probabilities, found = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
    difference = float(np.abs(found - expected).max())
    limit = LIMIT * max(1.0, float(np.abs(expected).max()) / 10)
    if not difference <= limit:  # nor NaN
        message = (
            f"logits of the exported {form} file must be within {limit:.1e} of the model's, but on "
            f"{len(images):,} images they were {difference:.1e} away; nothing was kept, try another form"
        )
        raise ExportError(message)
    apart = float(np.abs(probabilities - softmax(expected, axis=1)).max())
    if not apart <= LIMIT:
        message = (
            f"probabilities of the exported {form} file must be within {LIMIT:.1e} of the model's, but on "
            f"{len(images):,} images they were {apart:.1e} away; nothing was kept, try another form"
        )
        raise ExportError(message)
    n_other = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    return Exported(Path(), len(images), difference, limit, n_other)
