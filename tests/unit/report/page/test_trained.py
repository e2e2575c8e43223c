"""Models of a run, read from the descriptions in their files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evocnn.report.page import page
from evocnn.report.page.trained import trained_models
from evocnn.runs import Run
from evocnn.store import Record


@pytest.fixture
def run(make_record: Callable[..., Record], make_run: Callable[..., Run], tmp_path: Path) -> Run:
    """Return a run in a folder with a tested model, an untested one and a damaged file."""
    import torch

    from evocnn.config import Experiment, space_of
    from evocnn.deploy.description import Input, Origin
    from evocnn.deploy.judgement import Judgement
    from evocnn.deploy.model import Model
    from evocnn.phenotype import build
    from evocnn.training.data import Framing

    run = replace(make_run(make_record(0, 0.9, 100, 0.1)), folder=tmp_path)
    tables = run.manifest["experiment"]
    space = space_of(Experiment.from_dict(tables), (1, 8, 8), 2)
    torch.manual_seed(0)
    network = build(space.smallest, space.input_shape, space.n_classes).eval()
    origin = Origin(tables, ".", None, {"name": "digits"}, str(tmp_path), 0, "knee")
    form = Input((1, 8, 8), Framing((8, 8), "crop", "grey"), (4.9,), (6.0,))
    plain = Model(network, space.smallest, form, ("a", "b"), origin, ({"step": "train"},))
    home = tmp_path / "models" / "key-3-epochs"
    home.mkdir(parents=True)
    plain.after(Judgement(((45, 5), (10, 40)), reading=2, n_shared=7).step).save(home / "model.safetensors")
    plain.save(home / "model-seed1.safetensors")
    (home / "model-seed2.safetensors").write_bytes(b"half a file")
    return run


def test_models_are_found_by_what_their_files_say(run: Run) -> None:
    untested, tested = trained_models(run)
    assert (untested.did, untested.accuracy) == (("train",), None)
    assert (tested.ticket, tested.accuracy, tested.n_images, tested.reading) == (0, 0.85, 100, 2)
    assert tested.interval == pytest.approx((0.767, 0.907), abs=1e-3)


@pytest.mark.usefixtures("without_pictures_of_the_search")
def test_test_results_stand_in_the_page(run: Run) -> None:
    text = page(run)
    assert "0.8500 [0.7672, 0.9069]" in text
    assert "on 100 test images, 7 of them training images, too, reading 2 of the test split" in text
    assert "But 7 of these are training images, too, pixel for pixel" in text
    assert "The search never saw these" not in text


@pytest.mark.usefixtures("without_pictures_of_the_search")
def test_readings_say_how_many_test_images_are_training_images(run: Run) -> None:
    reading = {"when": "2026", "what": "it", "images": 100, "accuracies": {}}
    run.manifest["tests"] = [reading, {**reading, "also_in_training": 7}]
    text = page(run)
    assert "2026: it, 100 images:" in text
    assert "2026: it, 100 images, 7 of them training images, too:" in text
