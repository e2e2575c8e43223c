"""The test split: read by the command that judges, after all training, and counted in the run's manifest."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import isnan, nan
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from scipy.stats import binomtest

from evocnn.config.parts import load_split
from evocnn.deploy.model import Model
from evocnn.errors import DataError, RunLockedError
from evocnn.genotype import JSON
from evocnn.runs import Run
from evocnn.runs.folder import READINGS, RUNNING
from evocnn.store import Journal, locked
from evocnn.training.data import ImageSet
from evocnn.training.data.duplicates import count_duplicates

CONFIDENCE = 0.95
SHARED = "also_in_training"  # of a test: images that are training images, too
JUDGEMENTS = "judgements"  # of a reading: by digest of the weights, all that the test images said
_RIGHT = "right"  # of one of these: a bit for each image, whether its class was found, in hexadecimal

Probabilities = npt.NDArray[np.float64]  # (n_images, n_classes)
Predict = Callable[[ImageSet], Probabilities]


@dataclass(frozen=True)
class Judgement:
    """What images with known classes say of a network.

    Attributes:
        confusion: How many images of a class (row) were taken for which (column).
        reading: How many times the run's test split had been read then, this time included.
        when: The time of that, in UTC.
        is_right: Whether the class of each image was found, in their order; empty where the judgement
            is that of a model's step, which keeps no more than the counts.
        n_shared: Images that are training images of the source, too; None where nobody counted.
    """

    confusion: tuple[tuple[int, ...], ...]
    reading: int = 1
    when: str = ""
    is_right: tuple[bool, ...] = ()
    n_shared: int | None = None

    @property
    def n_images(self) -> int:
        """Number of images."""
        return sum(map(sum, self.confusion))

    @property
    def n_correct(self) -> int:
        """Number of images whose class was found."""
        return sum(row[label] for label, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of images whose class was found."""
        return self.n_correct / self.n_images

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the accuracy at 95 % confidence: Wilson (1927), JASA 22."""
        found = binomtest(self.n_correct, self.n_images).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)

    @property
    def class_accuracies(self) -> tuple[float, ...]:
        """Share of each class's images whose class was found; nan where there are none."""
        return tuple(row[label] / sum(row) if any(row) else nan for label, row in enumerate(self.confusion))

    @property
    def overlap(self) -> str:
        """What is to be said of images that are training images, too; nothing where there are none."""
        return overlap(self.n_shared, self.n_images) if self.n_shared else ""

    @property
    def step(self) -> dict[str, JSON]:
        """The judgement as a step of a model."""
        return {
            "step": "test",
            "images": self.n_images,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "class_accuracies": [None if isnan(value) else value for value in self.class_accuracies],
            "confusion": [list(row) for row in self.confusion],
            "reading": self.reading,
            "when": self.when,
            SHARED: self.n_shared,
        }


def recorded(steps: Sequence[Mapping[str, Any]]) -> Judgement | None:
    """Return what a test said of a model that has not been changed since; None where there was none."""
    if not steps or steps[-1]["step"] != "test":
        return None
    return judgement_in(steps[-1])


def judgement_in(step: Mapping[str, Any]) -> Judgement:
    """Return the judgement that a step of a test holds, see `Judgement.step`, or an entry of the manifest."""
    confusion = tuple(map(tuple, step["confusion"]))
    judgement = Judgement(confusion, step["reading"], step["when"], n_shared=step.get(SHARED))
    if _RIGHT not in step:
        return judgement
    right = np.frombuffer(bytes.fromhex(step[_RIGHT]), np.uint8)
    is_right = np.unpackbits(right, count=judgement.n_images).astype(bool)
    return replace(judgement, is_right=tuple(is_right.tolist()))


def overlap(n_shared: int, n_images: int) -> str:
    """Return that some test images are training images, too."""
    what = "is a training image" if n_shared == 1 else "are training images"
    return (
        f"{n_shared:,} of the {n_images:,} test images {what}, too, pixel for pixel; on new images the "
        "accuracy may be lower"
    )


def probabilities(model: Model, images: ImageSet) -> Probabilities:
    """Return the class probabilities that a model gives images, shape `(n_images, n_classes)`."""
    found: Probabilities = softmax(model.logits(images).astype(np.float64), axis=1)
    return found


def judgement_of(found: Probabilities, images: ImageSet) -> Judgement:
    """Return what images say of a network, by the class of the highest probability."""
    n_classes = images.n_classes
    taken_for = found.argmax(axis=1)
    pairs = images.labels * n_classes + taken_for
    confusion = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    is_right = tuple((taken_for == images.labels).tolist())
    return Judgement(tuple(map(tuple, confusion.tolist())), is_right=is_right)


def check_at_rest(run: Run) -> None:
    """Raise where a search is running, whose test split must not be read yet.

    Raises:
        RunLockedError: It is.
    """
    if run.status == RUNNING:
        message = (
            f"run '{run.folder}' must have ended before its test split is read, but it was running; wait "
            "for it or stop it"
        )
        raise RunLockedError(message)


def judge_models(
    run: Run, what: str, models: Mapping[str, Model], data: Path | None = None
) -> dict[str, Judgement]:
    """Judge models as `judge` does, so that `earlier_tests` finds what was said of each."""
    predictors = {name: partial(probabilities, model) for name, model in models.items()}
    return judge(run, what, predictors, data, digests={name: model.digest for name, model in models.items()})


def judge(
    run: Run,
    what: str,
    predictors: Mapping[str, Predict],
    data: Path | None = None,
    *,
    digests: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Judgement]:
    """Read the test split of a run, judge networks on it, and write that into the run's manifest.

    Test images that are training images, too, are counted, and no less tested.

    Args:
        run: The run; nothing is trained or chosen by what this returns.
        what: What is judged, for the manifest.
        predictors: What gives class probabilities, by name; all are judged in one reading.
        data: Images in place of the experiment's own.
        digests: Of the weights of what is judged, by name; `earlier_judgements` finds by them what was said.

    Returns:
        The judgements by name.

    Raises:
        DataError: There is no test split, it cannot be used, or is another than before; nothing is
            written then.
        RunLockedError: Another process works on the run.
    """
    check_at_rest(run)
    experiment = run.experiment
    with locked(run.folder), Journal.open(run.folder) as journal:
        class_names, path = tuple(run.manifest["data"]["class_names"]), run.data_path(data)
        training, images = (
            load_split(experiment.data, name, experiment.folder, path, class_names=class_names)
            for name in ("train", "test")
        )
        _check_form(images, tuple(run.manifest["data"]["shape"]))
        entries: Any = journal.get(READINGS) or []
        _check_known(images, entries)
        reading, when = len(entries) + 1, datetime.now(UTC).isoformat(timespec="seconds")
        n_shared = count_duplicates(training, images).shared
        found = {
            name: replace(
                judgement_of(predict(images), images), reading=reading, when=when, n_shared=n_shared
            )
            for name, predict in predictors.items()
        }
        entry: dict[str, JSON] = {
            "reading": reading,
            "when": when,
            "what": what,
            "images": len(images),
            "digest": images.digest,
            SHARED: n_shared,
            "accuracies": {name: judgement.accuracy for name, judgement in found.items()},
            JUDGEMENTS: {digest: _entry(found[name]) for name, digest in digests.items()},
        }
        journal.set(READINGS, [*entries, entry])
    return found


def _entry(judgement: Judgement) -> dict[str, JSON]:
    """Return all of a judgement, ready for JSON."""
    return {**judgement.step, _RIGHT: np.packbits(judgement.is_right).tobytes().hex()}


def _check_known(images: ImageSet, entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise where the run was tested on other images before: figures of the two cannot stand together.

    Raises:
        DataError: It was.
    """
    known = entries[0]["digest"] if entries else images.digest
    if images.digest != known:
        message = (
            f"test images must be those of the run's first test, digest {known[:12]}, but were "
            f"{images.digest[:12]}; give them with --data"
        )
        raise DataError(message)


def _check_form(images: ImageSet, shape: tuple[int, ...]) -> None:
    """Raise where test images are none, or others than a network takes; warn of what is left out.

    Raises:
        DataError: They are.
    """
    for note in images.notes:
        warnings.warn(note, stacklevel=3)
    if not len(images) or images.shape != shape:
        message = (
            f"test images must be some, of shape {shape}, but were {len(images)} of {images.shape}; correct "
            "the test split, or give data.size and data.channels and search anew"
        )
        raise DataError(message)
