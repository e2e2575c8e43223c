"""The constants of the cost model, measured on a machine once and kept, so that its runs share them.

A few fixed networks are trained for an epoch, and the constants fitted to what that took. No
torch is imported before there is something to measure.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from math import inf
from pathlib import Path
from time import perf_counter, thread_time
from typing import NamedTuple

import numpy as np

from evocnn.errors import DataError
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import LAYERS, Chromosome, CostModel, Counts, Fidelity, Shape
from evocnn.genotype.cost import cost_amounts
from evocnn.training.data import ImageSet, image_set
from evocnn.training.data.download import CACHE_VARIABLE, cache_root

LEAST_START = 0.001  # seconds; no training is for nothing
DIGITS = 3  # of a constant: the fit gives no more
# Images as digits and as MNIST have them, and networks whose cost lies in different things: many
# operations on few values, many values, much arithmetic, depthwise convolutions.
SMALL = (
    "conv16k3 · conv16k3 norm=none · pool · conv32k3 · conv32k1 | gap dense32 | adamw lr=.002",
    "res8k3 · res16k3s2 · res16k3 · conv32k1 | gap | sgd lr=.05 batch=32",
    "conv32k3 · pool · conv64k3 | flatten dense64 | adamw lr=.002 batch=128",
    "inv8k3e3 · inv16k3s2e3 se=4 · dws32k3 | gap | sgd lr=.05",
)
LARGE = (
    "conv8k3 · pool · conv16k3 · pool · conv32k3 | flatten | sgd lr=.05",
    "conv16k1 · conv16k5 norm=none · pool4 | gap | adamw lr=.002 batch=32",
    "conv16k3 · conv32k3s2 · conv64k3 · pool | gap dense64 | sgd lr=.05",
    "res16k3s2 · neck32k3s2 · res32k3 | gap | adamw lr=.002 batch=128",
    "dws16k3 · inv16k3s2e3 · inv24k5s2e3 | gap | sgd lr=.05",
)


class Observation(NamedTuple):
    """What a training took.

    Attributes:
        counts: The network's counts for one image.
        fidelity: Epochs and images.
        batch_size: Images in a step.
        seconds: Its time.
    """

    counts: Counts
    fidelity: Fidelity
    batch_size: int
    seconds: float


def machine_cost_model(machine: Mapping[str, object]) -> CostModel:
    """Return the constants of this machine, measured if they were not before, in two or three seconds.

    They are kept in the cache; what cannot be constants is replaced. Of processes that measure at once,
    the first to finish gives the constants of all.

    Args:
        machine: What the constants hold for, besides the device: `processor` and the version of `torch`.

    Raises:
        DataError: What is kept cannot be read.
    """
    import torch  # noqa: PLC0415

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    path = constants_file(machine, device)
    kept = _read(path)
    if kept is not None:
        return kept
    if path.exists():
        warnings.warn(
            f"file {path} must hold the constants of a cost model, but it did not; they are measured anew",
            stacklevel=2,
        )
    model = measured_cost_model()
    try:
        keep(model, path)
    except OSError as error:
        warnings.warn(
            f"the machine's cost constants could not be kept in {path.parent} ({error.strerror}): other "
            f"runs will measure others and take another course; set {CACHE_VARIABLE} to a folder that "
            "can be written, or state [training.cost]",
            stacklevel=2,
        )
        return model
    return _read(path) or model


def constants_file(machine: Mapping[str, object], device: str = "cpu") -> Path:
    """Return where the constants of a machine are kept.

    Args:
        machine: Its `processor` and its version of `torch`.
        device: The name of its GPU, or `cpu`.
    """
    key = sha256(f"{machine['processor']}\x1f{machine['torch']}\x1f{device}".encode()).hexdigest()[:16]
    return cache_root() / "cost" / f"{key}.json"


def keep(model: CostModel, path: Path) -> None:
    """Write constants to a file as a whole, unless it holds some by now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        written = Path(scratch) / "constants"
        written.write_text(json.dumps(asdict(model)), encoding="utf-8")
        try:
            os.link(written, path)
        except FileExistsError:
            if _read(path) is None:
                written.replace(path)


def _read(path: Path) -> CostModel | None:
    """Return the constants in a file; None where there is none, or none that a model can have.

    Raises:
        DataError: There is one, but it cannot be read.
    """
    try:
        found = json.loads(path.read_bytes(), parse_int=float)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        message = f"file {path} must be readable, but: {error}; remove it"
        raise DataError(message) from error
    if not isinstance(found, dict) or found.keys() != {field.name for field in fields(CostModel)}:
        return None
    if not all(isinstance(value, float) and 0 <= value < inf for value in found.values()):
        return None
    return CostModel(**found) if found["start"] > 0 else None


def measured_cost_model() -> CostModel:
    """Return constants fitted to trainings on this machine.

    On a CPU the time of the training thread counts, which neighbours hardly change.
    """
    import torch  # noqa: PLC0415

    clock = perf_counter if torch.cuda.is_available() else thread_time
    _observe((8, 8), 128, SMALL[:1], clock)  # what is loaded and allocated once a process
    return fitted([*_observe((8, 8), 768, SMALL, clock), *_observe((28, 28), 256, LARGE, clock)])


def fitted(observations: Sequence[Observation]) -> CostModel:
    """Return the constants, none below 0, with the least sum of squared relative errors.

    Args:
        observations: Of trainings that differ in what they take.
    """
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415 - takes a second to import

    amounts = np.array([cost_amounts(o.counts, o.fidelity, o.batch_size) for o in observations])
    shares = amounts / np.array([[o.seconds] for o in observations])
    units = shares.mean(axis=0)  # columns differ by ten orders of magnitude
    fit = LinearRegression(positive=True, fit_intercept=False).fit(shares / units, np.ones(len(shares)))
    start, *rest = (float(f"{constant:.{DIGITS}g}") for constant in fit.coef_ / units)
    return CostModel(max(LEAST_START, start), *rest)


def _observe(
    size: tuple[int, int], n_images: int, texts: Sequence[str], clock: Callable[[], float]
) -> list[Observation]:
    """Return what training some networks for an epoch takes, by a clock in seconds."""
    from evocnn.training.evaluator import TrainingEvaluator  # noqa: PLC0415
    from evocnn.training.protocol import Protocol  # noqa: PLC0415

    training, validation = _images(size, n_images), _images(size, n_images // 4)
    evaluate = TrainingEvaluator(training, validation, Protocol(seed=0))
    fidelity = Fidelity(1, n_images)
    observations = []
    for text in texts:
        chromosome = Chromosome.parse(text, LAYERS)
        counts = chromosome.counts(Shape(*training.shape), training.n_classes)
        start = clock()
        evaluate(EvaluationRequest(chromosome, fidelity))
        seconds = clock() - start
        observations.append(Observation(counts, fidelity, chromosome.recipe.batch_size, seconds))
    return observations


def _images(size: tuple[int, int], n_images: int) -> ImageSet:
    """Return grey noise of ten classes."""
    pixels = np.random.default_rng(0).integers(0, 256, (n_images, *size), dtype=np.uint8)
    return image_set(pixels, np.arange(n_images) % 10, name="noise")
