"""A model and its file."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from evocnn.deploy import model as module
from evocnn.deploy.judgement import Judgement
from evocnn.deploy.model import Model, load_model
from evocnn.errors import DataError, ExperimentError
from evocnn.training.data import image_set

IMAGES = np.random.default_rng(0).integers(0, 255, (5, 1, 8, 8), dtype=np.uint8)


@pytest.fixture
def saved(digits_model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    digits_model.save(path)
    return path


def rewritten(path: Path, **changes: object) -> None:
    """Write a model's file again as somebody might who describes another model, with a digest that fits."""
    weights = safetensors.torch.load_file(path)
    with safe_open(path, framework="pt") as file:
        description = json.loads(file.metadata()["evocnn"])
    text = json.dumps({**description, **changes})
    if "digest" not in changes:
        del description["digest"]
        text = module._with_digest({**description, **changes}, weights)
    path.write_bytes(safetensors.torch.save(weights, {"evocnn": text}))


def test_a_model_comes_back_from_its_file_as_it_was(digits_model: Model, saved: Path) -> None:
    loaded = load_model(saved)
    assert replace(loaded, network=digits_model.network, is_trusted=True) == digits_model
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


def test_a_bit_that_flipped_is_found_out_in_weights_and_description_alike(
    digits_model: Model, saved: Path
) -> None:
    tested = digits_model.after(Judgement(((7,) * 10,) * 10, when="2026-01-02").step)
    tested.save(saved)
    whole = saved.read_bytes()
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    places = [*rng.integers(header, size=100), *rng.integers(header, len(whole), size=20)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        saved.write_bytes(damaged)
        with pytest.raises(DataError, match=r"model '.*' must (be|hold) |must be a model of evocnn"):
            load_model(saved)
    saved.write_bytes(whole.replace(b"[7, 7,", b"[7, 6,", 1))
    with pytest.raises(DataError, match="must be as it was written, but its weights or its description were"):
        load_model(saved)


POPEN = {"use": "subprocess:Popen", "args": ["touch", "ran"]}


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ({"data": {"source": "os:system"}}, "os:system"),
        ({"space": {"layers": {"own": {"gene": "evil:Gene"}}}}, "evil:Gene"),
    ],
)
def test_code_that_a_file_names_is_not_imported(
    tables: dict[str, Any], named: str, digits_model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (saved.parent / "evil.py").write_text("import pathlib; pathlib.Path('ran').touch()")
    monkeypatch.chdir(saved.parent)
    origin = asdict(digits_model.origin) | {"experiment_folder": str(saved.parent)}
    rewritten(saved, origin={**origin, "experiment": {**origin["experiment"], **tables}})
    with pytest.raises(ExperimentError, match=rf"'{named}' must not be imported .* give --trust"):
        load_model(saved)
    assert not (saved.parent / "ran").exists()


def test_operators_that_a_file_names_are_passed_over(
    digits_model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    origin = asdict(digits_model.origin)
    search = {"mutation": [POPEN], "algorithm": POPEN}
    rewritten(saved, origin={**origin, "experiment": {**origin["experiment"], "search": search}})
    assert load_model(saved).chromosome == digits_model.chromosome
    assert not (saved.parent / "ran").exists()


@pytest.mark.fault
def test_code_of_ones_own_is_imported_where_the_file_is_trusted(
    digits_model: Model, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails where `load_model` imports nothing, trusted or not."""
    (saved.parent / "my_images.py").write_text("def mine(split):\n    raise RuntimeError\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    origin = asdict(digits_model.origin) | {"experiment_folder": str(saved.parent)}
    data = {"source": "my_images:mine"}
    rewritten(saved, origin={**origin, "experiment": {**origin["experiment"], "data": data}})
    assert load_model(saved, is_trusted=True).experiment.data.source.__name__ == "mine"
    with pytest.raises(ExperimentError, match="must not be imported"):
        load_model(saved)


@pytest.mark.fault
def test_no_file_that_a_model_names_is_opened(digits_model: Model, saved: Path) -> None:
    """Fails without `check_trusted` in `with_backbone`: the error is another."""
    origin = asdict(digits_model.origin) | {"experiment_folder": str(saved.parent)}
    space = {**origin["experiment"]["space"], "backbone": {"weights": "weights.pth"}}
    rewritten(saved, origin={**origin, "experiment": {**origin["experiment"], "space": space}})
    with pytest.raises(
        ExperimentError, match=r"'weights.pth' must not be opened .*; give --trust if the mod"
    ):
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


@pytest.mark.fault
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("make", "there"), [(None, "missing"), (os.mkdir, "a folder"), (os.mkfifo, "another file")]
)
def test_what_is_no_file_is_named_with_a_way_out(
    make: Callable[[Path], None] | None, there: str, tmp_path: Path
) -> None:
    """To see it fail: leave it to what reads the file, and waits for the pipe."""
    path = tmp_path / "nothing.safetensors"
    if make is not None:
        make(path)
    with pytest.raises(
        DataError, match=rf"'{path}' must be a file .*, but it was {there}; check the path, or"
    ):
        load_model(path)


FORM: dict[str, Any] = {
    "shape": [1, 8, 8],
    "framing": {"size": [8, 8], "fit": "crop", "channels": "grey"},
    "mean": [4.9],
    "deviation": [6.0],
}


TRAIN: dict[str, Any] = {
    "step": "train",
    "seed": 0,
    "epochs": 3,
    "images": 160,
    "all_data": True,
    "seconds": 1.5,
    "parameters": 86,
}
TEST = Judgement(tuple(tuple(4 * (row == column) for column in range(10)) for row in range(10))).step
PRUNE: dict[str, Any] = {"step": "prune", "kind": "weights", "sparsity": 0.5, "epochs": 2}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input": None}, "input"),
        ({"input": {**FORM, "mean": ["much"]}}, "input.mean.0"),
        ({"input": {**FORM, "shape": [1, 8]}}, "input.shape.2"),
        ({"input": {**FORM, "deviation": [0]}}, "input: no images have"),
        ({"input": {**FORM, "deviation": []}}, "input: no images have"),
        ({"input": {**FORM, "shape": [1, 10_000, 10_000]}}, "input: no images have"),
        ({"input": {**FORM, "mean": [1, 2]}}, "input: no images have"),
        ({"input": {**FORM, "framing": {"size": 8}}}, "input.framing.size"),
        ({"class_names": 10}, "class_names"),
        ({"class_names": ["a", "b"]}, "state_dict.* size mismatch"),
        ({"origin": {}}, "origin.experiment"),
        ({"steps": [{}]}, "step"),
        ({"steps": [{"step": "paint"}]}, "'paint' found"),
        ({"steps": [{**TRAIN, "epochs": "3"}]}, "epochs: Input should be a valid integer"),
        ({"steps": [{**PRUNE, "widths": {"nowhere": [1]}}]}, "nowhere"),
        ({"steps": [{**PRUNE, "kind": "paint"}]}, "kind"),
        ({"steps": [{**TEST, "class_accuracies": [1.0]}]}, "other than the 10 classes"),
        ({"steps": [{**TEST, "confusion": [[4]] * 10}]}, "other than the 10 classes"),
        ({"steps": [{**TEST, "images": 41}]}, "a test of 41 images counts others"),
        ({"steps": [{**TEST, "when": "\33[2J"}]}, r"control characters: '\\x1b\[2J'"),
        ({"chromosome": {}}, "layers"),
        ({"chromosome": "conv"}, "chromosome"),
        ({"digest": 5}, "digest"),
    ],
)
def test_a_description_that_cannot_be_is_told(changes: dict[str, Any], reason: str, saved: Path) -> None:
    rewritten(saved, **changes)
    with pytest.raises(DataError, match=rf"model '.*' must hold what evocnn train writes, but: .*{reason}"):
        load_model(saved)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (step, name)
        for step, names in (
            (TRAIN, ["seed", "epochs", "images", "all_data", "seconds", "parameters"]),
            (TEST, ["images", "accuracy", "interval", "class_accuracies", "confusion", "reading", "when"]),
            (PRUNE, ["kind", "sparsity", "epochs"]),
        )
        for name in names
    ],
)
def test_what_is_read_of_a_step_must_be_there(step: dict[str, Any], name: str, saved: Path) -> None:
    rewritten(saved, steps=[TRAIN, TEST, PRUNE])
    assert [type(done).__name__ for done in load_model(saved).done] == ["TrainStep", "TestStep", "PruneStep"]
    rewritten(saved, steps=[{key: value for key, value in step.items() if key != name}])
    with pytest.raises(DataError, match=rf"but: 0\.{step['step']}\.{name}: Field required; make it anew"):
        load_model(saved)


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", "null"])
def test_metadata_that_describe_nothing_are_told(text: str, saved: Path) -> None:
    saved.write_bytes(safetensors.torch.save({"weight": torch.zeros(2)}, {"evocnn": text}))
    with pytest.raises(DataError, match="must hold what evocnn train writes, but: "):
        load_model(saved)


def test_images_of_an_origin_have_a_name_and_a_digest(digits_model: Model, saved: Path) -> None:
    rewritten(saved, origin={**asdict(digits_model.origin), "data": {"name": "mine"}})
    with pytest.raises(DataError, match=r"origin\.data: name or digest is missing"):
        load_model(saved)


@pytest.mark.parametrize("notes", [5, [5], {"a": 1}])
def test_notes_of_an_origin_are_texts(notes: object, digits_model: Model, saved: Path) -> None:
    rewritten(
        saved, origin={**asdict(digits_model.origin), "data": {**digits_model.origin.data, "notes": notes}}
    )
    with pytest.raises(DataError, match=r"origin\.data\.notes: not a list of texts"):
        load_model(saved)


def test_a_place_that_cannot_be_written_is_named(digits_model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="must be writable"):
        digits_model.save(tmp_path / "file" / "model.safetensors")
