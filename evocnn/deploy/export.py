"""A model as ONNX, as a program of `torch.export` or as safetensors: written, loaded again, compared.

All but safetensors hold the whole way from the pixels of an image file to probabilities: they take
`images`, uint8 of shape `(n, channels, height, width)` with any `n`, normalize them and give
`probabilities` and `logits`, float32 of shape `(n, n_classes)`. What else is needed to use them lies in
their metadata as JSON, see `about`.
"""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from scipy.special import softmax
from torch import Tensor, nn

from evocnn.config.parts import load_data
from evocnn.deploy.description import Normalization
from evocnn.deploy.model import SUFFIX, Model, load_model
from evocnn.deploy.predict import INPUT, LOGITS, METADATA_KEY, PROBABILITIES, session_of
from evocnn.errors import DataError, ExperimentError, ExportError, did_you_mean
from evocnn.store.durable import write_durably
from evocnn.training.data import ImageSet, split
from evocnn.training.data.mapped import Pixels

FORMS = {"onnx": ".onnx", "torch": ".pt2", "safetensors": SUFFIX}
OPSET = 18  # of ONNX; ONNX Runtime reads it from 1.14 on
LIMIT = 1e-4  # between logits of up to 10; beyond that in proportion, as float32 rounds
_BATCH = 256  # images that are compared at a time
_ABOUT_FILE = f"{METADATA_KEY}.json"  # inside the archive of torch.export

Outputs = npt.NDArray[np.float32]  # (n_images, n_classes)
Run = Callable[[Pixels], tuple[Outputs, Outputs]]  # from pixels to probabilities and logits
Loaded = tuple[Run, dict[str, Any]]  # with what the metadata say


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


class Classifier(nn.Module):
    """From pixels to probabilities and logits: what is exported.

    Args:
        model: The model; its network is shared.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.network
        self.normalized = Normalization(model.input)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and logits, `(n, n_classes)`, of uint8 images `(n, channels, h, w)`."""
        logits = self.network(self.normalized(images))
        return logits.softmax(dim=1), logits


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
            _WRITERS[form](model, part)
            run, described = _READERS[form](part)
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
    if path.suffix != FORMS[form]:
        message = (
            f"a file of the form {form} must end in {FORMS[form]}, but it was '{path}'; change the ending"
        )
        raise ExperimentError(message)


def validation_images(model: Model, data: Path | None = None) -> ImageSet:
    """Return the images that validated the candidates of the model's run; see `split_images`."""
    return split_images(model, data)[1]


def split_images(model: Model, data: Path | None = None) -> tuple[ImageSet, ImageSet]:
    """Return the images that trained and those that validated the candidates of the model's run.

    Args:
        model: The model.
        data: Where the images lie, in place of where they lay.

    Raises:
        DataError: They cannot be read, or are others.
    """
    origin, experiment = model.origin, model.experiment
    stored = None if origin.data_path is None else Path(origin.data_path)
    try:
        images = load_data(experiment, data or stored)
    except DataError as error:
        message = f"images of the model's run must be readable, but: {error}; say with --data where they lie"
        raise DataError(message) from error
    if images.digest != origin.data["digest"]:
        message = (
            f"images must be those of the model's run, digest {origin.data['digest'][:12]}, but were "
            f"{images.digest[:12]}; give them with --data"
        )
        raise DataError(message)
    settings = experiment.data
    return split(images, validation=settings.validation, seed=experiment.seed, n_images=settings.images)


def about(model: Model) -> dict[str, Any]:
    """Return what is needed to use an exported model without evocnn, and where it comes from."""
    channels, height, width = model.input.shape
    return {
        "class_names": list(model.class_names),
        "shape": [channels, height, width],
        "fit": model.input.framing.fit,
        "input": f"{INPUT}: uint8 (n, {channels}, {height}, {width}), 0 to 255, not normalized",
        "outputs": f"{PROBABILITIES} and {LOGITS}: float32 (n, {len(model.class_names)})",
        "name": str(model.origin.experiment["name"]),
        "network": model.chromosome.text,
        "chromosome": model.chromosome.to_json(),
        "weights_digest": model.digest,
        "data_digest": model.origin.data["digest"],
    }


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


def _write_onnx(model: Model, path: Path) -> None:
    with _exporting("onnx"):
        program = torch.onnx.export(
            Classifier(model),
            (_example(model),),
            dynamo=True,
            dynamic_shapes={INPUT: {0: "n"}},
            input_names=[INPUT],
            output_names=[PROBABILITIES, LOGITS],
            opset_version=OPSET,
            verbose=False,
        )
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # lines and paths of the code that it was made from
    program.model.metadata_props[METADATA_KEY] = json.dumps({**about(model), "opset": OPSET})
    program.save(path, external_data=False)


def _read_onnx(path: Path) -> Loaded:
    session = session_of(path)

    def run(pixels: Pixels) -> tuple[Outputs, Outputs]:
        probabilities, logits = session.run([PROBABILITIES, LOGITS], {INPUT: pixels})
        return probabilities, logits

    return run, json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])


def _write_torch(model: Model, path: Path) -> None:
    with _exporting("torch"):
        shapes = {INPUT: {0: torch.export.Dim("n")}}
        program = torch.export.export(Classifier(model), (_example(model),), dynamic_shapes=shapes)
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # lines and paths of the code that it was made from
        torch.export.save(program, path, extra_files={_ABOUT_FILE: json.dumps(about(model))})


def _read_torch(path: Path) -> Loaded:
    files = {_ABOUT_FILE: ""}
    program = torch.export.load(path, extra_files=files)
    return _run_by(program.module()), json.loads(files[_ABOUT_FILE])


def _write_safetensors(model: Model, path: Path) -> None:
    """Write the model without the folders of this machine."""
    origin, tables = model.origin, dict(model.origin.experiment)
    if Path(tables.get("data", {}).get("path") or "").is_absolute():
        tables["data"] = {name: value for name, value in tables["data"].items() if name != "path"}
    backbone = tables.get("space", {}).get("backbone", {})
    if (weights := Path(backbone.get("weights", ""))).is_absolute():  # whose digest is filled in
        tables["space"] = {**tables["space"], "backbone": {**backbone, "weights": weights.name}}
    nowhere = replace(
        origin, experiment=tables, experiment_folder="", data_path=None, run=Path(origin.run).name
    )
    replace(model, origin=nowhere).save(path)


def _read_safetensors(path: Path) -> Loaded:
    model = load_model(path, is_trusted=True)  # it names what the model's own file named
    return _run_by(Classifier(model)), json.loads(json.dumps(about(model)))


_WRITERS = {"onnx": _write_onnx, "torch": _write_torch, "safetensors": _write_safetensors}
_READERS = {"onnx": _read_onnx, "torch": _read_torch, "safetensors": _read_safetensors}


def _run_by(classifier: nn.Module) -> Run:
    """Return the function of pixels that gives a module's probabilities and logits."""

    def run(pixels: Pixels) -> tuple[Outputs, Outputs]:
        with torch.inference_mode():
            probabilities, logits = classifier(torch.from_numpy(pixels))
        return probabilities.numpy(), logits.numpy()

    return run


def _example(model: Model) -> Tensor:
    """Return two images: of one, torch would take the number for fixed."""
    return torch.zeros((2, *model.input.shape), dtype=torch.uint8)


@contextmanager
def _exporting(form: str) -> Iterator[None]:
    """Let torch export without gradients and without notes on itself.

    Raises:
        ExportError: It cannot.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        message = (
            f"the network must be one that torch can export as {form}, but: {reason}; change the module of a "
            "gene of your own, or export as safetensors"
        )
        raise ExportError(message) from error
    finally:
        logging.disable(before)
