"""Quantization: a model as an ONNX file whose weights and activations are 8-bit integers.

Static, after training: ranges of activations are seen on training images, and each output channel has a
range of weights of its own. ONNX Runtime does it, with nodes that quantize and dequantize (QDQ). Weights
use 7 bits: on CPUs without instructions for 8 (VNNI) sums of products overflow in silence, and a file
must not depend on the CPU that it is run on.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from evocnn.deploy.export import export
from evocnn.deploy.latency import interleaved_latencies
from evocnn.deploy.model import Model
from evocnn.deploy.predict import INPUT, METADATA_KEY, OnnxModel, open_onnx
from evocnn.errors import DataError, ExperimentError, ExportError
from evocnn.genotype import JSON
from evocnn.store.durable import write_durably
from evocnn.training.data import ImageSet, training_subset
from evocnn.training.latency import Latency

N_CALIBRATION = 512  # training images, fewer where there are fewer
MAX_DROP = 0.02  # of the accuracy
_OPERATIONS = ("Conv", "Gemm", "MatMul")  # those with weights; the others are faster as they are
_BATCH = 64  # images at a time
_ROUNDING = 1e-9  # of shares, far below that of one image


class Figures(NamedTuple):
    """What was measured of an ONNX file.

    Attributes:
        accuracy: On the validation images.
        weight_bytes: Of all tensors that the file holds, scales and zero points included.
        file_bytes: Size of the file.
        latency: Of one image with one thread.
    """

    accuracy: float
    weight_bytes: int
    file_bytes: int
    latency: Latency


class Quantized(NamedTuple):
    """A model before and after quantization, measured in one run.

    Attributes:
        before: The same model with 32-bit floating-point numbers.
        after: The file that was written.
        n_images: Validation images.
        n_calibration: Training images on which ranges were seen.
        others: What was measured beside them, by name.
    """

    before: Figures
    after: Figures
    n_images: int
    n_calibration: int
    others: Mapping[str, Figures] = MappingProxyType({})

    @property
    def made(self) -> str:
        """What was done with the file, for its card."""
        before, after = self.before, self.after
        return (
            f"quantized to integers of 8 bits, with ranges of activations as {self.n_calibration:,} training "
            f"images show them; on {self.n_images:,} validation images its accuracy is {after.accuracy:.4f}, "
            f"that of the model {before.accuracy:.4f}"
        )

    @property
    def step(self) -> dict[str, JSON]:
        """What a model's steps say of it."""
        return {
            "step": "quantize",
            "images": self.n_calibration,
            "validation_accuracy": self.after.accuracy,
            "weight_bytes": self.after.weight_bytes,
            "file_bytes": self.after.file_bytes,
        }


def quantize(
    model: Model,
    path: Path,
    training: ImageSet,
    validation: ImageSet,
    max_drop: float = MAX_DROP,
    *,
    beside: Mapping[str, Model | Path] = MappingProxyType({}),
) -> Quantized:
    """Write a model as an ONNX file of 8-bit integers, and compare it with the model.

    Args:
        model: The model, pruned or not.
        path: The file, which appears only if it is accurate enough.
        training: Images of which some show the ranges of activations.
        validation: Images on which accuracies are measured.
        max_drop: Accuracy that may be lost.
        beside: Models and exported files that are measured in the same turns, by name.

    Raises:
        ExperimentError: The file's name does not end in .onnx, or the limit is no share.
        DataError: The file cannot be written.
        ExportError: The network cannot be exported or quantized, or loses more accuracy.
    """
    if path.suffix != ".onnx":
        message = f"a quantized file must end in .onnx, but it was '{path}'; change the ending"
        raise ExperimentError(message)
    if not 0 <= max_drop <= 1:
        message = (
            f"a drop of accuracy must lie between 0 and 1, but it was {max_drop:g}; write .02 for 2 points"
        )
        raise ExperimentError(message)
    shown = training_subset(training, N_CALIBRATION, model.experiment.seed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".quantize-") as folder:
            files = [Path(folder) / "float.onnx", Path(folder) / "int8.onnx"]
            export(model, "onnx", files[0], validation)
            _write(files[0], files[1], shown)
            shares = [accuracy(open_onnx(file), validation) for file in files]
            _check_drop(shares[0], shares[1], max_drop, len(validation))
            for number, other in enumerate(beside.values()):
                file = other if isinstance(other, Path) else Path(folder) / f"beside-{number}.onnx"
                if not isinstance(other, Path):
                    export(other, "onnx", file, validation)
                files.append(file)
                shares.append(accuracy(open_onnx(file), validation))
            figures = [
                Figures(share, weight_bytes(file), file.stat().st_size, latency)
                for share, file, latency in zip(shares, files, interleaved_latencies(files), strict=True)
            ]
            write_durably(path, files[1].read_bytes())
    except OSError as error:
        message = f"quantized file '{path}' must be writable, but: {error}; choose another place"
        raise DataError(message) from error
    others = dict(zip(beside, figures[2:], strict=True))
    return Quantized(figures[0], figures[1], len(validation), len(shown), others)


def accuracy(model: OnnxModel, images: ImageSet) -> float:
    """Return the share of images whose class an exported model finds."""
    n_correct = 0
    for start in range(0, len(images), _BATCH):
        found = model.probabilities(np.array(images.images[start : start + _BATCH])).argmax(axis=1)
        n_correct += int((found == images.labels[start : start + _BATCH]).sum())
    return n_correct / len(images)


def is_drop_allowed(before: float, after: float, max_drop: float) -> bool:
    """Return whether an accuracy fell by no more than is allowed; how shares are rounded does not count."""
    return before - after <= max_drop + _ROUNDING


def weight_bytes(path: Path) -> int:
    """Return the bytes of all tensors that an ONNX file holds."""
    return sum(onnx.numpy_helper.to_array(tensor).nbytes for tensor in onnx.load(path).graph.initializer)


class _Reader:
    """Hands batches of images to ONNX Runtime's calibration."""

    def __init__(self, images: ImageSet) -> None:
        starts = range(0, len(images), _BATCH)
        self._batches = (np.array(images.images[start : start + _BATCH]) for start in starts)

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        """Return the next batch; None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _write(source: Path, target: Path, images: ImageSet) -> None:
    """Write an exported file quantized, with the metadata that it had.

    Raises:
        ExportError: It cannot be quantized.
    """
    prepared = source.with_name("prepared.onnx")
    try:
        with _quiet():
            quant_pre_process(source, prepared)  # normalizations become part of their convolutions
            quantize_static(
                prepared,
                target,
                _Reader(images),
                op_types_to_quantize=list(_OPERATIONS),
                per_channel=True,
                reduce_range=True,
            )
    except Exception as error:  # ONNX Runtime's errors have nothing else in common
        message = (
            f"an exported network must be one that ONNX Runtime can quantize, but: {error}; use it as "
            "evocnn export writes it"
        )
        raise ExportError(message) from error
    quantized, entries = onnx.load(target), onnx.load(source).metadata_props
    about: dict[str, Any] = {entry.key: entry.value for entry in entries}
    about[METADATA_KEY] = json.dumps({**json.loads(about[METADATA_KEY]), "weights": "int8"})
    onnx.helper.set_model_props(quantized, about)
    onnx.save(quantized, target)


def _check_drop(before: float, after: float, max_drop: float, n_images: int) -> None:
    """Raise where quantization lost too much accuracy.

    Raises:
        ExportError: It did.
    """
    if not is_drop_allowed(before, after, max_drop):
        message = (
            f"a quantized model must lose at most {max_drop:g} of its accuracy, but on {n_images:,} "
            f"validation images it fell from {before:.4f} to {after:.4f}; nothing was kept: allow more with "
            "--max-drop, or export it unquantized"
        )
        raise ExportError(message)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime from giving advice that was followed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
