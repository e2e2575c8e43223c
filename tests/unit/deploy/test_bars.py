"""Bars of benchmarks are figures, so that a repetition that misses one differs."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evocnn.cli.study import Asked
from evocnn.deploy.export import Exported
from evocnn.deploy.model import Model
from evocnn.deploy.quantization import Figures, Quantized
from evocnn.report.figures import Figure
from evocnn.training.latency import Latency


def script(name: str) -> ModuleType:
    """Return a benchmark as a module."""
    path = Path(__file__).parents[3] / "benchmarks" / name / "benchmark.py"
    spec = spec_from_file_location(f"benchmark_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path, tmp_path, tmp_path, is_quick=False)


def figures(accuracy: float, weight_bytes: int) -> Figures:
    return Figures(accuracy, weight_bytes, 2 * weight_bytes, Latency(0.001, 0.0))


@pytest.mark.parametrize(
    ("name", "value", "is_met"),
    [
        ("tandem", figures(0.9, 150), 1),
        ("int8", figures(0.889, 300), 0),
        ("int8", figures(0.9, 360), 0),
        ("pruned", figures(0.8896, 450), 0),
        ("tandem", figures(0.885, 150), 1),
    ],
)
def test_a_network_that_lost_too_much_misses_the_bar_of_compression(
    name: str, value: Figures, is_met: int, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("compression")
    rows = {
        "whole": figures(0.9, 1000),
        "int8": figures(0.9, 300),
        "pruned": figures(0.9, 450),
        "tandem": figures(0.9, 150),
    }

    def measured(data: str, *_: Any) -> Any:
        own = {name: value} if data == "digits" else {}
        return module.Row(data, 80, 20, 1, (100, 50), **{**rows, **own})

    monkeypatch.setattr(module, "measured", measured)
    found = module.study(asked)
    assert found["digits.bars_met"] == Figure(is_met, 0)
    assert found["fashion-mnist.bars_met"] == Figure(1, 0)
    said = (asked.out / "results.md").read_text(encoding="utf-8")
    assert said.count(": met") == 5 + is_met
    assert said.count(": missed") == 1 - is_met


def test_the_four_networks_of_compression_are_measured_in_one_run(
    digits_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("compression")
    calls: list[dict[str, Model | Path]] = []

    def quantize(model: Model, path: Path, *_: Any, beside: Any = None) -> Quantized:
        calls.append(beside)
        others = {name: figures(0.8, number) for number, name in enumerate(beside or {}, start=3)}
        return Quantized(figures(0.9, 1), figures(0.9, 2), 40, 160, others)

    monkeypatch.setattr(module, "trained", lambda *_: digits_model)
    monkeypatch.setattr(module, "prune", lambda model, *_: model)
    monkeypatch.setattr(module, "quantize", quantize)
    row = module.measured("digits", None, 1, tmp_path)
    assert calls == [None, {"whole": digits_model, "int8": tmp_path / "digits.onnx"}]
    assert [one.weight_bytes for one in (row.whole, row.int8, row.pruned, row.tandem)] == [3, 4, 1, 2]


@pytest.mark.parametrize(("difference", "is_met"), [(2.3e-5, 1), (1.1e-4, 0)])
def test_a_file_that_differs_more_misses_the_bar_of_export(
    difference: float, is_met: int, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("export")
    file = Exported(Path(), 1_000, difference, 1e-3, 0)

    def measured(data: str, _: Any, network: str, __: Path) -> Any:
        return module.Row(data, network, 100, 0.9, 10.0, onnx=file, torch=file, n_bytes=400)

    monkeypatch.setattr(module, "load", lambda *_: None)
    monkeypatch.setattr(module, "measured", measured)
    assert module.study(asked)["bars_met"] == Figure(is_met, 0)
    assert ("Met:" in (asked.out / "results.md").read_text(encoding="utf-8")) == bool(is_met)
