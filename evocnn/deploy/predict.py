"""Classes of image files by an exported model, with ONNX Runtime alone; no torch in here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import PositiveInt, TypeAdapter

from evocnn.errors import DataError, printable
from evocnn.training.data.framing import Fit
from evocnn.training.data.image_file import bombs_refused, decode
from evocnn.training.data.listing import is_image

METADATA_KEY = "evocnn"  # of the file's metadata
INPUT, PROBABILITIES, LOGITS = "images", "probabilities", "logits"  # of the graph
CPU = "CPUExecutionProvider"
_BATCH = 64  # images at a time
_ENDINGS = (".jpeg", ".jpg", ".png", ".webp")  # of files that are to be images, even where they are none
_ERRORS_ALONE = 3  # severity from which ONNX Runtime writes to the terminal


@dataclass(frozen=True)
class OnnxModel:
    """An exported model, ready to be run.

    Attributes:
        session: ONNX Runtime's.
        class_names: In the order of the probabilities.
        shape: Channels, height and width of an image.
        fit: What happens to images of another aspect ratio, see `Framing`.
    """

    session: Any
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    fit: Fit

    def probabilities(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return probabilities, `(n, n_classes)`, of images `(n, channels, height, width)`."""
        found: npt.NDArray[np.float32] = self.session.run([PROBABILITIES], {INPUT: pixels})[0]
        return found


@dataclass(frozen=True)
class _About:
    """What is read of a file's metadata."""

    class_names: tuple[str, ...]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt]
    fit: Fit


_ABOUT = TypeAdapter(_About)


class Prediction(NamedTuple):
    """What a model says of an image file.

    Attributes:
        path: The file.
        probabilities: Of the classes, `(n_classes,)`; None where the file cannot be read.
        reason: Why it cannot be read.
    """

    path: Path
    probabilities: npt.NDArray[np.float32] | None
    reason: str = ""


class Listing(NamedTuple):
    """What files and folders hold.

    Attributes:
        images: Files that are named, and those of folders that start, or are named, like images.
        others: The other files of folders.
    """

    images: tuple[Path, ...]
    others: tuple[Path, ...]


def open_onnx(path: Path, n_threads: int = 0, provider: str = CPU) -> OnnxModel:
    """Return an exported model.

    Args:
        path: The file.
        n_threads: Threads of the CPU that compute it; 0 for one a core.
        provider: What computes it.

    Raises:
        DataError: The file cannot be read, or evocnn did not export it.
    """
    if path.suffix != ".onnx":
        message = (
            f"a model to predict with must be an .onnx file, but it was '{path}'; evocnn export makes one of "
            "a model"
        )
        raise DataError(message)
    if not path.is_file():
        there = "a folder" if path.is_dir() else "missing"
        message = (
            f"model '{path}' must be a file, but it was {there}; check the path, or make one with evocnn "
            "export"
        )
        raise DataError(message)
    session = session_of(path, n_threads, provider)
    try:
        found = _ABOUT.validate_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    except (KeyError, ValueError) as error:
        message = (
            f"'{path}' must hold class names and the images' shape, but it held none; export it with "
            "evocnn export"
        )
        raise DataError(message) from error
    _check_graph(path, session, found)
    return OnnxModel(session, tuple(map(printable, found.class_names)), found.shape, found.fit)


def _check_graph(path: Path, session: Any, about: _About) -> None:
    """Raise where a file's graph is not the one that its metadata tell of.

    Raises:
        DataError: It is another.
    """
    inputs = [(one.name, one.type, one.shape[1:]) for one in session.get_inputs()]
    outputs = {one.name: one.shape[-1:] for one in session.get_outputs()}
    wanted = (INPUT, "tensor(uint8)", list(about.shape))
    if inputs != [wanted] or outputs.get(PROBABILITIES) != [len(about.class_names)]:
        message = (
            f"the graph of '{path}' must take {wanted} and give '{PROBABILITIES}' of "
            f"{len(about.class_names)} classes, as its metadata say, but it takes {inputs} and gives "
            f"{outputs}; export it with evocnn export"
        )
        raise DataError(message)


def session_of(path: Path, n_threads: int = 0, provider: str = CPU) -> Any:
    """Return a session of ONNX Runtime.

    Args:
        path: The model.
        n_threads: Threads of the CPU that compute it; 0 for one a core.
        provider: What computes it.

    Raises:
        DataError: The file cannot be read.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.log_severity_level = _ERRORS_ALONE
    try:
        return onnxruntime.InferenceSession(path, options, providers=[provider])
    except Exception as error:  # ONNX Runtime's errors have nothing else in common
        message = f"model '{path}' must be readable, but: {error}; make it anew with evocnn export"
        raise DataError(message) from error


def list_files(paths: Sequence[Path]) -> Listing:
    """Return the files that are named and those in folders, however deep; hidden ones are passed over."""
    images: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if not path.is_dir():
            images.append(path)
            continue
        for found in sorted(path.rglob("*")):
            is_hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.is_file() and not is_hidden:
                is_meant = found.suffix.lower() in _ENDINGS
                (images if is_meant or is_image(found) else others).append(found)
    return Listing(tuple(images), tuple(others))


def predict(model: OnnxModel, paths: Iterable[Path]) -> Iterator[Prediction]:
    """Yield what a model says of each image file, in their order, decoded as for training."""
    mode = "L" if model.shape[0] == 1 else "RGB"
    rest = iter(paths)
    while batch := list(islice(rest, _BATCH)):
        pixels = np.zeros((len(batch), *model.shape), dtype=np.uint8)
        with bombs_refused():
            reasons = [
                decode(path, row, mode, model.shape[1:], model.fit) if path.is_file() else "no such file"
                for path, row in zip(batch, pixels, strict=True)
            ]
        for path, reason, row in zip(batch, reasons, model.probabilities(pixels), strict=True):
            yield Prediction(path, row) if reason is None else Prediction(path, None, reason)
