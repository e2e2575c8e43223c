"""Latency of a model's file: what is measured, on how many threads, with how many images."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from evocnn.deploy import latency as module
from evocnn.deploy.latency import latencies
from evocnn.deploy.model import Model
from evocnn.errors import DataError, ExperimentError
from evocnn.training.latency import Latency


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what is measured instead of measuring it; without a GPU."""
    seen: list[Any] = []

    def time_passes(work: Callable[[], Any]) -> Latency:
        seen.append(work())
        return Latency(0.25, 0.125)

    def measure_latency(network: nn.Module, images: Tensor, n_threads: int) -> Latency:
        with torch.inference_mode():
            scores = network(images)[0]
        seen.append((n_threads, images.dtype, tuple(images.shape), tuple(scores.shape)))
        return Latency(0.25, 0.125)

    monkeypatch.setattr(module, "time_passes", time_passes)
    monkeypatch.setattr(module, "measure_latency", measure_latency)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module.onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    return seen


def test_a_model_is_measured_from_pixels_with_each_number_of_threads_and_images(
    digits_model: Model, asked: list[Any], tmp_path: Path
) -> None:
    digits_model.save(tmp_path / "m.safetensors")
    found = list(latencies(tmp_path / "m.safetensors", [1, 8], [2, 1]))
    assert [row[:3] for row in found] == [("CPU", 2, 1), ("CPU", 2, 8), ("CPU", 1, 1), ("CPU", 1, 8)]
    assert {row.latency for row in found} == {Latency(0.25, 0.125)}
    assert asked == [(t, torch.uint8, (n, 1, 8, 8), (n, 10)) for t in (2, 1) for n in (1, 8)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_measured_beside_the_processor(digits_model: Model, tmp_path: Path) -> None:
    digits_model.save(tmp_path / "m.safetensors")
    found = list(latencies(tmp_path / "m.safetensors", [1, 8], [1]))
    gpu = torch.cuda.get_device_name()
    assert [row[:3] for row in found] == [("CPU", 1, 1), ("CPU", 1, 8), (gpu, None, 1), (gpu, None, 8)]
    assert all(row.latency.median > 0 for row in found)


def test_an_onnx_file_is_measured_likewise(
    asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_onnx(path: Path, n_threads: int, provider: str) -> Any:
        shown = (path.name, n_threads, provider)
        return SimpleNamespace(
            session=SimpleNamespace(get_providers=lambda: [provider]),
            shape=(3, 4, 5),
            probabilities=lambda images: (*shown, str(images.dtype), images.shape),
        )

    monkeypatch.setattr(module, "open_onnx", open_onnx)
    found = list(latencies(tmp_path / "m.onnx", [1, 8], [2, 1]))
    assert [row[:3] for row in found] == [("CPU", 2, 1), ("CPU", 2, 8), ("CPU", 1, 1), ("CPU", 1, 8)]
    provider = "CPUExecutionProvider"
    assert asked == [("m.onnx", t, provider, "uint8", (n, 3, 4, 5)) for t in (2, 1) for n in (1, 8)]


@pytest.mark.parametrize("ending", [".onnx", ".safetensors"])
def test_a_batch_beyond_any_use_is_refused_before_memory_is_taken(
    ending: str, digits_model: Model, asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits_model.save(tmp_path / "m.safetensors")
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    onnx = SimpleNamespace(session=session, shape=(1, 8, 8), probabilities=len)
    monkeypatch.setattr(module, "open_onnx", lambda *_: onnx)
    message = r"a batch of images of 1x8x8 must be of 4,194,304 at most, .* but it was of 99,999,999; give"
    with pytest.raises(ExperimentError, match=message):
        list(latencies(tmp_path / f"m{ending}", [99_999_999], [1]))
    assert asked == []


def test_a_batch_for_which_memory_is_not_enough_is_told(
    digits_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure_latency(*_: Any) -> Latency:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(module, "measure_latency", measure_latency)
    digits_model.save(tmp_path / "m.safetensors")
    with pytest.raises(DataError, match=r"a batch of 2,048 images must be small enough .* can't allocate"):
        list(latencies(tmp_path / "m.safetensors", [2048], [1]))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be an \.onnx or a \.safetensors file, but it was '.*m\.pt2'"):
        list(latencies(tmp_path / "m.pt2", [1], [1]))
