"""`evocnn export`, `predict` and `latency`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evocnn.cli import latency as latency_command
from evocnn.deploy.latency import Measured
from evocnn.deploy.predict import OnnxModel
from evocnn.training.latency import Latency

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, write_halves: Call) -> Path:
    """Return the file of a model of two classes, trained not at all."""
    return Path(write_halves(tmp_path_factory.mktemp("model"), 20, "no layers | flatten | sgd lr=.1"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, left in (("a.png", 255), ("b.png", 51)):
        pixels = np.full((4, 4), 90, dtype=np.uint8)
        pixels[:, :2] = left
        Image.fromarray(pixels).save(folder / name)
    return folder


class Halves:
    """A session that takes a bright left half for the first class."""

    def run(self, names: list[str], inputs: dict[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        left = inputs["images"][:, 0, :, :2].mean(axis=(1, 2)) / 255
        return [np.stack([left, 1 - left], axis=1).astype(np.float32)]


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    model = OnnxModel(Halves(), ("left", "right"), (1, 4, 4), "crop")
    monkeypatch.setattr("evocnn.cli.predict.open_onnx", lambda path: model)


def test_classes_of_files_stand_in_a_table(evocnn: Call, halves: None, photos: Path) -> None:
    said = evocnn("predict", "m.onnx", photos)
    assert (said.code, said.err) == (0, "")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows == [
        ["file", "class", "probability"],
        [str(photos / "a.png"), "left", "1.0000"],
        [str(photos / "b.png"), "right", "0.8000"],
    ]


def test_files_that_cannot_be_read_are_named_counted_and_fail_the_command(
    evocnn: Call, halves: None, photos: Path
) -> None:
    (photos / "c.png").write_bytes((photos / "a.png").read_bytes()[:30])
    (photos / "d.png").write_text("a text")
    for name in "123456":
        (photos / f"{name}.txt").write_text("")
    said = evocnn("predict", "m.onnx", photos, "gone.png")
    assert said.code == 1
    assert "b.png" in said.out
    assert "c.png" not in said.out
    names = ", ".join(str(photos / f"{name}.txt") for name in "12345")
    assert said.err.splitlines() == [
        f"note: files of the folders left out, not JPEG, PNG or WEBP: 6 ({names}, ...)",
        f"cannot be read: {photos / 'c.png'} (unreadable)",
        f"cannot be read: {photos / 'd.png'} (unreadable)",
        "cannot be read: gone.png (no such file)",
        "3 of 5 files could not be read",
    ]
    found = json.loads(evocnn("predict", "--json", "m.onnx", photos / "b.png", "gone.png").out)
    assert found == [
        {
            "file": str(photos / "b.png"),
            "class": "right",
            "probability": pytest.approx(0.8),
            "probabilities": {"left": pytest.approx(0.2), "right": pytest.approx(0.8)},
        },
        {"file": "gone.png", "error": "no such file"},
    ]


def test_weights_go_into_a_file_of_their_own(evocnn: Call, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "w.safetensors"
    said = evocnn("export", model, "--to", "safetensors", "--out", path)
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(
        rf"wrote {path}: [\d,]+ bytes; loaded again and compared on 4 validation images: logits differ by at "
        rf"most \S+ \(limit 1\.0e-04\), 0 images change class\nwrote {path}\.md\n",
        said.out,
    )
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"w.safetensors", "w.safetensors.md"}
    said = evocnn("export", model, "--to", "safetensors")
    assert said.code == 2
    assert "must be another one than the model, but it was" in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--to", "onxx"],
            "a form to export must be one of onnx, torch, safetensors, but it was 'onxx'; did",
        ),
        (["--to", "torch", "--out", "m.onnx"], "a file of the form torch must end in .pt2, but it was"),
        (["--data", "gone.npz"], "images of the model's run must be readable, but: "),
    ],
)
def test_mistakes_of_an_export_are_told(evocnn: Call, model: Path, options: list[str], message: str) -> None:
    said = evocnn("export", model, *options)
    assert said.code == 2
    assert message in said.err


def test_in_place_of_a_model_a_folder_is_told_with_the_models_in_it(
    evocnn: Call, model: Path, tmp_path: Path
) -> None:
    (model.parent / "a-pruned.safetensors").touch()  # behind what it was pruned of
    for folder, message in (
        (model.parent, f"but it was a folder; name one: {model}, "),
        (tmp_path, "but it was a folder; this run has none yet; make one with: evocnn train"),
        (tmp_path / "gone.safetensors", "but it was missing; check the path, or make one with: evocnn train"),
    ):
        (tmp_path / "run.sqlite").touch()
        said = evocnn("export", folder)
        assert said.code == 2
        assert message in said.err


def test_a_folder_without_images_is_told(
    evocnn: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evocnn.cli.predict.open_onnx", lambda path: path)
    said = evocnn("predict", "m.onnx", tmp_path)
    assert said.code == 2
    assert f"images must be JPEG, PNG or WEBP files, but there were none in {tmp_path}; name" in said.err


def test_latencies_stand_in_a_table(evocnn: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def latencies(path: Path, sizes: list[int], threads: list[int], *, is_trusted: bool) -> list[Measured]:
        assert (path, sizes, threads) == (Path("m.onnx"), [1, 64], [2])
        return [
            Measured("CPU", 2, 1, Latency(0.0012, 0.0001)),
            Measured("GPU", None, 64, Latency(0.004, 0.0)),
        ]

    monkeypatch.setattr(latency_command, "latencies", latencies)
    monkeypatch.setattr(latency_command.os, "cpu_count", lambda: 2)
    said = evocnn("latency", "m.onnx", "--batch-sizes", "1, 64,1", "--threads", "2")
    assert (said.code, said.err) == (0, "")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[1:3] == [
        ["CPU", "2", "1", "1.200", "0.100", "833"],
        ["GPU", "-", "64", "4.000", "0.000", "16,000"],
    ]
    assert "after 5 to warm up" in said.out
    monkeypatch.setattr(latency_command.os, "cpu_count", lambda: 1)
    said = evocnn("latency", "m.onnx", "--batch-sizes", "1, 64,1", "--threads", "2")
    assert said.err == "note: 2 threads share 1 core here, and wait for each other\n"


@pytest.mark.parametrize(("option", "example"), [("--batch-sizes", "1,32"), ("--threads", "1,2")])
@pytest.mark.parametrize("text", ["0", "1,", "two", "-1", ""])
def test_numbers_that_are_none_are_told(evocnn: Call, option: str, example: str, text: str) -> None:
    said = evocnn("latency", "m.onnx", option, text)
    assert said.code == 2
    told = f"{option} must be numbers above 0 with commas between, but it was '{text}'; write {example}\n"
    assert told in said.err


def test_more_threads_than_any_machine_has_are_refused(evocnn: Call) -> None:
    said = evocnn("latency", "m.onnx", "--threads", "1,100000")
    assert said.code == 2
    assert "--threads must be at most 1,024, but it was '1,100000'" in said.err
