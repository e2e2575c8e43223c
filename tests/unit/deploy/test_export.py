"""Exported files: they give what the model gives, say what they need, and are not there where they differ."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn

from evocnn.deploy import forms as module
from evocnn.deploy.export import LIMIT, Exported, check_form, export
from evocnn.deploy.forms import FORMS, OPSET, Form
from evocnn.deploy.images import validation_images
from evocnn.deploy.model import Model, load_model
from evocnn.deploy.predict import open_onnx, predict
from evocnn.errors import DataError, ExperimentError, ExportError
from evocnn.training.data import ImageSet


@pytest.fixture(scope="module")
def images(digits_model: Model) -> ImageSet:
    return validation_images(digits_model)


@pytest.fixture(scope="module")
def exported(
    digits_model: Model, images: ImageSet, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Exported]:
    folder = tmp_path_factory.mktemp("exported") / "new"
    return {
        form: export(digits_model, form, folder / f"m{one.ending}", images) for form, one in FORMS.items()
    }


def by_hand(model: Model, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return logits of images, normalized here."""
    mean, deviation = model.input.mean[0], model.input.deviation[0]
    with torch.no_grad():
        found: np.ndarray[Any, Any] = model.network(torch.tensor((pixels - mean) / deviation).float()).numpy()
    return found


def onnx_session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_each_form_is_compared_on_all_validation_images(exported: dict[str, Exported]) -> None:
    for found in exported.values():
        assert (found.n_images, found.n_other) == (40, 0)
        assert found.difference <= found.limit == LIMIT
        assert found.path.is_file()
    folder = exported["onnx"].path.parent
    assert {path.suffix for path in folder.iterdir()} == {
        form.ending for form in FORMS.values()
    }  # and nothing else


def test_pixels_go_in_and_probabilities_and_logits_come_out_for_any_number_of_images(
    exported: dict[str, Exported], digits_model: Model, images: ImageSet
) -> None:
    session = onnx_session(exported["onnx"].path)
    program = torch.export.load(exported["torch"].path).module()
    for n in (1, 3):
        pixels = images.images[:n]
        logits = by_hand(digits_model, pixels)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for found in (
            session.run(["probabilities", "logits"], {"images": pixels}),
            [part.detach().numpy() for part in program(torch.tensor(pixels))],
        ):
            np.testing.assert_allclose(found[0], shares, atol=1e-6)
            np.testing.assert_allclose(found[1], logits, atol=1e-5)


def test_the_onnx_file_states_its_opset_and_takes_bytes(exported: dict[str, Exported]) -> None:
    (images,) = onnx_session(exported["onnx"].path).get_inputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["n", 1, 8, 8])
    stored = onnx.load(exported["onnx"].path)
    assert [(entry.domain, entry.version) for entry in stored.opset_import] == [("", OPSET)]


def test_labels_and_origin_lie_in_the_metadata(exported: dict[str, Exported], digits_model: Model) -> None:
    texts = [onnx_session(exported["onnx"].path).get_modelmeta().custom_metadata_map["evocnn"]]
    texts.append(extra := {"evocnn.json": ""})
    torch.export.load(exported["torch"].path, extra_files=extra)
    for text in (texts[0], extra["evocnn.json"]):
        found = json.loads(text)
        assert found["class_names"] == [str(digit) for digit in range(10)]
        assert (found["shape"], found["fit"]) == ([1, 8, 8], "crop")
        assert found["chromosome"] == digits_model.chromosome.to_json()
        assert found["weights_digest"] == digits_model.digest
        assert found["data_digest"] == digits_model.origin.data["digest"]
    with safe_open(exported["safetensors"].path, "pt") as file:
        described = json.loads(file.metadata()["evocnn"])
    assert described["chromosome"] == digits_model.chromosome.to_json()


def test_the_lines_of_the_readme_say_what_evocnn_says_without_it(
    exported: dict[str, Exported], tmp_path: Path
) -> None:
    """On a photograph that is larger, of another form and turned, and has to be decoded in the same way."""
    shutil.copy(exported["onnx"].path, tmp_path / "model.onnx")
    turned = Image.Exif()
    turned[0x0112] = 6
    colours = np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((400, 300)).save(tmp_path / "photo.jpg", exif=turned)
    page = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (lines,) = (
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "onnxruntime" in block
    )
    code = f"import sys; sys.modules['evocnn'] = sys.modules['torch'] = None\n{lines}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120)
    name, share = done.stdout.split()
    model = open_onnx(tmp_path / "model.onnx")
    (said,) = predict(model, [tmp_path / "photo.jpg"])
    assert said.probabilities is not None
    assert name == model.class_names[said.probabilities.argmax()]
    assert np.float32(share) == said.probabilities.max()


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_no_path_of_this_machine_is_written(exported: dict[str, Exported], form: str) -> None:
    content = exported[form].path.read_bytes()
    assert str(Path(module.__file__).parent).encode() not in content
    assert b"stack_trace" not in content


def test_no_folder_of_this_machine_is_in_the_weights_file(
    digits_model: Model, images: ImageSet, tmp_path: Path
) -> None:
    tables = {
        **digits_model.origin.experiment,
        "data": {"source": "digits", "path": "/home/me/secret"},
        "space": {
            "preset": "tiny",
            "backbone": {
                "weights": "/home/me/secret/network.pth",
                "layers": "conv4k3 · pool",
                "mean": [0.5],
                "deviation": [0.25],
                "digest": "0" * 64,
            },
        },
    }
    origin = replace(
        digits_model.origin,
        experiment=tables,
        experiment_folder="/home/me/secret",
        data_path="/home/me/secret/data",
        run="/home/me/secret/runs/tiny",
    )
    path = tmp_path / "m.safetensors"
    export(replace(digits_model, origin=origin), "safetensors", path, images)
    assert b"secret" not in path.read_bytes()
    origin = load_model(path).origin
    assert origin.run == "tiny"
    assert origin.experiment["space"]["backbone"]["weights"] == "network.pth"


def changed(change: Callable[[nn.Module], None]) -> Callable[[Model, Path], None]:
    """Return a writer of a model that was changed on the way."""

    def write(model: Model, path: Path) -> None:
        model.save(path)
        copy = load_model(path)
        change(copy.network)
        copy.save(path)

    return write


def shift(network: nn.Module) -> None:
    with torch.no_grad():
        network.head[-1].bias[0] += 3 * LIMIT  # type: ignore[index]


def spoil(network: nn.Module) -> None:
    with torch.no_grad():
        network.head[-1].bias[0] = float("nan")  # type: ignore[index]


@pytest.mark.parametrize(("change", "shown"), [(shift, r"3\.0e-04"), (spoil, "nan")])
def test_a_file_that_gives_something_else_is_an_error_and_is_not_kept(
    change: Callable[[nn.Module], None],
    shown: str,
    digits_model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FORMS, "safetensors", replace(FORMS["safetensors"], write=changed(change)))
    path = tmp_path / "m.safetensors"
    path.write_text("an older one")
    message = rf"logits of .* must be within 1\.0e-04 of the model's, but on 40 images they were {shown} away"
    with pytest.raises(ExportError, match=message):
        export(digits_model, "safetensors", path, validation_images(digits_model))
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "an older one"


def test_the_limit_grows_with_logits_beyond_ten(
    digits_model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1000 * torch.ones(len(x), 10)

    def read(path: Path) -> Any:
        described = json.loads(json.dumps(module.about(large)))
        found = np.full((40, 10), 0.1), np.full((40, 10), 1000.009)
        return lambda pixels: [part[: len(pixels)] for part in found], described

    monkeypatch.setitem(FORMS, "torch", Form(".pt2", lambda _, path: path.touch(), read))
    large = replace(digits_model, network=Large())
    found = export(large, "torch", tmp_path / "m.pt2", images)
    assert found.difference == pytest.approx(0.009, abs=1e-3)
    assert found.limit == pytest.approx(0.01)


def test_probabilities_are_compared_with_the_models_own(
    digits_model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AcrossImages(module.Classifier):
        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            _, logits = super().forward(images)
            return logits.softmax(dim=0), logits

    monkeypatch.setattr(module, "Classifier", AcrossImages)
    with pytest.raises(ExportError, match="probabilities of the exported torch file must be within"):
        export(digits_model, "torch", tmp_path / "m.pt2", images)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("form", FORMS)
def test_metadata_that_come_back_as_something_else_are_an_error(
    form: str, digits_model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = FORMS[form], replace(digits_model, class_names=tuple("abcdefghij"))
    monkeypatch.setitem(FORMS, form, replace(own, write=lambda _, path: own.write(other, path)))
    with pytest.raises(
        ExportError, match=f"metadata of the exported {form} file must .* but class_names came"
    ):
        export(digits_model, form, tmp_path / f"m{own.ending}", images)
    assert [*tmp_path.iterdir()] == []


class Fickle(nn.Module):
    """Decides by the values of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0, 0, :] if x.sum() > 0 else x[:, 0, 1, :]


def test_a_network_that_torch_cannot_export_is_an_error_of_a_few_words(
    digits_model: Model, images: ImageSet, tmp_path: Path
) -> None:
    fickle = replace(digits_model, network=Fickle())
    with pytest.raises(
        ExportError, match=r"must be one that torch can export as torch, but: .+; change"
    ) as info:
        export(fickle, "torch", tmp_path / "m.pt2", images)
    assert len(str(info.value).splitlines()) == 1
    assert [*tmp_path.iterdir()] == []


def test_images_of_another_shape_are_refused(digits_model: Model, images: ImageSet, tmp_path: Path) -> None:
    wide = replace(images, images=np.zeros((len(images), 1, 8, 9), dtype=np.uint8))
    with pytest.raises(DataError, match=r"must have the model's shape \(1, 8, 8\), but it was \(1, 8, 9\)"):
        export(digits_model, "onnx", tmp_path / "m.onnx", wide)


def test_a_place_that_cannot_be_written_is_refused(
    digits_model: Model, images: ImageSet, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"exported file '.*m\.safetensors' must be writable, but: "):
        export(digits_model, "safetensors", tmp_path / "file" / "m.safetensors", images)


def test_a_file_has_its_name_once_it_is_durable(
    digits_model: Model, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    read = FORMS["safetensors"].read
    form = Form(".safetensors", lambda _, path: path.touch(), lambda _: read(kept))
    monkeypatch.setitem(FORMS, "safetensors", form)
    kept = tmp_path / "kept.safetensors"
    digits_model.save(kept)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"must be writable, but: .*No space left"):
        export(digits_model, "safetensors", tmp_path / "m.safetensors", images)
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize(
    ("form", "name", "message"),
    [
        ("onxx", "m.onnx", "must be one of onnx, torch, safetensors, but it was 'onxx'; did you mean 'onnx'"),
        ("torch", "m.pt", r"the form torch must end in \.pt2, but it was 'm.pt'"),
    ],
)
def test_unknown_forms_and_endings_are_refused(form: str, name: str, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        check_form(form, Path(name))


def test_the_validation_images_are_those_of_the_run(digits_model: Model, images: ImageSet) -> None:
    from evocnn.config import Experiment, build_parts

    parts = build_parts(Experiment.from_dict(digits_model.origin.experiment))
    assert images.digest == parts.evaluator.validation.digest


def test_logits_are_those_of_normalized_images(digits_model: Model, images: ImageSet) -> None:
    np.testing.assert_allclose(digits_model.logits(images), by_hand(digits_model, images.images), atol=1e-5)


def test_images_that_are_missing_or_others_are_refused(digits_model: Model, tmp_path: Path) -> None:
    gone = replace(digits_model, origin=replace(digits_model.origin, data_path=str(tmp_path / "gone.npz")))
    with pytest.raises(DataError, match=r"must be readable, but: .*gone\.npz.*; say with --data where"):
        validation_images(gone)
    other = tmp_path / "other.npz"
    np.savez(other, images=np.zeros((200, 8, 8), dtype=np.uint8), labels=np.arange(200) % 10)
    with pytest.raises(DataError, match=r"must be those of the model's run, digest .*, but were .*; give"):
        validation_images(gone, other)
