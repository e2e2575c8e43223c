"""A model and its file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from evocnn.deploy.model import Model, load_model
from evocnn.errors import DataError
from evocnn.training.data import image_set

IMAGES = np.random.default_rng(0).integers(0, 255, (5, 1, 8, 8), dtype=np.uint8)


@pytest.fixture
def saved(digits_model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    digits_model.save(path)
    return path


def rewritten(path: Path, **changes: object) -> None:
    """Write a model's file again with another description or other weights."""
    with safe_open(path, framework="pt") as file:
        description = json.loads(file.metadata()["evocnn"])
    weights = safetensors.torch.load_file(path)
    weights |= changes.pop("weights", {})  # type: ignore[arg-type]
    path.write_bytes(safetensors.torch.save(weights, {"evocnn": json.dumps({**description, **changes})}))


def test_a_model_comes_back_from_its_file_as_it_was(digits_model: Model, saved: Path) -> None:
    loaded = load_model(saved)
    assert replace(loaded, network=digits_model.network) == digits_model
    images = image_set(IMAGES, np.arange(5) % 2, name="some", min_per_class=0)
    assert np.array_equal(loaded.logits(images), digits_model.logits(images))
    assert not loaded.network.training


def test_logits_are_those_of_normalized_pixels(digits_model: Model) -> None:
    images = image_set(IMAGES, np.arange(5) % 2, name="some", min_per_class=0)
    normalized = (IMAGES.astype(np.float32) - digits_model.input.mean[0]) / digits_model.input.deviation[0]
    with torch.inference_mode():
        expected = digits_model.network(torch.from_numpy(normalized)).numpy()
    assert digits_model.logits(images) == pytest.approx(expected, abs=1e-5)


def test_the_file_can_be_read_by_others(saved: Path) -> None:
    assert saved.stat().st_mode & 0o044 == 0o044
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_step_is_added_behind_the_others(digits_model: Model) -> None:
    later = digits_model.after({"step": "test"})
    assert [step["step"] for step in later.steps] == [*[s["step"] for s in digits_model.steps], "test"]
    assert later.network is digits_model.network


def test_changed_weights_are_found_out(digits_model: Model, saved: Path) -> None:
    name, tensor = next(iter(digits_model.network.state_dict().items()))
    rewritten(saved, weights={name: tensor + 1})
    with pytest.raises(DataError, match=r"weights of '.*' must be those that were written"):
        load_model(saved)


def test_a_truncated_file_is_named(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"model '.*model.safetensors' must be readable"):
        load_model(saved)


def test_a_file_of_others_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(DataError, match="must be a model of evocnn"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing.safetensors"):
        load_model(tmp_path / "nothing.safetensors")


def test_a_place_that_cannot_be_written_is_named(digits_model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="must be writable"):
        digits_model.save(tmp_path / "file" / "model.safetensors")
