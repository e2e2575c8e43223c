"""The model card: what it says of files, figures, origin and limits."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evocnn.deploy import model_card
from evocnn.deploy.model import Model
from evocnn.deploy.model_card import write_model_card
from evocnn.errors import DataError
from evocnn.store import environment

TRAIN: dict[str, Any] = {
    "step": "train",
    "seed": 0,
    "images": 1081,
    "all_data": False,
    "validation_accuracy": 0.9861,
    "curves": {"training_loss": [1.25, 0.5]},
}
TEST: dict[str, Any] = {
    "step": "test",
    "accuracy": 0.95,
    "interval": [0.92, 0.97],
    "class_accuracies": [0.9, None, *[0.75] * 8],
    "confusion": [[7, 3]],
    "reading": 1,
}


def card(model: Model, folder: Path, *, form: str = "onnx", steps: tuple[dict[str, Any], ...] = ()) -> str:
    for step in steps:
        model = model.after(step)
    source, path = folder / "model.safetensors", folder / "m.onnx"
    source.write_bytes(b"weights")
    path.write_bytes(b"graph")
    written = write_model_card(model, source, path, form, "compared on 361 images")
    assert written == folder / "m.onnx.md"
    return written.read_text(encoding="utf-8")


def test_files_stand_with_size_and_hash_and_how_they_compare(digits_model: Model, tmp_path: Path) -> None:
    text = card(digits_model, tmp_path)
    for name, content in (("m.onnx", b"graph"), ("model.safetensors", b"weights")):
        assert f"| `{name}` | {len(content)} | `{hashlib.sha256(content).hexdigest()}` |" in text
    assert "`m.onnx` was made of `model.safetensors`. It was compared on 361 images.\n" in text


def test_network_recipe_data_and_lineage_are_told(digits_model: Model, tmp_path: Path) -> None:
    text = card(digits_model, tmp_path)
    for line in (
        "- Layers: `conv4k3`",
        "- Head: `gap`",
        "- Recipe: `sgd lr=.1`",
        f"- Digest of the training images (SHA-256): `{digits_model.origin.data['digest']}`",
        "- Left out or repaired: 1 file left out, hidden: .x",
        "- Picked as `knee` from the run `tiny`: ticket 3",
        "- Lineage: `widen` → `one_point`",
    ):
        assert f"{line}\n" in text
    n_parameters = sum(p.numel() for p in digits_model.network.parameters())
    assert f"with {n_parameters} parameters and 4,688 FLOPs" in text  # 2 * (64 * 36 + 4 * 10)
    assert "subtract the mean 4.9, divide by the deviation 6," in text
    assert "/somewhere" not in text


def test_steps_stand_with_their_figures_and_without_curves(digits_model: Model, tmp_path: Path) -> None:
    text = card(digits_model, tmp_path, steps=(TRAIN, TEST))
    row = "| 1. train | seed 0; images 1,081; all data false; validation accuracy 0.9861 |\n"
    assert row in text
    assert "| 2. test | accuracy 0.95; interval 0.92 to 0.97; reading 1 |\n" in text
    assert "| `0` | 0.9000 |\n| `1` | no images |\n| `2` | 0.7500 |\n" in text
    assert not {"curves", "1.25", "confusion", "class accuracies"} & set(text.split())


def test_counts_stand_as_they_are_however_large(digits_model: Model, tmp_path: Path) -> None:
    text = card(digits_model, tmp_path, steps=({**TRAIN, "images": 10**400, "seconds": 12345.6},))
    assert f"images {10**400:,}; " in text
    assert "; seconds 12,346" in text


def test_versions_of_every_training_and_of_the_export_are_told(digits_model: Model, tmp_path: Path) -> None:
    trained = {**TRAIN, "versions": {"evocnn": "0.1.0", "torch": "2.0.1", "processor": "Z80"}}
    pruned = {"step": "prune", "versions": {"torch": "2.9.9+cu<3>"}}
    text = card(digits_model, tmp_path, steps=(trained, TEST, pruned))
    assert "- 1. train: evocnn 0.1.0, torch 2.0.1, processor Z80\n- 3. prune: torch 2.9.9+cu\\<3\\>\n" in text
    assert f"- export: evocnn {environment()['evocnn']}, " in text
    assert "onnxruntime " in text


def test_names_mean_nothing_to_markdown(digits_model: Model, tmp_path: Path) -> None:
    names = ("a|b", "`x`", "<img src=x onerror=alert(1)>", "two\nlines", *map(str, range(4, 10)))
    data = {**digits_model.origin.data, "notes": ["1 file left out: <b>*x*</b>"]}
    experiment = {**digits_model.origin.experiment, "name": "[x](y)"}
    origin = replace(digits_model.origin, data=data, experiment=experiment)
    text = card(replace(digits_model, class_names=names, origin=origin), tmp_path, steps=(TRAIN, TEST))
    assert "classes: `a|b`, `` `x` ``, `<img src=x onerror=alert(1)>`, `two lines`, `4`" in text
    assert "\n| `a\\|b` | 0.9000 |\n| `` `x` `` | no images |\n" in text
    assert r"left out: \<b\>\*x\*\</b\>" in text
    assert text.startswith("# Model card: \\[x\\](y), ")


@pytest.mark.parametrize(
    ("steps", "limit"),
    [
        ((TRAIN,), "It has not been tested."),
        ((TRAIN, TEST, {"step": "prune"}), "It was changed after it had been tested."),
        (
            (TRAIN, {**TEST, "reading": 3}),
            "The test split of the run has been read 3 times so far, for this test the 3. time; ",
        ),
        (
            (TRAIN, {**TEST, "images": 40, "also_in_training": 3}),
            "Of its last test: 3 of the 40 test images are training images, too, pixel for pixel; ",
        ),
        ((TRAIN, {**TEST, "also_in_training": 0}), None),
        ((TRAIN, TEST), None),
    ],
)
def test_what_is_to_be_known_of_the_test_is_a_limit(
    steps: tuple[dict[str, Any], ...], limit: str | None, digits_model: Model, tmp_path: Path
) -> None:
    text = card(digits_model, tmp_path, steps=steps)
    told = (
        "It has not been tested.",
        "It was changed after",
        "Of its last test:",
        "The test split of the run has been read",
    )
    assert [start for start in told if f"- {start}" in text] == [
        start for start in told if limit is not None and limit.startswith(start)
    ]
    assert limit is None or f"- {limit}" in text


def test_readings_of_the_test_split_after_that_of_the_model_are_told(
    digits_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the run in which the model lies, if its test is one of them."""
    folder = tmp_path / "models" / "name"
    folder.mkdir(parents=True)
    entries = [{"when": "monday"}, {"when": "tuesday"}]

    def opened(path: Path) -> Any:
        if path != tmp_path:
            raise DataError("no run")
        return SimpleNamespace(readings=entries)

    monkeypatch.setattr(model_card, "open_run", opened)
    told = "- The test split of the run has been read 2 times so far, for this test the 1. time; choices"
    assert told in card(digits_model, folder, steps=(TRAIN, {**TEST, "when": "monday"}))
    assert "has been read" not in card(digits_model, folder, steps=(TRAIN, {**TEST, "when": "sunday"}))
    assert "has been read" not in card(digits_model, tmp_path, steps=(TRAIN, {**TEST, "when": "monday"}))


def test_weights_alone_are_told_from_a_graph(digits_model: Model, tmp_path: Path) -> None:
    assert "Normalization, inside the graph: " in card(digits_model, tmp_path)
    text = card(digits_model, tmp_path, form="safetensors")
    assert "Normalization, ahead of the network: " in text
    assert "evocnn predict" not in text


def test_a_card_that_cannot_be_finished_leaves_the_old_one(
    digits_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.onnx.md").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"model card '.*m\.onnx\.md' must be writable, but: No space left"):
        card(digits_model, tmp_path)
    assert (tmp_path / "m.onnx.md").read_text() == "old"


def test_a_card_that_cannot_be_written_is_an_error(digits_model: Model, tmp_path: Path) -> None:
    (tmp_path / "m.onnx.md").mkdir()
    with pytest.raises(DataError, match=r"model card '.*m\.onnx\.md' must be writable, but: Is a directory"):
        card(digits_model, tmp_path)
