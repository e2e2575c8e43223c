"""The estimator: scikit-learn's conventions, any labels, any layout of images, and what it keeps."""

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import evocnn
from evocnn import EvoClassifier
from evocnn.deploy import classifier as module
from evocnn.errors import EvocnnError, ExperimentError, JournalError

Array = npt.NDArray[Any]
TINY: dict[str, Any] = {"budget": 2, "epochs": 2, "population": 2, "random_state": 0}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Say nothing of empty fronts, where searches are as small as here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the front is empty")
        yield


@pytest.fixture(scope="module")
def stripes() -> tuple[Array, Array]:
    """Return 200 images of 6x8, bright above or below, and their labels."""
    pixels = np.random.default_rng(0).integers(0, 100, (200, 6, 8), dtype=np.uint8)
    pixels[::2, :3] += 150
    pixels[1::2, 3:] += 150
    return pixels, np.tile(["up", "down"], 100)


@pytest.fixture(scope="module")
def fitted(stripes: tuple[Array, Array]) -> EvoClassifier:
    images, labels = stripes
    return EvoClassifier(budget=5, epochs=12, population=4, random_state=1).fit(images, labels)


def test_it_learns_and_names_what_it_learned(fitted: EvoClassifier, stripes: tuple[Array, Array]) -> None:
    images, labels = stripes
    assert fitted.classes_.tolist() == ["down", "up"]
    assert fitted.image_shape_ == (1, 6, 8)
    assert fitted.score(images, labels) > 0.9
    found = fitted.predict_proba(images)
    assert found.shape == (200, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (fitted.classes_[found.argmax(axis=1)] == fitted.predict(images)).all()


def test_the_front_is_that_of_the_search_and_the_network_is_on_it(fitted: EvoClassifier) -> None:
    best = max(fitted.front_.members, key=lambda record: record.metrics["validation_accuracy"])
    assert fitted.front_ is fitted.run_.front
    assert fitted.model_.chromosome.key == best.key
    step = fitted.model_.steps[0]
    assert (step["images"], step["all_data"], step["epochs"]) == (200, True, 12)  # validation images, too
    assert not fitted.run_.folder.exists()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([7, 30, 100]),
        np.array([-1.0, 0.0, 2.0]),
        np.array(["b", "ä", "B"], dtype=object),
    ],
    ids=["gaps", "floats", "objects"],
)
def test_labels_of_any_kind_come_back(labels: Array) -> None:
    """Sorted as texts they have another order than as numbers."""
    numbers = np.arange(240) % 3
    images = np.repeat(np.array([0, 120, 250], dtype=np.uint8), 16).reshape(3, 4, 4)[numbers]
    model = EvoClassifier(budget=2, epochs=20, population=2, random_state=3).fit(images, labels[numbers])
    assert model.classes_.tolist() == sorted(labels.tolist())
    assert model.score(images, labels[numbers]) > 0.9
    assert model.predict(images).dtype == labels.dtype


def test_images_of_any_layout_are_the_same_to_it(fitted: EvoClassifier, stripes: tuple[Array, Array]) -> None:
    images = stripes[0]
    expected = fitted.predict_proba(images)
    for same in (images[..., None], images[:, None], images / 255, images.astype(float), images.tolist()):
        np.testing.assert_array_equal(fitted.predict_proba(same), expected)


def test_whole_floats_stay_what_they_were_in_fit(fitted: EvoClassifier, stripes: tuple[Array, Array]) -> None:
    """A dark image of zeros and ones is not one of fractions, unless those of fit were."""
    dark = (stripes[0][:3] > 128).astype(np.uint8)
    np.testing.assert_array_equal(fitted.predict_proba(dark.astype(float)), fitted.predict_proba(dark))
    fractions = EvoClassifier(**TINY).fit(stripes[0] / 255, stripes[1])
    np.testing.assert_array_equal(
        fractions.predict_proba(dark.astype(float)), fractions.predict_proba(dark * 255)
    )


def test_the_same_seed_gives_the_same_network_and_another_one_another(stripes: tuple[Array, Array]) -> None:
    images, labels = stripes[0][:40], stripes[1][:40]

    def found(seed: Any) -> Array:
        model = EvoClassifier(**{**TINY, "epochs": 1, "random_state": seed}).fit(images, labels)
        array: Array = model.predict_proba(images)
        return array

    five = found(5)
    np.testing.assert_array_equal(found(5), five)
    np.testing.assert_array_equal(found(np.random.RandomState(5)), found(np.random.RandomState(5)))
    assert not np.array_equal(five, found(6))
    assert not np.array_equal(found(None), found(None))


def test_it_pickles(fitted: EvoClassifier, stripes: tuple[Array, Array]) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(stripes[0]), fitted.predict_proba(stripes[0]))
    assert [one.text for one in again.front_.members] == [one.text for one in fitted.front_.members]


def test_parameters_are_read_set_and_cloned(fitted: EvoClassifier) -> None:
    assert fitted.get_params()["budget"] == 5
    copy = clone(fitted).set_params(pick="knee", preset="vgg-like")
    assert (copy.pick, copy.preset, copy.epochs) == ("knee", "vgg-like", 12)
    assert not hasattr(copy, "classes_")
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        copy.set_params(depth=3)


def test_a_folder_keeps_a_run_that_commands_can_read(stripes: tuple[Array, Array], tmp_path: Path) -> None:
    from evocnn.deploy.images import validation_images
    from evocnn.deploy.model import load_model

    folder = tmp_path / "new" / "kept"
    model = EvoClassifier(**TINY, folder=folder).fit(*stripes)
    assert evocnn.open_run(folder).experiment.training.epochs == 2
    (saved,) = folder.glob("models/*/model.safetensors")
    assert load_model(saved).chromosome == model.model_.chromosome
    assert len(validation_images(load_model(saved))) == 40
    before = (folder / "images.npz").read_bytes()
    with pytest.raises(JournalError, match=r"kept' must be new, but it held a run; give another folder$"):
        EvoClassifier(**TINY, folder=folder).fit(stripes[0][::-1], stripes[1])
    assert (folder / "images.npz").read_bytes() == before


def test_other_settings_reach_the_search(stripes: tuple[Array, Array], tmp_path: Path) -> None:
    model = EvoClassifier(
        "vgg-like",
        budget="4 epochs",
        epochs=1,
        population=3,
        pick="smallest",
        random_state=3,
        folder=tmp_path,
    ).fit(*stripes)
    found = model.run_.experiment
    assert (found.search.budget.epochs, found.search.population, found.training.epochs) == (4, 3, 1)
    assert "Simonyan" in found.space.source
    counts = [record.metrics["parameters"] for record in model.front_.members]
    assert model.model_.steps[0]["parameters"] == min(counts)


def test_an_empty_front_is_told_and_the_best_network_taken(stripes: tuple[Array, Array]) -> None:
    """Labels that mean nothing: no network is above the floor, and one of two ends ahead of its last rung."""
    noise = np.random.default_rng(0).integers(0, 255, (40, 4, 4), dtype=np.uint8)
    with pytest.warns(UserWarning, match="the front is empty.*; give more budget or epochs"):
        model = EvoClassifier(**TINY).fit(noise, np.arange(40) % 2)
    accuracies = {one.key: one.metrics["validation_accuracy"] for one in model.run_.candidates}
    assert model.front_.members == ()
    assert accuracies[model.model_.chromosome.key] == max(accuracies.values())
    assert model.predict(noise).shape == (40,)


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (np.zeros((4, 3)), [0, 0, 1, 1], r"images of 'X' must have shape \(n, height, width\)"),
        (np.full((4, 3, 3), np.nan), [0, 0, 1, 1], "must be finite"),
        (np.zeros((4, 3, 3)), [0, 0, 0, 0], "must have at least 2 classes"),
        (np.zeros((4, 3, 3)), [0, 1, 1, 1], "must have at least 2 images, but class '0' had 1"),
        (np.zeros((4, 3, 3)), [0, 0, 1], "must be as many as its images"),
        (np.zeros((4, 3, 3)), [0.5, 0.1, 1, 1], "Unknown label type"),
        (np.zeros((4, 3, 3)), None, "requires y to be passed"),
        (np.zeros((2, 3, 3)), [[0, 1], [1, 0]], "y should be a 1d array"),
    ],
    ids=["rows", "nan", "one class", "one image", "lengths", "continuous", "none", "columns"],
)
def test_images_and_labels_that_cannot_be_used_are_value_errors(
    images: Any, labels: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        EvoClassifier(**TINY).fit(images, labels)


def test_images_of_another_shape_are_refused(fitted: EvoClassifier) -> None:
    with pytest.raises(ValueError, match=r"shape of those in fit, \(1, 6, 8\), but it was \(1, 8, 6\)"):
        fitted.predict(np.zeros((2, 8, 6)))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"budget": "long"}, "a budget must be a number"),
        ({"preset": "tinny"}, "did you mean 'tiny'"),
        ({"epochs": 0}, "epochs"),
        ({"pick": "bst"}, "a pick must be knee"),
        ({"pick": "0"}, "a pick must be knee"),
        ({"pick": "paramters<500"}, "must name a metric .*; did you mean 'parameters'"),
    ],
    ids=["budget", "preset", "epochs", "pick", "ticket", "metric"],
)
def test_a_wrong_parameter_is_told_by_fit_alone(
    settings: dict[str, Any],
    expected: str,
    stripes: tuple[Array, Array],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ahead of the search, which may take hours."""
    monkeypatch.setattr(module, "run", lambda *_, **__: pytest.fail("it searched"))
    model = EvoClassifier(**{**TINY, **settings})
    with pytest.raises(EvocnnError, match=expected):
        model.fit(*stripes)


def test_a_search_in_which_every_training_fails_names_no_folder_that_is_gone(
    stripes: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = SimpleNamespace(candidates=[], records=[None, None], front=SimpleNamespace(members=()))
    monkeypatch.setattr(module, "run", lambda *_, **__: nothing)
    with pytest.raises(ExperimentError, match="but of 2 none was; give more budget, fewer epochs or another"):
        EvoClassifier(**TINY).fit(*stripes)


def test_a_training_that_fails_is_no_model(
    stripes: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "train_in_full", lambda *_, **__: [None])
    with pytest.raises(ExperimentError, match=r"must train to its end, but its training failed: .* \| .*;"):
        EvoClassifier(**TINY).fit(*stripes)


def test_predicting_ahead_of_fit_is_refused() -> None:
    with pytest.raises(NotFittedError, match="This EvoClassifier instance is not fitted yet"):
        EvoClassifier().predict(np.zeros((1, 8, 8)))


def test_it_works_within_scikit_learn() -> None:
    digits = load_digits(n_class=3)
    images, labels = digits.images[:60], digits.target[:60]
    pipeline = make_pipeline(FunctionTransformer(np.flip, kw_args={"axis": 1}), EvoClassifier(**TINY))
    assert pipeline.fit(images, labels).predict_proba(images[:4]).shape == (4, 3)
    grid = GridSearchCV(EvoClassifier(**TINY), {"epochs": [1, 2]}, cv=2, error_score="raise")
    grid.fit(images, labels)
    assert grid.best_estimator_.epochs == grid.best_params_["epochs"]
    assert grid.predict(images[:3]).shape == (3,)


class Strips(EvoClassifier):
    """Takes tables, as scikit-learn's checks hand them over: each row as an image of height 1."""

    def __init__(self, random_state: Any = 0) -> None:
        super().__init__(budget=2, epochs=1, population=2, random_state=random_state)

    def fit(self, X: Any, y: Any) -> "Strips":  # noqa: N803
        self.n_features_in_ = np.shape(X)[1]
        return super().fit(self._strips(X), y)

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        module.check_is_fitted(self)
        return super().predict_proba(self._strips(X))

    @staticmethod
    def _strips(table: Any) -> Array:
        values = np.asarray(table, dtype=float)
        return np.clip(np.rint((values + 5) * 12), 0, 255).astype(np.uint8)[:, None, :]


# Checks of parameters need no images; checks of fitting get tables as strips. Left out are those whose
# tables or labels are no images: sparse, complex, infinite or object entries, one feature or one sample,
# names of columns, the number of columns, sample weights, and the one that wants 0.83 accuracy at once.
PARAMETERS = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
)
FITTING = (
    "check_estimators_unfitted",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_supervised_y_2d",
    "check_requires_y_none",
    "check_readonly_memmap_input",
)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_as_scikit_learn_checks_them(name: str) -> None:
    getattr(estimator_checks, name)("EvoClassifier", EvoClassifier())


@pytest.mark.parametrize("name", FITTING)
def test_fitting_is_as_scikit_learn_checks_it(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(estimator_checks, name)("Strips", Strips())
