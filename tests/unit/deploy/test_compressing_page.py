"""The page on compressing states what the code does."""

import inspect
import re
from pathlib import Path

import pytest

from evocnn.cli.commands.use import prune, quantize
from evocnn.deploy.channels import MULTIPLE
from evocnn.deploy.model import Model
from evocnn.deploy.pruning import KINDS
from evocnn.deploy.quantization import MAX_DROP, N_CALIBRATION

PAGE = (Path(__file__).parents[3] / "docs" / "compressing.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


def test_kinds_and_defaults_are_those_of_the_code() -> None:
    assert tuple(re.findall(r"^\| `--kind (\w+)`", PAGE, re.MULTILINE)) == KINDS
    defaults = {name: option.default for name, option in inspect.signature(prune).parameters.items()}
    assert f"`--sparsity {defaults['sparsity']}`" in TEXT
    assert f"`--kind {defaults['kind']}` | the default" in TEXT
    assert inspect.signature(quantize).parameters["max_drop"].default == MAX_DROP
    assert f"`--max-drop` of the accuracy, {MAX_DROP} by default" in TEXT
    assert f"up to {N_CALIBRATION} training images" in TEXT
    assert f"a multiple of {MULTIPLE} channels" in TEXT


def test_the_lines_of_python_run(
    digits_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digits_model.save("model.safetensors")
    (lines,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    lines = lines.replace("0.5, epochs=10", "0.3, epochs=1").replace("validation))", "validation, 1.0))")
    exec(compile(lines, "compressing.md", "exec"), {})  # noqa: S102 - lines of this repository
    assert (tmp_path / "pruned-int8.onnx").stat().st_size > 0
