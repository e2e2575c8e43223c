"""Networks of libraries as chains of modules: what is found, counted and refused."""

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from evocnn.errors import ExperimentError
from evocnn.genotype import Shape
from evocnn.phenotype import layer_module
from evocnn.phenotype.stages import architecture, stages_of


class Block(nn.Module):
    """A residual block, a module of which no part can be cut off."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n, n, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.convolution(x))


class LastChannels(nn.Module):
    """Puts channels last."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


class Small(nn.Module):
    """A network as libraries have them: a stem, blocks in a sequence, an unused module, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 5)
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.unused = nn.Conv2d(6, 6, 3)
        self.blocks = nn.Sequential(Block(6), nn.Sequential(nn.MaxPool2d(2), Block(6)))
        self.pooling: nn.Module = nn.AdaptiveAvgPool2d(1)

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward_features(self, x: Tensor) -> Tensor:
        return self.blocks(self.between(self.stem(x)))

    def forward(self, x: Tensor) -> Any:
        return self.head(self.pooling(self.forward_features(x)).flatten(1))


class InPlaceBetween(Small):
    """Changes features in place between two modules, in no module of its own."""

    def between(self, x: Tensor) -> Tensor:
        return x.mul_(2)


class NewBetween(Small):
    """Computes something between two modules, in no module of its own."""

    def between(self, x: Tensor) -> Tensor:
        return x * 2


class Repeated(Small):
    """Uses a module twice."""

    def between(self, x: Tensor) -> Tensor:
        return self.stem[2](x)


class ChannelsLast(Small):
    """Has its channels last after the stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem.append(LastChannels())

    def between(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)


class Tokens(Small):
    """Makes a sequence of its features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem.append(nn.Flatten(2))

    def between(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (112, -1))


class OneSize(Small):
    """Takes images of one size."""

    def between(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (16, 16):
            message = "another size"
            raise ValueError(message)
        return x


class Transforming(Small):
    """Has torchvision's mark of a network that changes its images."""

    transform_input = False


class FunctionalHead(Small):
    """Pools its features in no module."""

    def forward(self, x: Tensor) -> Any:
        return self.head(self.forward_features(x).mean((2, 3)))


KINDS = {kind.__name__: kind for kind in Small.__subclasses__()} | {"Small": Small}


@pytest.fixture(autouse=True)
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a double in the place of timm that makes the networks above."""
    architecture.cache_clear()

    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        assert not pretrained
        return KINDS[name]()

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Small", "FunctionalHead"])
def test_stages_one_after_the_other_are_the_networks_features(name: str) -> None:
    shape = Shape(3, 16, 24)
    stages = stages_of(f"timm:{name}", shape)
    assert [stage.place for stage in stages] == ["stem.0", "stem.1", "stem.2", "blocks.0", *PLACES]
    network: Any = architecture(f"timm:{name}")
    images = torch.randn(2, *shape)
    with torch.no_grad():
        x = images
        for stage in stages:
            assert tuple(x.shape[1:]) == stage.takes
            x = layer_module(stage, Shape(*stage.takes))(x)
        assert stages[-1].output(Shape(*stages[-1].takes)) == tuple(x.shape[1:])
        torch.testing.assert_close(x, network.forward_features(images))


PLACES = ["blocks.1.0", "blocks.1.1"]


def test_counts_are_those_of_the_modules() -> None:
    stages = stages_of("timm:Small", Shape(3, 16, 16))
    network: Any = architecture("timm:Small")
    with FlopCounterMode(display=False) as counter:
        network.forward_features(torch.randn(1, 3, 16, 16))
    assert sum(stage.flops for stage in stages) == counter.get_total_flops()
    block = stages[3].counts(Shape(6, 8, 8))
    assert block == (6 * 6 * 9 + 6, 2 * 6 * 6 * 9 * 64, 2 * 6 * 64, 2)


def test_a_stage_applies_to_the_shape_it_was_measured_on_alone() -> None:
    stage = stages_of("timm:Small", Shape(3, 16, 16))[0]
    assert stage.output(Shape(3, 16, 16)) == (6, 8, 8)
    assert stage.output(Shape(3, 18, 16)) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("InPlaceBetween", "'blocks.0' reads something else than the module before it gives"),
        ("NewBetween", "'blocks.0' reads something else than the module before it gives"),
        ("Repeated", "'stem.2' reads something else than the module before it gives"),
        ("ChannelsLast", "'stem.3' gives no feature map"),
        ("Tokens", "'stem.3' gives no feature map"),
        ("OneSize", "it takes no images of any size: ValueError: another size"),
        ("Transforming", "it changes its images before the first module"),
    ],
)
def test_a_network_that_is_no_chain_is_refused_by_name(name: str, reason: str) -> None:
    with pytest.raises(ExperimentError, match=f"'timm:{name}' must be a chain of modules .*{reason}"):
        stages_of(f"timm:{name}", Shape(3, 16, 16))


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ExperimentError, match=r"'blocks.1.0' cannot read 6x1x1: .*; set a larger data.size"):
        stages_of("timm:Small", Shape(3, 2, 2))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ExperimentError, match="'timm:Large' must name a network of the library, but: KeyErr"):
        architecture("timm:Large")


def test_random_numbers_do_not_depend_on_what_was_built_before() -> None:
    stage = stages_of("timm:Small", Shape(3, 16, 16))[0]
    architecture.cache_clear()
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)
        layer_module(stage, Shape(3, 16, 16))
        drawn.append(torch.rand(1))
    assert torch.equal(*drawn)


def test_a_module_is_a_networks_own() -> None:
    stage = stages_of("timm:Small", Shape(3, 16, 16))[0]
    one, other = (layer_module(stage, Shape(3, 16, 16)) for _ in range(2))
    nn.init.zeros_(one.weight)
    assert other.weight.abs().sum() > 0


@pytest.mark.parametrize("source", ["antigravity:Small", "timm:hf-hub:somebody/Small"])
def test_nothing_else_is_imported_or_looked_up(source: str) -> None:
    with pytest.raises(ExperimentError, match=f"must be named as timm:NAME .*, but it was '{source}'"):
        architecture(source)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "error", ["RuntimeError('operator torchvision::nms does not exist')", "ImportError('no')"]
)
def test_a_library_that_cannot_be_imported_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    (tmp_path / "torchvision.py").write_text(f"raise {error}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    reason = error.partition("'")[2].partition("'")[0]
    with pytest.raises(
        ExperimentError, match=rf"torchvision must be importable .*{reason}; install evocnn\[b"
    ):
        architecture("torchvision:resnet18")


def real(name: str) -> Any:
    """Return a library, or skip the test where it cannot be imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return __import__(name)
    except Exception as error:  # noqa: BLE001 - torchvision raises a RuntimeError
        pytest.skip(f"{name}: {error}")


@pytest.mark.parametrize(
    ("source", "features"),
    [
        ("timm:resnet18", "forward_features"),
        ("timm:mobilenetv3_small_100", "forward_features"),
        ("timm:convnext_atto", "forward_features"),
        ("torchvision:mobilenet_v3_small", "features"),
        ("torchvision:densenet121", "features"),
    ],
)
def test_stages_of_the_libraries_are_their_features(
    source: str, features: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "timm")
    real(source.partition(":")[0])
    shape = Shape(3, 64, 64)
    network: Any = architecture(source)
    images = torch.randn(1, *shape)
    with torch.no_grad():
        x = images
        for stage in stages_of(source, shape):
            x = layer_module(stage, Shape(*stage.takes))(x)
        assert torch.equal(x, getattr(network, features)(images))


@pytest.mark.parametrize(
    "source", ["timm:vit_tiny_patch16_224", "torchvision:swin_t", "torchvision:googlenet"]
)
def test_other_networks_of_the_libraries_are_refused(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "timm")
    real(source.partition(":")[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ExperimentError, match=f"'{source}' must be a chain of modules"):
            stages_of(source, Shape(3, 64, 64))
