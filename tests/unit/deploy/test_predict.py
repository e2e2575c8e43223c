"""Predictions from image files: decoded as for training, by ONNX Runtime alone."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from evocnn.deploy.predict import OnnxModel, list_files, open_onnx, predict
from evocnn.errors import DataError
from evocnn.training.data import Framing, load

RNG = np.random.default_rng(0)
ENTRY = {"class_names": ["dark", "bright"], "shape": [1, 2, 2], "fit": "crop"}


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """Return a model whose probability of the second class is the mean pixel's share of 255."""
    return write(tmp_path / "brightness.onnx", json.dumps(ENTRY))


def write(path: Path, entry: str | None) -> Path:
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=floats),
        helper.make_node("ReduceMean", ["numbers"], ["means"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Div", ["means", "most"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "axis"], ["bright"]),
        helper.make_node("Sub", ["one", "bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["n", 1, 2, 2])],
        [helper.make_tensor_value_info("probabilities", floats, ["n", 2])],
        [
            helper.make_tensor("most", floats, [], [255.0]),
            helper.make_tensor("one", floats, [], [1.0]),
            helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if entry is not None:
        helper.set_model_props(model, {"evocnn": entry})
    onnx.save(model, path)
    return path


def shade(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (2, 2), level).save(path)
    return path


@dataclass
class Watched:
    """A session that keeps the pixels it is given."""

    pixels: list[np.ndarray[Any, Any]] = field(default_factory=list)

    def run(self, names: list[str], inputs: dict[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        assert names == ["probabilities"]
        self.pixels.append(inputs["images"].copy())
        return [np.full((len(inputs["images"]), 2), 0.5)]


def test_each_file_gets_the_probabilities_of_its_own_image(brightness: Path, tmp_path: Path) -> None:
    levels = [int(level) for level in RNG.integers(0, 256, 70)]  # more than a batch
    paths = [shade(tmp_path / f"{index}.png", level) for index, level in enumerate(levels)]
    found = [*predict(open_onnx(brightness), paths)]
    assert [prediction.path for prediction in found] == paths
    for prediction, level in zip(found, levels, strict=True):
        assert prediction.probabilities == pytest.approx([1 - level / 255, level / 255], abs=1e-6)


def test_files_that_cannot_be_read_are_named_with_the_reason(brightness: Path, tmp_path: Path) -> None:
    good = shade(tmp_path / "good.png", 51)
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:40])
    found = [*predict(open_onnx(brightness), [cut, good, tmp_path / "gone.png"])]
    assert [prediction.reason for prediction in found] == ["unreadable", "", "no such file"]
    assert found[0].probabilities is found[2].probabilities is None
    assert found[1].probabilities == pytest.approx([0.8, 0.2])


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # what is refused, is by `predict`
def test_a_decompression_bomb_is_named_and_not_read(
    brightness: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3)  # Pillow itself refuses twice that, and only warns here
    (found,) = predict(open_onnx(brightness), [shade(tmp_path / "bomb.png", 51)])
    assert (found.probabilities, found.reason) == (None, "larger than 3 pixels")


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("fit", ["crop", "resize", "pad"])
def test_images_are_decoded_as_for_training(n_channels: int, fit: Any, tmp_path: Path) -> None:
    """Palettes, transparency, 16 bits, cameras that were turned, and large photographs."""
    colours = Image.fromarray(RNG.integers(0, 256, (30, 46, 3), dtype=np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    pictures: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "grey.png": (colours.convert("L"), {}),
        "palette.png": (colours.convert("P"), {}),
        "clear.png": (Image.fromarray(RNG.integers(0, 256, (30, 46, 4), dtype=np.uint8)), {}),
        "deep.png": (Image.fromarray(RNG.integers(0, 65536, (30, 46), dtype=np.uint16)), {}),
        "turned.jpg": (colours, {"exif": turned}),
        "large.jpg": (colours.resize((400, 300)), {}),
    }
    for name, (picture, options) in pictures.items():
        for label in ("a", "b"):  # as many classes as a set must have
            (tmp_path / "train" / label).mkdir(parents=True, exist_ok=True)
            picture.save(tmp_path / "train" / label / name, **options)
    framing = Framing((7, 9), fit, "grey" if n_channels == 1 else "rgb")
    trained_on = load("folder", "train", tmp_path, framing=framing).images[: len(pictures)]
    session = Watched()
    files = list_files([tmp_path / "train" / "a"]).images
    assert not any(
        prediction.reason
        for prediction in predict(OnnxModel(session, ("a", "b"), (n_channels, 7, 9), fit), files)
    )
    np.testing.assert_array_equal(session.pixels[0], trained_on)


def test_folders_stand_for_the_images_in_them(tmp_path: Path) -> None:
    first = shade(tmp_path / "photos" / "b.png", 1)
    inner = shade(tmp_path / "photos" / "deep" / "a.png", 1)
    shade(tmp_path / "photos" / ".cache" / "c.png", 1)
    text, claimed = tmp_path / "photos" / "notes.txt", tmp_path / "photos" / "c.JPG"
    text.write_text("no image")
    claimed.write_bytes(b"")
    unnamed = first.rename(first.with_suffix(""))
    listing = list_files([text, tmp_path / "photos", tmp_path / "gone.png"])
    named = (text, tmp_path / "gone.png")  # is taken at its word
    assert listing.images == (named[0], unnamed, claimed, inner, named[1])
    assert listing.others == (text,)


def test_files_that_are_no_exported_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must be an \.onnx file, but it was 'm\.safetensors'; evocnn export"
    ):
        open_onnx(Path("m.safetensors"))
    (tmp_path / "noise.onnx").write_text("noise")
    (tmp_path / "folder.onnx").mkdir()
    for name, rule in {
        "noise": "must be readable, but: ",
        "gone": "must be a file, but it was missing; check the path",
        "folder": "must be a file, but it was a folder; check the path",
    }.items():
        with pytest.raises(DataError, match=rf"model '.*{name}\.onnx' {rule}"):
            open_onnx(tmp_path / f"{name}.onnx")
    wrong = [
        {},
        [],
        {**ENTRY, "class_names": "dark"},
        {**ENTRY, "class_names": [1, 2]},
        {**ENTRY, "shape": [1, 2]},
        {**ENTRY, "shape": [1, 2, -2]},
        {**ENTRY, "shape": 3},
        {**ENTRY, "fit": "squeeze"},
    ]
    for entry in (None, "no JSON", *map(json.dumps, wrong)):
        path = write(tmp_path / "foreign.onnx", entry)
        with pytest.raises(DataError, match=r"foreign\.onnx' must hold class names and the images' shape"):
            open_onnx(path)


@pytest.mark.parametrize(
    "other", [{"shape": [3, 2, 2]}, {"shape": [1, 2, 3]}, {"class_names": ["a", "b", "c"]}]
)
def test_a_graph_that_its_metadata_do_not_describe_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "other.onnx", json.dumps({**ENTRY, **other}))
    with pytest.raises(
        DataError, match=r"the graph of '.*other\.onnx' must take .*, as its metadata say, but"
    ):
        open_onnx(path)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_it_is_computed_by_as_many_threads_as_are_asked_for(n_threads: int, brightness: Path) -> None:
    options = open_onnx(brightness, n_threads).session.get_session_options()
    assert options.intra_op_num_threads == n_threads


def test_no_torch_is_imported(brightness: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from evocnn.cli.main import main; "
        f"sys.argv = ['evocnn', 'predict', {str(brightness)!r}, {str(shade(tmp_path / 'a.png', 255))!r}]; "
        "\ntry: main()\nexcept SystemExit as end: assert not end.code\n"
        "print('seen:', *({'torch', 'ray', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert "bright" in done.stdout
    assert done.stdout.endswith("seen:\n")
