"""Backbones by a name of timm or torchvision, which are doubles: weights are fetched, checked, recorded."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from evocnn.config import Experiment, build_parts
from evocnn.errors import DataError, ExperimentError, SpaceError
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import Choice, Fidelity
from evocnn.phenotype.stages import architecture
from evocnn.training.state import load_weights

MEAN, DEVIATION = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def network() -> nn.Sequential:
    """Return a network as a library makes it."""
    stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    return nn.Sequential(
        stem, nn.Conv2d(4, 6, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 9)
    )


@pytest.fixture
def trained() -> nn.Sequential:
    torch.manual_seed(5)
    whole = network().eval()
    whole[0][1].running_mean.uniform_(-1, 1)
    return whole


@pytest.fixture
def file(tmp_path: Path, trained: nn.Sequential, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the hub; timm and the hub are doubles."""
    architecture.cache_clear()
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(trained.state_dict(), path)
    about = SimpleNamespace(
        architecture="small", tag="a1", hf_hub_id="timm/small.a1", hf_hub_filename=None, custom_load=False
    )
    about.mean, about.std = MEAN, DEVIATION

    def known(name: str, *, allow_unregistered: bool) -> SimpleNamespace:
        assert name in ("small", "small.a1")
        return about

    def download(repository: str, name: str, *, revision: str | None) -> str:
        assert (repository, name, revision) == ("timm/small.a1", "model.safetensors", None)
        if not path.exists():
            message = "Cannot reach the hub"
            raise OSError(message)
        return str(path)

    timm: Any = ModuleType("timm")
    timm.create_model = lambda *_, **__: network()
    timm.models = SimpleNamespace(get_pretrained_cfg=known)
    timm.about = about
    hub: Any = ModuleType("huggingface_hub")
    hub.hf_hub_download = download
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return path


def tables(weights: str = "timm:small", **backbone: Any) -> dict[str, Any]:
    return {
        "name": "mine",
        "data": {"source": "digits", "images": 200, "size": 12, "channels": "rgb"},
        "space": {
            "backbone": {"weights": weights, **backbone},
            "layers": {"conv": {"filters": [4, 8], "kernel": 3}},
            "recipe": {"batch_size": 32},
        },
    }


def test_the_record_says_all_of_the_network(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = Experiment.from_dict(tables()).tables
    table = filled["space"]["backbone"]
    assert table["weights"] == "timm:small.a1"
    assert table["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (table["mean"], table["deviation"]) == (list(MEAN), list(DEVIATION))
    assert [(one["place"], one["gives"]) for one in table["stages"]] == [
        ("0.0", [4, 6, 6]),
        ("0.1", [4, 6, 6]),
        ("0.2", [4, 6, 6]),
        ("1", [6, 6, 6]),
    ]
    monkeypatch.delitem(sys.modules, "timm")
    file.unlink()
    backbone = Experiment.from_dict(filled).space.backbone  # without the library, as whoever looks at a run
    assert backbone
    assert backbone.alleles.fields == {"cut": Choice((1, 2, 3, 4)), "trained": Choice((0, 1, 2, 3))}


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_features_are_those_of_the_published_network(file: Path, trained: nn.Sequential, cut: int) -> None:
    parts = build_parts(Experiment.from_dict(tables()))
    chromosome = parts.space.parse(f"backbone{cut} trained=1 | gap | sgd lr=.05 batch=32")
    own = parts.evaluator._network(chromosome, 0).eval()
    x = torch.randn(2, 3, 12, 12)
    flat = [*trained[0], *trained[1:]]
    torch.testing.assert_close(own.blocks[0](x), nn.Sequential(*flat[:cut])(x))


def test_what_is_frozen_stays_and_what_is_trained_learns(file: Path, trained: nn.Sequential) -> None:
    parts = build_parts(Experiment.from_dict(tables()))
    chromosome = parts.space.parse("backbone4 trained=1 | gap | sgd lr=.05 batch=32")
    counts = chromosome.counts(parts.space.input_shape, 10)
    assert counts.parameters == 3 * 4 * 9 + 2 * 4 + (4 * 6 * 9 + 6) + 6 * 10 + 10
    request = EvaluationRequest(chromosome, Fidelity(1, len(parts.evaluator.training)), saves_state=True)
    found = parts.evaluator(request)
    assert found.status is Status.OK
    assert found.metrics["parameters"] == counts.parameters
    state = load_weights(found.state or b"")[0]
    names = {name.partition("blocks.0.")[2]: tensor for name, tensor in state.items() if "blocks.0." in name}
    assert torch.equal(names["blocks.0.weight"], trained[0][0].weight)
    assert torch.equal(names["blocks.1.running_mean"], trained[0][1].running_mean)
    assert not torch.equal(names["blocks.3.weight"], trained[1].weight)


def test_another_file_of_the_hub_is_refused(file: Path, trained: nn.Sequential) -> None:
    experiment = Experiment.from_dict(tables())
    safetensors.torch.save_file(network().state_dict(), file)
    with pytest.raises(DataError, match="must be those of the experiment, SHA-256"):
        build_parts(experiment)


def test_weights_are_found_by_name_alone(file: Path, trained: nn.Sequential) -> None:
    state = trained.state_dict()
    state["1.scale"] = state.pop("1.bias")
    safetensors.torch.save_file(state, file)
    experiment = Experiment.from_dict(tables())
    with pytest.raises(DataError, match=r"6 for 'blocks.3.bias', but the file has no more"):
        build_parts(experiment)


def test_torchvisions_weights_are_read_without_running_code(
    file: Path, trained: nn.Sequential, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = file.parent / "checkpoints" / "small-0123.pth"
    asked: dict[str, Any] = {}

    def load(url: str, **options: Any) -> None:
        asked.update(options, url=url)
        cached.parent.mkdir(exist_ok=True)
        torch.save(trained.state_dict(), cached)

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(file.parent))
    entry = SimpleNamespace(
        name="V1",
        url="https://example.org/small-0123.pth",
        transforms=lambda: SimpleNamespace(mean=MEAN, std=DEVIATION),
    )
    torchvision: Any = ModuleType("torchvision")
    torchvision.models = SimpleNamespace(
        list_models=lambda **_: ["small"],
        get_model=lambda *_, **__: network(),
        get_model_weights=lambda _: SimpleNamespace(DEFAULT=entry),
    )
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    experiment = Experiment.from_dict(tables("torchvision:small"))
    assert experiment.tables["space"]["backbone"]["weights"] == "torchvision:small.V1"
    assert (asked["weights_only"], asked["check_hash"]) == (True, True)
    with pytest.raises(ExperimentError, match="unknown classifier 'detector'"):
        Experiment.from_dict(tables("torchvision:detector"))


def change(file: Path, name: str) -> dict[str, Any]:
    about = sys.modules["timm"].about
    if name == "out of reach":
        file.unlink()
    elif name == "not on the hub":
        about.hf_hub_id = None
    elif name == "code":
        about.hf_hub_filename = "model.bin"
        sys.modules["huggingface_hub"].hf_hub_download = lambda *_, **__: "model.bin"  # type: ignore[attr-defined]
    elif name == "size of three":
        given = tables()
        given["data"]["size"] = [8, 8, 8]
        return given
    elif name == "layers":
        return tables(layers="conv4k3")
    elif name == "no size":
        given = tables()
        del given["data"]["size"]
        return given
    return tables()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (
            "out of reach",
            "'timm:small' must be published .* within reach, but: OSError: Cannot reach the hub",
        ),
        ("not on the hub", "they are no safetensors file on the hub"),
        ("code", "'model.bin' is none"),
        ("layers", "layers must be given for a file of weights, and for no network of timm .* remove them"),
        ("no size", "data.size must be given beside 'timm:small', .* but it was not"),
        ("size of three", "a size must be a number of pixels or"),
    ],
)
def test_a_mistake_is_told_with_its_rule(file: Path, name: str, rule: str) -> None:
    with pytest.raises(ExperimentError, match=rule):
        Experiment.from_dict(change(file, name))


def test_grey_images_are_refused(file: Path) -> None:
    grey = tables()
    grey["data"]["channels"] = "grey"
    with pytest.raises(SpaceError, match=r'set data.channels to "rgb"'):
        build_parts(Experiment.from_dict(grey))
