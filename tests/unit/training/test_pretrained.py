"""Weights of a pretrained network: matched with described layers, checked, and read without running code."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from evocnn.errors import DataError
from evocnn.genotype import LAYERS, PretrainedLayers, Shape, backbone_type, parse_layers
from evocnn.phenotype import layer_module
from evocnn.training.pretrained import Pretrained, read_pretrained

SHAPE = Shape(1, 12, 12)
NETWORK = PretrainedLayers(
    parse_layers("conv2k3 norm=none · pool · conv3k3 · pool · conv4k3 norm=none", LAYERS), channels=1
)


@pytest.fixture
def theirs() -> nn.Sequential:
    """Return a network as somebody else would write it, with a head, and more than ten modules."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 3, 3, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Identity(),
        nn.Identity(),
        nn.Identity(),
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(36, 5),
    )
    for name, tensor in network.named_buffers():
        if "running" in name:
            tensor.uniform_(0.5, 1.5)
    return network.eval()


def read(path: Path, network: PretrainedLayers = NETWORK, digest: str = "") -> Pretrained:
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    return read_pretrained(path, network, SHAPE, mean=(0.5,), deviation=(0.25,), digest=digest)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_features_are_those_of_the_network_that_was_saved(
    tmp_path: Path, theirs: nn.Sequential, suffix: str
) -> None:
    path = tmp_path / f"network{suffix}"
    if suffix == ".pth":
        torch.save(theirs.state_dict(), path)
    else:
        safetensors.torch.save_file(theirs.state_dict(), path)
    weights = read(path).weights
    x = torch.randn(2, *SHAPE)
    for cut, n_modules in enumerate((2, 3, 6, 7, 12), start=1):
        module = layer_module(backbone_type(NETWORK)(cut), SHAPE)
        own = {name: weights[name] for name in module.state_dict() if name in weights}
        missing = module.load_state_dict(own, strict=False).missing_keys
        assert not [name for name in missing if "num_batches" not in name]
        torch.testing.assert_close(module.eval()(x), theirs[:n_modules](x))


def test_weights_under_our_own_names_are_found_in_any_order(tmp_path: Path) -> None:
    state = layer_module(backbone_type(NETWORK)(5), SHAPE).state_dict()
    path = tmp_path / "own.pth"
    torch.save({"first.weight": torch.zeros(2), **dict(reversed(state.items()))}, path)
    weights = read(path).weights
    assert all(torch.equal(weights[name], state[name]) for name in weights)
    assert {name for name in state if "num_batches" not in name} == set(weights)


def with_change(state: dict[str, Tensor], change: str) -> dict[str, Tensor]:
    if change == "fewer":
        return dict(list(state.items())[:3])
    if change == "shape":
        return {**state, "3.weight": torch.zeros(3, 2, 5, 5)}
    return {**state, "3.weight": torch.full((3, 2, 3, 3), torch.nan)}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("fewer", r"3 for 'blocks.1.normalization.weight', but the file has no more; correct space.backbone"),
        ("shape", r"3x2x3x3 for 'blocks.1.convolution.weight', but '3.weight' has 3x2x5x5"),
        ("nan", r"must be finite, but '3.weight' was not"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, theirs: nn.Sequential, change: str, rule: str
) -> None:
    path = tmp_path / "network.pth"
    torch.save(with_change(theirs.state_dict(), change), path)
    with pytest.raises(DataError, match=rule):
        read(path)


class Trap:
    """What runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Write a file when unpickled."""
        return Path.touch, (Path("trapped"),)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_no_code_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "network.pth"
    save({"weight": Trap()}, path)
    with pytest.raises(DataError, match="it is none, or holds more than tensors, which may be code; save"):
        read(path)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("name", ["network.pth", "network.safetensors"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no weights at all")
    with pytest.raises(DataError, match="must be a state_dict or a safetensors file, but"):
        read(path)
    torch.save({"epoch": 3, "state": {}}, tmp_path / "checkpoint.pth")
    with pytest.raises(DataError, match="it holds dict with more than tensors"):
        read(tmp_path / "checkpoint.pth")


def test_another_file_than_the_experiment_had_is_refused(tmp_path: Path, theirs: nn.Sequential) -> None:
    path = tmp_path / "network.pth"
    torch.save(theirs.state_dict(), path)
    with pytest.raises(DataError, match="must be those of the experiment, SHA-256 aaaaaaaaaaaa, but were"):
        read(path, digest="a" * 64)
