"""An exported model in a virtual environment that has onnxruntime, numpy and pillow alone."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evocnn
from evocnn.config.parts import load_data, space_of
from evocnn.deploy.description import Input, Origin
from evocnn.deploy.model import Model
from evocnn.phenotype import build
from evocnn.training.data import Framing
from evocnn.training.images import channel_statistics

README = Path(__file__).parents[2] / "README.md"
NEEDED = ("onnxruntime", "numpy", "pillow")
WAIT = 600  # seconds; only against hanging


@pytest.fixture
def model(experiment_file: Path, tmp_path: Path) -> Path:
    """Return the file of a model of the digits."""
    experiment = evocnn.load_experiment(experiment_file)
    data = load_data(experiment)
    space = space_of(experiment, data.shape, data.n_classes)
    chromosome = space.parse("conv8k3 · pool · conv16k3 | gap | sgd lr=.05")
    mean, deviation = (tuple(map(float, figures)) for figures in channel_statistics(data.images))
    path = tmp_path / "model.safetensors"
    Model(
        build(chromosome, space.input_shape, space.n_classes).eval(),
        chromosome,
        Input(data.shape, Framing((8, 8), "crop", "grey"), mean, deviation),
        data.class_names,
        Origin(
            experiment.tables,
            str(experiment.folder),
            None,
            {"name": data.name, "digest": data.digest},
            "runs/digits",
            0,
            "knee",
        ),
    ).save(path)
    return path


def venv(folder: Path) -> Path:
    """Return the Python of a new virtual environment with what an exported model needs."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=WAIT)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *NEEDED]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WAIT)
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.mark.slow
def test_a_fresh_environment_runs_an_exported_model_on_an_image_file(
    model: Path, tmp_path: Path, tools: Any
) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 17, (8, 8), dtype=np.uint8)).save(
        tmp_path / "photo.jpg", quality=95
    )
    code, out, err = tools.evocnn("export", model).wait()
    assert code == 0, err
    assert f"wrote {tmp_path / 'model.onnx'}: " in out
    assert (tmp_path / "model.onnx.md").read_text(encoding="utf-8").startswith("# Model card: integration")
    code, out, err = tools.evocnn("predict", "--json", tmp_path / "model.onnx", tmp_path / "photo.jpg").wait()
    assert code == 0, err
    (said,) = json.loads(out)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (lines,) = (block for block in blocks if "onnxruntime" in block)
    python = venv(tmp_path / "venv")
    installed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    ).stdout.lower()
    assert "torch" not in installed
    assert "evocnn" not in installed
    done = subprocess.run(
        [python, "-I", "-c", lines], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=WAIT
    )
    name, share = done.stdout.split()
    assert (name, np.float32(share)) == (said["class"], np.float32(said["probability"]))
