"""How long a model takes, from pixels to probabilities: by device, threads and batch size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import torch

from evocnn.deploy.forms import Classifier
from evocnn.deploy.model import SUFFIX, load_model
from evocnn.deploy.predict import CPU, open_onnx
from evocnn.errors import DataError, ExperimentError
from evocnn.training.latency import Latency, measure_latency, time_passes

N_TURNS = 7
MOST_BYTES = 2**30  # of a batch's images as a network reads them: what it makes of them is many times more
_PIXEL_BYTES = 4
_GPU_PROVIDER = "CUDAExecutionProvider"


class Measured(NamedTuple):
    """What was measured.

    Attributes:
        device: `CPU`, or the GPU's name.
        n_threads: Threads of the CPU that computed it; None on a GPU.
        batch_size: Images at a time.
        latency: Seconds of a batch.
    """

    device: str
    n_threads: int | None
    batch_size: int
    latency: Latency


def latencies(
    path: Path, batch_sizes: Sequence[int], threads: Sequence[int], *, is_trusted: bool = False
) -> Iterator[Measured]:
    """Yield how long a model takes on the CPU, and on a GPU where there is one.

    Images are random; a network takes as long for any. An .onnx file is run by ONNX Runtime, a
    .safetensors model by torch.

    Args:
        path: The model.
        batch_sizes: Images at a time.
        threads: Numbers of threads of the CPU.
        is_trusted: Whether code that a .safetensors file names may be imported.

    Raises:
        DataError: The file is no model, or neither an .onnx nor a .safetensors file, or a batch cannot be
            computed.
        ExperimentError: A batch is larger than it is for any use.
    """
    if path.suffix == ".onnx":
        yield from _of_onnx(path, batch_sizes, threads)
    elif path.suffix == SUFFIX:
        yield from _of_torch(path, batch_sizes, threads, is_trusted=is_trusted)
    else:
        message = f"a model to measure must be an .onnx or a {SUFFIX} file, but it was '{path}'; name one"
        raise DataError(message)


def interleaved_latencies(paths: Sequence[Path]) -> list[Latency]:
    """Return how long exported models take for one image with one thread, for comparison.

    They take turns, so that what else the machine does in the meantime meets all of them: median and
    interquartile range are those of the turns' medians.

    Args:
        paths: .onnx files.

    Raises:
        DataError: A file is no model.
    """
    works = []
    for path in paths:
        model = open_onnx(path, 1)
        works.append(partial(model.probabilities, _images(1, model.shape)))
    turns = np.array([[time_passes(work).median for work in works] for _ in range(N_TURNS)])  # (turns, files)
    first, median, third = np.quantile(turns, (0.25, 0.5, 0.75), axis=0)
    return [Latency(*each) for each in zip(median.tolist(), (third - first).tolist(), strict=True)]


def _of_onnx(path: Path, batch_sizes: Sequence[int], threads: Sequence[int]) -> Iterator[Measured]:
    settings: list[tuple[str, int | None, str]] = [("CPU", n, CPU) for n in threads]
    if _GPU_PROVIDER in onnxruntime.get_available_providers():  # pragma: no cover - GPU branch
        settings.append(("GPU", None, _GPU_PROVIDER))
    for device, n_threads, provider in settings:
        model = open_onnx(path, n_threads or 0, provider)
        if provider not in model.session.get_providers():  # pragma: no cover - GPU branch
            continue  # a build for GPUs, and none at hand
        for batch_size in batch_sizes:
            with _computing(batch_size):
                images = _images(batch_size, model.shape)
                latency = time_passes(partial(model.probabilities, images))
            yield Measured(device, n_threads, batch_size, latency)


def _of_torch(
    path: Path, batch_sizes: Sequence[int], threads: Sequence[int], *, is_trusted: bool
) -> Iterator[Measured]:
    model = load_model(path, is_trusted=is_trusted)
    settings: list[tuple[str, int | None, str]] = [("CPU", n, "cpu") for n in threads]
    if torch.cuda.is_available():  # pragma: no cover - GPU branch
        settings.append((torch.cuda.get_device_name(), None, "cuda"))
    for device, n_threads, place in settings:
        classifier = Classifier(model).to(place)
        for batch_size in batch_sizes:
            with _computing(batch_size):
                images = torch.from_numpy(_images(batch_size, model.input.shape)).to(place)
                latency = measure_latency(classifier, images, n_threads or torch.get_num_threads())
            yield Measured(device, n_threads, batch_size, latency)


@contextmanager
def _computing(batch_size: int) -> Iterator[None]:
    """Say of which batch it is where the memory is not enough.

    Raises:
        DataError: So it is, or something else keeps it from being computed.
    """
    try:
        yield
    except ExperimentError:
        raise
    except Exception as error:  # torch's, ONNX Runtime's and NumPy's have nothing else in common
        message = (
            f"a batch of {batch_size:,} images must be small enough for this machine, but: "
            f"{' '.join(str(error).split())[:200]}; give a smaller one"
        )
        raise DataError(message) from error


def _images(n: int, shape: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return random pixels, `(n, channels, height, width)`.

    Raises:
        ExperimentError: They are too many.
    """
    most = MOST_BYTES // (_PIXEL_BYTES * prod(shape))
    if n > most:
        message = (
            f"a batch of images of {'x'.join(map(str, shape))} must be of {most:,} at most, which take "
            f"{MOST_BYTES >> 20:,} MiB, but it was of {n:,}; give a smaller one"
        )
        raise ExperimentError(message)
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
