"""A search as one estimator with scikit-learn's conventions: images in, the best network found inside."""

import warnings
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from evocnn.config import Experiment
from evocnn.deploy.full_training import train_in_full
from evocnn.deploy.judgement import probabilities
from evocnn.deploy.model import Model
from evocnn.deploy.terms import full_training, terms_of
from evocnn.errors import DataError, ExperimentError, JournalError
from evocnn.evaluation import METRICS, TIMED
from evocnn.runs import Run, Workers, run
from evocnn.runs.pick import check_pick, pick
from evocnn.store import Record
from evocnn.store.journal import check_new
from evocnn.training.data import ImageSet, image_set

_IMAGES = "images.npz"  # in the run folder
_MOST_SEEDS = 2**31 - 1
_MEASURED = [name for name in METRICS if name not in TIMED]


class EvoClassifier(ClassifierMixin, BaseEstimator):
    """Evolves networks for images, trains one of them in full on all images, and classifies with it.

    Args:
        preset: The search space, such as `tiny` or `resnet-like`; see docs/search-space.md.
        budget: Of the search: `50` full trainings, `"500 epochs"`, or a time such as `"10m"`.
        epochs: Length of a full training.
        population: Individuals of the search.
        pick: Which network of the front is used: `best-accuracy`, `knee`, `smallest`, or conditions such
            as `parameters<5000`.
        workers: Ray workers; 0 for none.
        folder: Where the run is kept, which must not hold one; it is dropped after `fit` if not given.
        random_state: Seed of everything; None draws one.

    Attributes:
        classes_: The labels, sorted.
        front_: The Pareto front: `front_.members` with `text` and `metrics`, `front_.knee`.
        run_: The whole search; its folder is gone unless `folder` was given.
        model_: The trained network, an `evocnn.deploy.model.Model`.
        image_shape_: Channels, height and width.
    """

    def __init__(
        self,
        preset: str = "tiny",
        *,
        budget: int | str = 50,
        epochs: int = 10,
        population: int = 24,
        pick: str = "best-accuracy",
        workers: int = 0,
        folder: str | Path | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.preset = preset
        self.budget = budget
        self.epochs = epochs
        self.population = population
        self.pick = pick
        self.workers = workers
        self.folder = folder
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:  # noqa: N803 - scikit-learn's name
        """Search, then train the picked network in full on all images.

        Args:
            X: Images of one size, shape `(n, height, width)`, `(n, height, width, channels)` or
                `(n, channels, height, width)` with 1 or 3 channels; pixels are 0..255, or floats in 0..1.
            y: Labels of any kind, shape `(n,)`, at least two images of each.

        Raises:
            ValueError: Images or labels cannot be used.
            EvocnnError: A parameter is wrong, or the folder cannot be used.
        """
        if y is None:
            message = "EvoClassifier requires y to be passed, but the target y is None"
            raise ValueError(message)
        check_pick(self.pick, _MEASURED)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        classes, numbers = np.unique(labels, return_inverse=True)
        names = np.array([str(label) for label in classes])
        images = _checked(X, names[numbers])
        seed = int(check_random_state(self.random_state).randint(_MOST_SEEDS))
        with ExitStack() as cleanup:
            folder = Path(self.folder or cleanup.enter_context(TemporaryDirectory(prefix="evocnn-")))
            found = self._searched(images, folder, seed)
            model = self._trained(found)
        self.run_, self.front_, self.model_ = found, found.front, model
        self.classes_, self.image_shape_ = classes, images.shape
        self._columns = [model.class_names.index(name) for name in names]
        self._takes_fractions = _is_fraction(np.asarray(X))
        return self

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: N803
        """Return the probabilities of `classes_`, shape `(n, n_classes)`, of images as in `fit`.

        Raises:
            ValueError: Images cannot be used, or are of another shape.
        """
        check_is_fitted(self)
        array = np.asarray(X)
        if array.dtype.kind == "f" and not self._takes_fractions and np.array_equal(array, np.rint(array)):
            array = array.astype(np.int64)  # whole numbers as in `fit`, also where all are 0 or 1
        images = _checked(array)
        if images.shape != self.image_shape_:
            message = (
                f"images must have the shape of those in fit, {self.image_shape_}, but it was "
                f"{images.shape}; bring them to it"
            )
            raise ValueError(message)
        return probabilities(self.model_, images)[:, self._columns]

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:  # noqa: N803
        """Return the label of each image, shape `(n,)`.

        Raises:
            ValueError: Images cannot be used, or are of another shape.
        """
        found = self.predict_proba(X)
        labels: npt.NDArray[Any] = self.classes_[found.argmax(axis=1)]
        return labels

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect: images, no tables."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _searched(self, images: ImageSet, folder: Path, seed: int) -> Run:
        """Return the run; images lie in its folder, so that commands find them."""
        try:
            check_new(folder)
        except JournalError as error:  # whose advice is the command line's
            message = f"folder '{folder}' must be new, but it held a run; give another folder"
            raise JournalError(message) from error
        tables = {
            "name": "evo-classifier",
            "seed": seed,
            "data": {"source": "npz", "path": str((folder / _IMAGES).resolve())},
            "space": {"preset": self.preset},
            "training": {"epochs": self.epochs},
            "search": {"budget": self.budget, "population": self.population},
        }
        experiment = Experiment.from_dict(tables, source="EvoClassifier")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            labels = np.array(images.class_names)[images.labels]
            pixels = np.moveaxis(images.images, 1, -1)  # channels last are told apart for any size
            np.savez(folder / _IMAGES, images=pixels, labels=labels)
        except OSError as error:
            message = f"folder '{folder}' must be writable, but: {error}; choose another"
            raise DataError(message) from error
        return run(experiment, folder, workers=self.workers)

    def _trained(self, found: Run) -> Model:
        """Return the picked network, trained in full on all images.

        Raises:
            ExperimentError: There is nothing to pick, or its training failed.
        """
        record = _picked(found, self.pick)
        terms = terms_of(found, epochs=self.epochs, all_data=True)
        training = full_training(terms, record, self.pick, 0)
        (model,) = train_in_full(
            terms, [training], Workers(self.workers), on_piece=lambda _: None, should_stop=lambda: False
        )
        if model is None:
            message = (
                f"the picked network must train to its end, but its training failed: "
                f"{training.chromosome.text}; give another pick or random_state"
            )
            raise ExperimentError(message)
        return model


def _picked(found: Run, wanted: str) -> Record:
    """Return the network of the front that is wanted, or the most accurate candidate where it is empty.

    Raises:
        ExperimentError: There is no such network, or every training failed.
    """
    candidates = [record for record in found.candidates if "validation_accuracy" in record.metrics]
    if not candidates:
        message = (
            f"a network must be trained to its end, but of {len(found.records):,} none was; give more "
            "budget, fewer epochs or another random_state"
        )
        raise ExperimentError(message)
    if found.front.members:
        return pick(found, wanted)
    warnings.warn(
        "the front is empty, as nothing was trained to its end or told classes apart better than by "
        "chance; the most accurate candidate is taken; give more budget or epochs",
        stacklevel=4,
    )
    return max(candidates, key=lambda record: record.metrics["validation_accuracy"])


def _checked(images: npt.ArrayLike, labels: npt.NDArray[np.str_] | None = None) -> ImageSet:
    """Return images as they are trained on.

    Raises:
        ValueError: They cannot be used.
    """
    try:
        if labels is not None:
            return image_set(images, labels, name="X")
        n_images = len(np.asarray(images))
        return image_set(
            images, np.zeros(n_images, np.int64), class_names=("a", "b"), name="X", min_per_class=0
        )
    except DataError as error:
        raise ValueError(str(error)) from error


def _is_fraction(images: npt.NDArray[Any]) -> bool:
    """Return whether images were floats in 0..1."""
    return images.dtype.kind == "f" and float(images.max()) <= 1
