"""What test images say of a network, and how often they were asked."""

from dataclasses import asdict, replace
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evocnn import open_run
from evocnn.deploy.earlier_tests import earlier_judgements
from evocnn.deploy.judgement import (
    Judgement,
    Probabilities,
    check_at_rest,
    judge,
    judgement_in,
    judgement_of,
    probabilities,
    recorded,
)
from evocnn.deploy.model import Model
from evocnn.errors import DataError, RunLockedError
from evocnn.evaluation import Objective
from evocnn.runs import Run
from evocnn.store import Journal, locked
from evocnn.training.data import ImageSet, image_set

LABELS = np.array([0, 0, 0, 1, 1, 3])
TAKEN_FOR = np.array([0, 0, 2, 1, 0, 3])
CONFUSION = ((2, 0, 1, 0), (1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 1))


def images_of(labels: Any, side: int = 4) -> ImageSet:
    pixels = np.zeros((len(labels), side, side), np.uint8)
    return image_set(pixels, labels, class_names=tuple("abcd"), name="mine", min_per_class=0)


def certain(classes: Any) -> Probabilities:
    """Return probabilities of one for some classes."""
    return np.eye(4)[classes]


@pytest.fixture
def at_rest(tmp_path: Path) -> Run:
    """Return a finished run on data whose test split is `LABELS`."""
    path = tmp_path / "data.npz"
    np.savez(
        path,
        x_train=np.zeros((8, 4, 4), np.uint8),
        y_train=np.arange(8) % 4,
        x_test=np.arange(96, dtype=np.uint8).reshape(6, 4, 4),
        y_test=LABELS,
    )
    tables = {
        "name": "mine",
        "data": {"source": "npz", "path": str(path)},
        "space": {"layers": {"conv": {"filters": 4, "kernel": 3}}},
    }
    manifest: dict[str, Any] = {
        "status": "finished",
        "experiment": tables,
        "experiment_folder": str(tmp_path),
        "data": {"class_names": ["0", "1", "2", "3"], "shape": [1, 4, 4]},
        "objectives": [asdict(Objective("parameters", -1.0, reference=5000.0))],
    }
    Journal.create(tmp_path, manifest).__exit__()
    return open_run(tmp_path)


def change_test_images(folder: Path, images: np.ndarray[Any, Any]) -> None:
    with np.load(folder / "data.npz") as file:
        arrays = dict(file)
    np.savez(folder / "data.npz", **{**arrays, "x_test": images})


def readings_of(run: Run) -> Any:
    return open_run(run.folder).manifest.get("tests", [])


def test_a_confusion_is_counted_by_class_and_by_what_it_was_taken_for() -> None:
    found = judgement_of(certain(TAKEN_FOR), images_of(LABELS))
    assert found.confusion == CONFUSION
    assert (found.n_images, found.n_correct, found.accuracy) == (6, 4, pytest.approx(4 / 6))
    assert found.class_accuracies[:2] == pytest.approx((2 / 3, 1 / 2))
    assert isnan(found.class_accuracies[2])
    assert found.is_right == (True, True, False, True, False, True)
    assert found.class_accuracies[3] == 1


@pytest.mark.parametrize(("n_correct", "n_images"), [(0, 5), (340, 355), (355, 355)])
def test_the_interval_is_wilsons(n_correct: int, n_images: int) -> None:
    z, p = 1.959963984540054, n_correct / n_images
    centre = (p + z**2 / (2 * n_images)) / (1 + z**2 / n_images)
    half = z / (1 + z**2 / n_images) * sqrt(p * (1 - p) / n_images + z**2 / (4 * n_images**2))
    found = Judgement(((n_correct, n_images - n_correct), (0, 0)))
    assert found.interval == pytest.approx((max(0, centre - half), min(1, centre + half)), abs=1e-12)


def test_a_step_holds_all_of_a_judgement() -> None:
    judgement = Judgement(CONFUSION, 3, "2026-01-02T03:04:05+00:00", n_shared=2)
    assert recorded([{"step": "train"}, judgement.step]) == judgement
    assert judgement.step["class_accuracies"][2:] == [None, 1.0]  # type: ignore[index]


@pytest.mark.parametrize("steps", [[], [{"step": "train"}], [Judgement(CONFUSION).step, {"step": "prune"}]])
def test_a_model_that_was_changed_since_its_test_has_no_judgement(steps: list[Any]) -> None:
    assert recorded(steps) is None


def test_probabilities_are_of_normalized_images_in_batches(digits_model: Model) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 17, (300, 8, 8), dtype=np.uint8)
    images = image_set(pixels, np.arange(300) % 10, name="mine")
    found = probabilities(digits_model, images)
    (mean,), (deviation,) = digits_model.input.mean, digits_model.input.deviation
    with torch.no_grad():
        scores = digits_model.network((torch.tensor(images.images).float() - mean) / deviation)
    assert found.shape == (300, 10)
    assert found == pytest.approx(scores.softmax(dim=1).numpy(), abs=1e-6)


def test_every_reading_is_counted_in_the_manifest(at_rest: Run) -> None:
    first = judge(at_rest, "one", {"seed 0": lambda _: certain(TAKEN_FOR)})
    assert (first["seed 0"].confusion, first["seed 0"].reading) == (CONFUSION, 1)
    again = judge(
        at_rest, "two", {"a": lambda _: certain(LABELS), "b": lambda images: certain(0 * images.labels)}
    )
    assert (again["a"].accuracy, again["b"].accuracy) == (1, pytest.approx(0.5))
    assert {found.reading for found in again.values()} == {2}
    one, two = readings_of(at_rest)
    assert (one["reading"], one["what"], one["images"]) == (1, "one", 6)
    assert one["accuracies"] == {"seed 0": pytest.approx(4 / 6)}
    assert (two["reading"], two["what"], two["accuracies"]["a"]) == (2, "two", 1)
    assert (two["when"], two["digest"]) == (again["a"].when, one["digest"])


def test_what_a_reading_said_is_found_by_the_weights_it_was_said_of(at_rest: Run) -> None:
    predictors = {
        "a": lambda _: certain(TAKEN_FOR),
        "b": lambda _: certain(LABELS),
        "c": lambda _: certain(LABELS),
    }
    first = judge(at_rest, "one", {"a": predictors["a"]}, digests={"a": "of a"})
    second = judge(at_rest, "two", predictors, digests={"a": "of a", "b": "of b"})
    assert earlier_judgements(at_rest, ["of a"]) == [first["a"]]
    assert earlier_judgements(at_rest, ["of b", "of a"]) == [second["b"], second["a"]]
    assert second["a"].is_right == (True, True, False, True, False, True)
    assert earlier_judgements(at_rest, ["of b", "of c"]) == []


def test_the_test_split_is_what_is_read(at_rest: Run) -> None:
    seen: list[ImageSet] = []

    def look(images: ImageSet) -> Probabilities:
        seen.append(images)
        return certain(images.labels)

    judge(at_rest, "one", {"a": look})
    (images,) = seen
    assert images.labels.tolist() == LABELS.tolist()
    assert int(images.images[-1, 0, -1, -1]) == 95


@pytest.mark.fault
def test_test_images_that_are_training_images_are_counted_and_said(at_rest: Run, tmp_path: Path) -> None:
    """Fails where `judge` counts none."""
    images = np.arange(96, dtype=np.uint8).reshape(6, 4, 4)
    images[1] = images[4] = 0  # as all training images are
    change_test_images(tmp_path, images)
    judged = judge(at_rest, "one", {"a": lambda _: certain(LABELS)})["a"]
    assert (judged.n_images, judged.n_shared) == (6, 2)
    assert judged.overlap.startswith("2 of the 6 test images are training images, too, pixel for pixel; ")
    assert (judged.step["also_in_training"], readings_of(at_rest)[0]["also_in_training"]) == (2, 2)
    assert recorded([judged.step]) == replace(judged, is_right=())
    assert replace(judged, n_shared=1).overlap.startswith("1 of the 6 test images is a training image, too,")


@pytest.mark.parametrize("n_shared", [0, None])
def test_without_such_images_nothing_is_said(n_shared: int | None) -> None:
    step = Judgement(CONFUSION, n_shared=n_shared).step
    assert judgement_in(step).overlap == ""
    del step["also_in_training"]  # as an earlier evocnn wrote it
    assert judgement_in(step).n_shared is None


def test_images_of_a_run_are_read_where_it_read_them_last(at_rest: Run, tmp_path: Path) -> None:
    moved = (tmp_path / "data.npz").rename(tmp_path / "moved.npz")
    with Journal.open(tmp_path) as journal:
        journal.set("data_path", str(moved))
    assert judge(open_run(tmp_path), "one", {"a": lambda _: certain(LABELS)})["a"].n_images == 6
    assert judge(at_rest, "two", {"a": lambda _: certain(LABELS)}, moved)["a"].reading == 2


def test_without_a_test_split_nothing_is_counted(at_rest: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=np.zeros((8, 4, 4), np.uint8), labels=np.arange(8) % 4)
    with pytest.raises(DataError, match="for the test split, but it held images, labels"):
        judge(at_rest, "one", {"a": lambda _: certain(LABELS)})
    assert readings_of(at_rest) == []


def test_test_images_of_another_form_are_refused(at_rest: Run, tmp_path: Path) -> None:
    change_test_images(tmp_path, np.zeros((6, 5, 5), np.uint8))
    with pytest.raises(DataError, match=r"must be some, of shape \(1, 4, 4\), but were 6 of \(1, 5, 5\)"):
        judge(at_rest, "one", {"a": lambda _: certain(LABELS)})
    assert readings_of(at_rest) == []


def test_another_test_split_than_before_is_refused(at_rest: Run, tmp_path: Path) -> None:
    judge(at_rest, "one", {"a": lambda _: certain(LABELS)})
    change_test_images(tmp_path, np.zeros((6, 4, 4), np.uint8))
    with pytest.raises(DataError, match="test images must be those of the run's first test, digest"):
        judge(at_rest, "two", {"a": lambda _: certain(LABELS)})
    assert len(readings_of(at_rest)) == 1


def test_what_is_left_out_of_the_test_split_is_told(
    at_rest: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = replace(images_of(LABELS), notes=("1 file left out, unreadable: a.png",))
    monkeypatch.setattr("evocnn.deploy.judgement.load_split", lambda *_, **__: images)
    with pytest.warns(UserWarning, match="1 file left out, unreadable: a.png"):
        judge(at_rest, "one", {"a": lambda _: certain(LABELS)})


def test_what_a_judge_raises_is_not_counted(at_rest: Run) -> None:
    def fail(_: ImageSet) -> Probabilities:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        judge(at_rest, "one", {"a": fail})
    assert readings_of(at_rest) == []


def test_a_run_is_not_judged_while_its_search_goes_on(at_rest: Run) -> None:
    with pytest.raises(RunLockedError, match="must have ended before its test split is read"):
        check_at_rest(replace(at_rest, status="running"))
    with locked(at_rest.folder), pytest.raises(RunLockedError, match="one process at a time"):
        judge(at_rest, "one", {"a": lambda _: certain(LABELS)})
    assert readings_of(at_rest) == []
