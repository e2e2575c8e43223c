"""Experiments with a backbone: what the table means, what files fill in, mistakes, and models that follow."""

import hashlib
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from evocnn.config import Experiment, build_parts
from evocnn.config.backbone import BackboneSettings
from evocnn.config.parts import variation_of
from evocnn.config.toml import read_toml
from evocnn.deploy.model import Model, load_model
from evocnn.deploy.pruning import Pruning, prune
from evocnn.deploy.quantization import quantize
from evocnn.errors import DataError, ExperimentError
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import Choice, Chromosome, Conv, Fidelity
from evocnn.genotype.stage import is_named
from evocnn.phenotype import build
from evocnn.training.latency import Latency
from evocnn.training.state import load_weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "network.pth"
    torch.save({"conv.weight": torch.randn(4, 1, 3, 3), "conv.bias": torch.randn(4)}, path)
    return path


def tables(**backbone: Any) -> dict[str, Any]:
    table = {
        "weights": "network.pth",
        "layers": "conv4k3 norm=none · pool",
        "mean": [0.5],
        "deviation": [0.25],
        **backbone,
    }
    return {
        "name": "mine",
        "data": {"source": "digits", "images": 200},
        "space": {"backbone": table, "layers": {"conv": {"filters": [4, 8], "kernel": 3}}},
    }


def test_the_digest_of_the_file_is_part_of_the_experiment(weights: Path) -> None:
    experiment = Experiment.from_dict(tables(), folder=weights.parent)
    assert experiment.space.backbone
    expected = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert experiment.space.backbone.digest == expected
    assert experiment.tables["space"]["backbone"]["digest"] == expected  # as the manifest has it


def test_an_experiment_with_a_digest_is_read_without_its_file_and_trained_with_it(weights: Path) -> None:
    filled = Experiment.from_dict(tables(), folder=weights.parent).tables
    torch.save({"conv.weight": torch.zeros(4, 1, 3, 3), "conv.bias": torch.zeros(4)}, weights)
    again = Experiment.from_dict(filled, folder=weights.parent)
    with pytest.raises(DataError, match="must be those of the experiment"):
        build_parts(again)
    weights.unlink()
    Experiment.from_dict(filled, folder=weights.parent)


def test_every_cut_and_every_number_of_trained_layers_is_an_allele_by_default(weights: Path) -> None:
    layers = "conv4k3 norm=none · pool · conv4k3 · drop.2"
    space = Experiment.from_dict(tables(layers=layers), folder=weights.parent).space
    assert space.backbone
    assert space.backbone.alleles.fields == {"cut": Choice((1, 2, 3, 4)), "trained": Choice((0, 1, 2))}
    space = Experiment.from_dict(tables(layers=layers, cut=[2, 4], trained=0), folder=weights.parent).space
    assert space.backbone
    assert space.backbone.alleles.fields == {"cut": Choice((2, 4)), "trained": Choice((0,))}


def test_parts_have_space_weights_and_the_mutation_of_backbones(weights: Path) -> None:
    experiment = Experiment.from_dict(tables(), folder=weights.parent)
    parts = build_parts(experiment)
    assert parts.space.backbone
    assert [gene.name() for gene in parts.space.genes] == ["backbone", "conv"]
    pretrained = parts.evaluator.pretrained
    assert pretrained
    assert torch.equal(pretrained.weights["blocks.0.convolution.bias"], torch.load(weights)["conv.bias"])
    assert "alter_backbone" in {one.name for one in variation_of(experiment).mutations}
    without = Experiment.from_dict({**tables(), "space": {"layers": tables()["space"]["layers"]}})
    assert "alter_backbone" not in {one.name for one in variation_of(without).mutations}
    assert build_parts(without).evaluator.pretrained is None


def test_the_head_alone_can_evolve_behind_it(weights: Path) -> None:
    held = tables()
    held["space"] |= {"layers": {}, "evolve": ["head", "recipe"], "hold": {"layers": "no layers"}}
    del held["space"]["layers"]
    space = build_parts(Experiment.from_dict(held, folder=weights.parent)).space
    assert space.held.layers == ()
    assert space.repair(space.parse("backbone2 | gap | sgd lr=.05")).changes == {}


def test_founders_may_begin_with_it(weights: Path) -> None:
    given = tables()
    given["space"]["founders"] = ["backbone2 trained=1 · conv8k3 | gap | sgd lr=.05"]
    (founder,) = build_parts(Experiment.from_dict(given, folder=weights.parent)).space.founders
    assert founder.root
    assert founder.layers[1] == Conv(8, 3)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"weights": "missing.pth"}, r"space.backbone.weights': weights must be a file .* No such file"),
        ({"layers": "conv4k3 · link1"}, "must be a chain of at least one, none of them a link"),
        ({"cut": [1, 3]}, "cut must be from 1 to the 2 layers of the network, but it was 3"),
        ({"deviation": [0.2, 0.2]}, "must have a number for each channel, deviations above 0"),
        ({"deviation": [0.0]}, "must have a number for each channel, deviations above 0"),
        ({"trains": 1}, "'space.backbone.trains' is not known; .* did you mean 'trained'"),
        ({"trained": ["all"]}, "trained"),
    ],
)
def test_a_mistake_is_told_with_its_rule(weights: Path, change: dict[str, Any], rule: str) -> None:
    with pytest.raises(ExperimentError, match=rule):
        Experiment.from_dict(tables(**change), folder=weights.parent)


def test_scores_of_initial_weights_are_refused_beside_it(weights: Path) -> None:
    with pytest.raises(ExperimentError, match="reject must be predictor or left out beside a backbone"):
        Experiment.from_dict({**tables(), "search": {"reject": "naswot"}}, folder=weights.parent)


@pytest.fixture
def trained(weights: Path, digits_origin: Any) -> tuple[Experiment, Model]:
    """Return an experiment, and a model that its backbone went into."""
    experiment = Experiment.from_dict(tables(), folder=weights.parent)
    parts = build_parts(experiment)
    chromosome = parts.space.parse("backbone2 · conv4k3 | gap | sgd lr=.05")
    request = EvaluationRequest(chromosome, Fidelity(1, len(parts.evaluator.training)), saves_state=True)
    state = load_weights(parts.evaluator(request).state or b"")[0]
    network = build(chromosome, parts.space.input_shape, parts.space.n_classes)
    network.load_state_dict(state)
    return experiment, digits_origin(experiment, chromosome, network.eval())


def test_a_model_is_used_without_the_file_of_its_backbone(
    weights: Path, tmp_path: Path, trained: tuple[Experiment, Model]
) -> None:
    _, model = trained
    model.save(tmp_path / "model.safetensors")
    weights.unlink()
    x = torch.randn(2, 1, 8, 8)
    again = load_model(tmp_path / "model.safetensors")
    assert again.chromosome == model.chromosome
    assert torch.equal(again.network(x), model.network(x))


def test_a_model_of_evocnns_own_says_by_itself_what_it_is(tmp_path: Path, digits_origin: Any) -> None:
    plain = tables()
    plain["space"] = {"layers": {"conv": {"filters": [4, 8], "kernel": 3}, "pool": {}}, "pool_order": "early"}
    experiment = Experiment.from_dict(plain)
    space = build_parts(experiment).space
    chromosome = space.parse("conv4k3 · pool · conv8k3 | gap | sgd lr=.1")
    torch.manual_seed(1)
    model = digits_origin(experiment, chromosome, build(chromosome, space.input_shape, 10))
    model.save(tmp_path / "model.safetensors")
    table = {"weights": "model.safetensors"}
    child = {**plain, "space": {**plain["space"], "backbone": table}}
    experiment = Experiment.from_dict(child, folder=tmp_path)
    backbone = experiment.space.backbone
    assert backbone
    assert (backbone.layers, backbone.pool_order) == ("conv4k3 · pool · conv8k3", "early")
    assert backbone.mean == pytest.approx([4.9 / 255])
    parts = build_parts(experiment)
    chromosome = parts.space.parse("backbone3 | gap | sgd lr=.1")
    network = parts.evaluator._network(chromosome, 0).eval()
    x = torch.randn(2, 1, 8, 8)
    features = x
    for block in model.network.eval().blocks:
        features = block(features)
    torch.testing.assert_close(network.blocks[0](x), features)


@pytest.fixture
def digits_origin(digits_model: Model) -> Any:
    """Return what makes a model of an experiment's network."""

    def made(experiment: Experiment, chromosome: Chromosome, network: Any) -> Model:
        origin = replace(
            digits_model.origin, experiment=experiment.tables, experiment_folder=str(experiment.folder or ".")
        )
        return replace(digits_model, chromosome=chromosome, network=network, origin=origin)

    return made


PAGE = Path(__file__).parents[3] / "docs" / "transfer.md"


def test_the_page_has_a_row_for_every_key() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert named == set(BackboneSettings.model_fields)


def test_the_examples_of_the_page_are_experiments(tmp_path: Path) -> None:
    parts_of_page = PAGE.read_text(encoding="utf-8").split("```toml\n")[1:]
    first, held, named = (tomllib.loads(part.partition("```")[0]) for part in parts_of_page)
    assert is_named(named["space"]["backbone"]["weights"])
    state = {
        f"{n}.{name}": tensor
        for n, (before, after) in enumerate([(1, 32), (32, 64), (64, 128)])
        for name, tensor in (("weight", torch.zeros(after, before, 3, 3)), ("bias", torch.zeros(after)))
    }
    torch.save(state, tmp_path / "digits.pth")
    space = {**first["space"], **held["space"]}
    example = {"name": "a", "data": {"source": "digits", "images": 200, "channels": "grey"}, "space": space}
    parts = build_parts(Experiment.from_dict(example, folder=tmp_path))
    genome = parts.space.parse("backbone4 trained=1 | gap | sgd lr=.05")
    assert parts.space.repair(genome).changes == {}


@pytest.mark.parametrize("name", ["fashion-mnist", "sign-digits"])
def test_the_experiments_can_be_read(tmp_path: Path, name: str) -> None:
    tables = read_toml(PAGE.parents[1] / "experiments" / "transfer" / f"{name}.toml")[0]
    (tmp_path / tables["space"]["backbone"]["weights"]).write_bytes(b"any")
    space = Experiment.from_dict(tables, folder=tmp_path).space
    assert space.backbone
    assert space.backbone.alleles.fields["cut"] == Choice((1, 2, 3, 4, 5, 6))


@pytest.mark.parametrize("kind", ["channels", "weights"])
def test_what_is_frozen_loses_parts_and_trains_no_more_after_pruning_than_before(
    kind: str, weights: Path, digits_origin: Any, tmp_path: Path
) -> None:
    experiment = Experiment.from_dict(tables(), folder=weights.parent)
    parts = build_parts(experiment)
    chromosome = parts.space.parse("backbone2 · conv8k3 | gap | sgd lr=.01")
    model = digits_origin(experiment, chromosome, parts.evaluator._network(chromosome, 0).eval())
    before = model.network.blocks[0].blocks[0].convolution.weight.detach().clone()
    pruned = prune(model, Pruning(kind, 0.6, 1), parts.evaluator.training, parts.evaluator.validation)
    pruned.save(tmp_path / "pruned.safetensors")
    for network in (pruned.network, load_model(tmp_path / "pruned.safetensors").network):
        frozen = {name for name, own in network.named_parameters() if not own.requires_grad}
        assert frozen == {f"blocks.0.blocks.0.convolution.{leaf}" for leaf in ("weight", "bias")}
        left = network.get_parameter("blocks.0.blocks.0.convolution.weight")
        if kind == "channels":
            assert len(left) < len(before)
            assert all(any(torch.equal(own, one) for one in before) for own in left)
        else:
            assert torch.equal(left, before * (left != 0))


def test_a_model_with_a_backbone_is_quantized_as_any_other(
    trained: tuple[Experiment, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latencies = [Latency(0.25, 0.0)] * 2  # measuring takes its time
    monkeypatch.setattr("evocnn.deploy.quantization.interleaved_latencies", lambda _: latencies)
    experiment, model = trained
    evaluator = build_parts(experiment).evaluator
    quantize(model, tmp_path / "int8.onnx", evaluator.training, evaluator.validation, max_drop=1.0)
    tensors = [numpy_helper.to_array(one) for one in onnx.load(tmp_path / "int8.onnx").graph.initializer]
    n_frozen = model.network.blocks[0].blocks[0].convolution.weight.numel()  # type: ignore[index, union-attr]
    assert any(one.dtype == np.int8 and one.size == n_frozen for one in tensors)


def test_pruning_trains_on_images_as_the_model_reads_them(
    trained: tuple[Experiment, Model],
) -> None:
    experiment, model = trained
    own = replace(model, input=replace(model.input, mean=(127.5,), deviation=(63.75,)))
    parts = build_parts(experiment)
    pruned = prune(own, Pruning("weights", 0.1, 1), parts.evaluator.training, parts.evaluator.validation)
    images = parts.evaluator.validation
    accuracy = float((pruned.logits(images).argmax(axis=1) == images.labels).mean())
    assert pruned.steps[-1]["validation_accuracy"] == pytest.approx(accuracy)
