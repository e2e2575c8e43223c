"""The forms that a model is exported in: how each is written and loaded again, and what its metadata say.

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from evocnn.deploy.description import Normalization
from evocnn.deploy.model import SUFFIX, Model, load_model
from evocnn.deploy.predict import INPUT, LOGITS, METADATA_KEY, PROBABILITIES, session_of
from evocnn.errors import ExportError
from evocnn.training.data.mapped import Pixels

OPSET = 18  # of ONNX; ONNX Runtime reads it from 1.14 on
_ABOUT_FILE = f"{METADATA_KEY}.json"  # inside the archive of torch.export

Outputs = npt.NDArray[np.float32]  # (n_images, n_classes)
Run = Callable[[Pixels], tuple[Outputs, Outputs]]  # from pixels to probabilities and logits
Loaded = tuple[Run, dict[str, Any]]  # with what the metadata say


@dataclass(frozen=True)
class Form:
    """A form of a model's file.

    Attributes:
        ending: Of the file's name.
        write: Writes a model into a file; raises `ExportError` where it cannot.
        read: Loads the file again.
    """

    ending: str
    write: Callable[[Model, Path], None]
    read: Callable[[Path], Loaded]


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


FORMS = {
    "onnx": Form(".onnx", _write_onnx, _read_onnx),
    "torch": Form(".pt2", _write_torch, _read_torch),
    "safetensors": Form(SUFFIX, _write_safetensors, _read_safetensors),
}
