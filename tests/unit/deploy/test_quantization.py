"""Quantized files: integers inside, figures of both, and no file where too much accuracy is lost."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from evocnn.deploy import latency as latency_module
from evocnn.deploy import quantization
from evocnn.deploy.export import export
from evocnn.deploy.images import split_images
from evocnn.deploy.model import Model
from evocnn.deploy.predict import open_onnx
from evocnn.deploy.quantization import (
    N_CALIBRATION,
    Quantized,
    accuracy,
    is_drop_allowed,
    quantize,
    weight_bytes,
)
from evocnn.errors import DataError, ExperimentError, ExportError
from evocnn.training.data import ImageSet
from evocnn.training.latency import Latency


@pytest.fixture(scope="module")
def sides(digits_model: Model) -> tuple[ImageSet, ImageSet]:
    return split_images(digits_model)


@pytest.fixture(scope="module", autouse=True)
def _exported_once(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Copy the exported model wherever it is asked for, as it takes torch seconds to write."""
    path = export(digits_model, "onnx", tmp_path_factory.mktemp("float") / "m.onnx", sides[1]).path

    def copied(model: Model, form: str, to: Path, images: ImageSet) -> None:
        assert (model, form) == (digits_model, "onnx")
        assert images is sides[1]
        shutil.copy(path, to)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantization, "export", copied)
        yield


@pytest.fixture(scope="module")
def written(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Quantized]:
    path = tmp_path_factory.mktemp("quantized") / "new" / "model-int8.onnx"
    return path, quantize(digits_model, path, *sides, max_drop=1.0)


def tensors(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    found = onnx.load(path).graph.initializer
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in found}


def test_weights_are_integers_with_a_scale_for_each_channel(written: tuple[Path, Quantized]) -> None:
    held = tensors(written[0])
    weights = [value for value in held.values() if value.dtype == np.int8 and value.ndim > 1]
    assert sorted(value.shape for value in weights) == [(4, 1, 3, 3), (10, 4)]
    assert all(abs(value.astype(int)).max() <= 64 for value in weights)  # 7 bits
    assert {4, 10} <= {len(value) for value in held.values() if value.dtype == np.float32 and value.ndim}


def test_figures_are_those_of_the_files(
    written: tuple[Path, Quantized], digits_model: Model, sides: tuple[ImageSet, ImageSet]
) -> None:
    path, found = written
    validation = sides[1]
    assert list(path.parent.iterdir()) == [path]
    assert (found.n_images, found.n_calibration) == (40, min(160, N_CALIBRATION))
    before = (digits_model.logits(validation).argmax(axis=1) == validation.labels).mean()
    assert found.before.accuracy == pytest.approx(before)
    assert found.after.accuracy == accuracy(open_onnx(path), validation)
    assert found.after.file_bytes == path.stat().st_size
    assert found.after.weight_bytes == sum(value.nbytes for value in tensors(path).values())
    assert found.after.weight_bytes == weight_bytes(path) < found.before.weight_bytes
    assert min(found.before.latency.median, found.after.latency.median) > 0


def test_the_file_still_says_how_to_use_it(written: tuple[Path, Quantized], digits_model: Model) -> None:
    model = open_onnx(written[0])
    assert (model.class_names, model.shape) == (digits_model.class_names, (1, 8, 8))
    about = json.loads(model.session.get_modelmeta().custom_metadata_map["evocnn"])
    assert (about["weights"], about["opset"]) == ("int8", 18)
    assert model.probabilities(np.zeros((3, 1, 8, 8), dtype=np.uint8)).shape == (3, 10)


def test_a_file_that_loses_too_much_is_not_kept(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter([0.9, 0.87])
    monkeypatch.setattr(quantization, "accuracy", lambda *_: next(shares))
    with pytest.raises(
        ExportError, match=r"at most 0\.02 of its accuracy, but on 40 .* from 0\.9000 to 0\.8700"
    ):
        quantize(digits_model, tmp_path / "m.onnx", *sides)
    assert not list(tmp_path.iterdir())


def test_exactly_the_drop_that_is_allowed_is_kept() -> None:
    assert 45 / 50 - 44 / 50 > 0.02  # as floating-point numbers have it
    assert is_drop_allowed(45 / 50, 44 / 50, 0.02)
    assert not is_drop_allowed(45 / 50, 43 / 50, 0.02)
    assert not is_drop_allowed(0.5, 0.5 - 1e-6, 0.0)  # one of a million images


def test_ranges_of_activations_are_those_of_some_training_images(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def look(_: Path, __: Path, reader: Any, **___: Any) -> None:
        while (batch := reader.get_next()) is not None:
            seen.extend(image.tobytes() for image in batch["images"])
        raise ValueError("enough seen")

    monkeypatch.setattr(quantization, "quantize_static", look)
    monkeypatch.setattr(quantization, "N_CALIBRATION", 20)
    with pytest.raises(ExportError, match="enough seen"):
        quantize(digits_model, tmp_path / "m.onnx", *sides)
    assert len(seen) == 20
    assert set(seen) <= {image.tobytes() for image in sides[0].images}


def test_what_cannot_be_quantized_is_an_error(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("no such operation")

    monkeypatch.setattr(quantization, "quantize_static", fail)
    with pytest.raises(
        ExportError, match="must be one that ONNX Runtime can quantize, but: no such operation"
    ):
        quantize(digits_model, tmp_path / "m.onnx", *sides)


def test_wrong_options_are_named(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    with pytest.raises(ExperimentError, match=r"a quantized file must end in \.onnx"):
        quantize(digits_model, tmp_path / "m.safetensors", *sides)
    with pytest.raises(ExperimentError, match="a drop of accuracy must lie between 0 and 1, but it was 2"):
        quantize(digits_model, tmp_path / "m.onnx", *sides, max_drop=2.0)


def test_a_place_that_cannot_be_written_is_named(
    digits_model: Model, sides: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="must be writable"):
        quantize(digits_model, tmp_path / "file" / "m.onnx", *sides)


def test_files_take_turns_and_the_median_turn_counts(
    written: tuple[Path, Quantized], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that a neighbour held up moves neither median."""
    seconds = iter([1.0, 2.0, 100.0, 200.0, 3.0, 5.0])
    monkeypatch.setattr(latency_module, "N_TURNS", 3)
    monkeypatch.setattr(latency_module, "time_passes", lambda _: Latency(next(seconds), 0.0))
    threads, open_onnx = [], latency_module.open_onnx
    monkeypatch.setattr(latency_module, "open_onnx", lambda path, n: threads.append(n) or open_onnx(path, n))
    found = latency_module.interleaved_latencies([written[0], written[0]])
    assert found == [Latency(3.0, 51.5 - 2.0), Latency(5.0, 102.5 - 3.5)]
    assert threads == [1, 1]


def test_what_stands_beside_is_measured_in_the_same_turns(
    written: tuple[Path, Quantized],
    digits_model: Model,
    sides: tuple[ImageSet, ImageSet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def in_turns(paths: list[Path]) -> list[Latency]:
        return [Latency(float(number), 0.0) for number, _ in enumerate(paths)]

    monkeypatch.setattr(quantization, "interleaved_latencies", in_turns)
    beside = {"trained": digits_model, "int8": written[0]}
    found = quantize(digits_model, tmp_path / "m.onnx", *sides, 1.0, beside=beside)
    assert list(found.others) == ["trained", "int8"]
    assert found.others["trained"] == found.before._replace(latency=Latency(2.0, 0.0))
    assert found.others["int8"] == written[1].after._replace(latency=Latency(3.0, 0.0))
