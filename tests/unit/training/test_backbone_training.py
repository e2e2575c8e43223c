"""Training behind a backbone: what stays as it was trained before, and features that are kept."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from evocnn.errors import GeneError
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import LAYERS, Chromosome, Fidelity, PretrainedLayers, Shape, backbone_type, parse_layers
from evocnn.phenotype import layer_module
from evocnn.phenotype.backbone import FeatureExtractor
from evocnn.training import evaluator as module
from evocnn.training.augmentation import changes_images
from evocnn.training.data import ImageSet, load, split
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.features import KeptFeatures
from evocnn.training.images import resident
from evocnn.training.learning_rate_range import learning_rate_ranges
from evocnn.training.pretrained import Pretrained, extractor_of
from evocnn.training.protocol import Protocol
from evocnn.training.state import load_weights

SHAPE = Shape(1, 8, 8)
NETWORK = PretrainedLayers(parse_layers("conv4k3 · pool · conv8k3 norm=none · pool", LAYERS), 1)
Backbone: Any = backbone_type(NETWORK)


def pretrained_with(seed: int = 0, **changes: Any) -> Pretrained:
    torch.manual_seed(seed)
    state = layer_module(Backbone(4), SHAPE).state_dict()
    weights = {name: tensor.float() for name, tensor in state.items() if tensor.ndim}
    weights["blocks.0.normalization.running_var"] = torch.rand(4) + 0.5
    return replace(Pretrained(NETWORK, weights, (0.25,), (0.5,), f"{seed:064d}"), **changes)


@pytest.fixture(scope="module")
def images() -> tuple[ImageSet, ImageSet]:
    return split(load("digits", "train"), validation=0.25, seed=0, n_images=400)


@pytest.fixture
def evaluator(images: tuple[ImageSet, ImageSet]) -> TrainingEvaluator:
    return TrainingEvaluator(*images, Protocol(seed=1), pretrained=pretrained_with())


def chromosome(text: str) -> Chromosome:
    return Chromosome.parse(text, (Backbone, *LAYERS))


def asked(text: str, epochs: int = 2, **changes: Any) -> EvaluationRequest:
    return EvaluationRequest(chromosome(text), Fidelity(epochs, 300), saves_state=True, **changes)


FROZEN = "backbone3 | flatten | adamw lr=.01 init=he wd=.1"


@pytest.mark.parametrize("recipe", ["adamw lr=.01 init=he wd=1", "muon lr=.01 wd=.1", "sgd lr=.1 average=.9"])
@pytest.mark.parametrize("trained", [0, 1])
def test_frozen_weights_end_as_they_were_trained_before(
    evaluator: TrainingEvaluator, recipe: str, trained: int
) -> None:
    found = evaluator(asked(f"backbone3 trained={trained} · conv4k3 | gap | {recipe}"))
    assert found.status is Status.OK
    weights, _ = load_weights(found.state or b"")
    pretrained = evaluator.pretrained
    assert pretrained
    is_same = {
        name: torch.equal(weights[f"blocks.0.{name}"], tensor) for name, tensor in pretrained.weights.items()
    }
    assert is_same == {name: name.startswith("blocks.0") or trained == 0 for name in is_same}


def test_trained_layers_start_from_the_pretrained_weights(evaluator: TrainingEvaluator) -> None:
    network = evaluator._network(chromosome("backbone4 trained=2 | gap | sgd lr=.1 init=orthogonal"), 0)
    extractor = extractor_of(network)
    assert extractor
    assert evaluator.pretrained
    state = extractor.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in evaluator.pretrained.weights.items())


def test_images_are_normalized_as_those_of_the_pretrained_network(evaluator: TrainingEvaluator) -> None:
    for images in evaluator._images():
        batch, _ = images.batch(torch.arange(3))
        expected = (images.pixels[:3].float() / 255 - 0.25) / 0.5
        torch.testing.assert_close(batch, expected)


@pytest.mark.parametrize("trained", [0, 1])
@pytest.mark.parametrize("recipe", ["sgd lr=.05", "adamw lr=.01 average=.9 clip=1"])
def test_training_on_features_finds_what_training_on_images_finds(
    evaluator: TrainingEvaluator, monkeypatch: pytest.MonkeyPatch, trained: int, recipe: str
) -> None:
    request = asked(f"backbone3 trained={trained} · conv4k3 | flatten | {recipe}")
    on_features = evaluator(request)
    assert evaluator._features
    assert evaluator._features._kept
    again = TrainingEvaluator(evaluator.training, evaluator.validation, evaluator.protocol)
    again.pretrained = evaluator.pretrained
    monkeypatch.setattr(module, "KeptFeatures", lambda images: KeptFeatures(images, most_bytes=0))
    on_images = again(request)
    assert again._features
    assert not again._features._kept
    assert on_features.metrics.keys() == on_images.metrics.keys()
    for name, value in on_features.curves.items():
        np.testing.assert_allclose(value, on_images.curves[name], rtol=2e-3, atol=2e-2)
    for name in ("parameters", "flops", "model_bytes", "activation_memory"):
        assert on_features.metrics[name] == on_images.metrics[name]
    one, other = (load_weights(found.state or b"")[0] for found in (on_features, on_images))
    assert one.keys() == other.keys()


def test_whole_trainings_repeat_whatever_was_kept_before(evaluator: TrainingEvaluator) -> None:
    first = evaluator(asked(FROZEN))
    evaluator(asked("backbone1 | flatten | sgd lr=.01"))
    again = evaluator(asked(FROZEN))
    assert (first.curves, first.metrics) == (again.curves, again.metrics)


@pytest.mark.parametrize("strength", ["flip=.5", "noise=.1", "mixup=.2", "cutout=.2", "rotate=5"])
def test_augmented_images_are_not_exchanged_for_features(evaluator: TrainingEvaluator, strength: str) -> None:
    assert changes_images(chromosome(f"no layers | gap | sgd lr=.1 {strength}").recipe)
    found = evaluator(asked(f"backbone2 | flatten | sgd lr=.05 {strength}", epochs=1))
    assert found.status is Status.OK
    assert evaluator._features is None


def test_continuing_equals_never_having_stopped(evaluator: TrainingEvaluator) -> None:
    text = "backbone3 trained=1 | flatten | sgd lr=.05"
    whole = evaluator(asked(text, epochs=4))
    part = EvaluationRequest(chromosome(text), Fidelity(4, 300, 0.5), saves_state=True)
    half = evaluator(part)
    rest = evaluator(replace(part, fidelity=Fidelity(4, 300), state=half.state))
    assert rest.curves == whole.curves


@pytest.mark.parametrize("child", ["backbone3 | flatten | sgd lr=.1", "backbone4 trained=1 | gap | sgd lr=1"])
def test_a_child_is_as_it_was_pretrained_where_it_is_frozen(evaluator: TrainingEvaluator, child: str) -> None:
    donor = chromosome("backbone3 trained=2 | flatten | sgd lr=.05")
    state = evaluator(asked(donor.text)).state
    request = replace(asked(child), donor=0, donor_state=state, donor_genome=donor)
    network = evaluator._network(chromosome(child), 0)
    assert evaluator._inherit(network, chromosome(child), request) == 2
    extractor = extractor_of(network)
    assert extractor
    assert evaluator.pretrained
    weights, _ = load_weights(state or b"")
    for name, tensor in extractor.state_dict().items():
        if tensor.ndim:
            is_frozen = int(name.split(".")[1]) < extractor.n_frozen
            source = evaluator.pretrained.weights[name] if is_frozen else weights[f"blocks.0.{name}"]
            assert torch.equal(tensor, source), name


def test_other_weights_or_normalization_are_another_training(evaluator: TrainingEvaluator) -> None:
    contexts = {
        replace(evaluator, pretrained=one).context
        for one in (None, pretrained_with(0), pretrained_with(1), pretrained_with(0, mean=(0.5,)))
    }
    assert len(contexts) == 4
    assert replace(evaluator, pretrained=pretrained_with(0)).context == evaluator.context


def test_features_used_least_recently_go_when_there_is_no_room(images: tuple[ImageSet, ImageSet]) -> None:
    sets = [resident(one, torch.device("cpu")) for one in images]
    kept = KeptFeatures(sets, most_bytes=400 * 4 * (64 + 128))

    def ask(cut: int, size: int) -> Any:
        extractor = layer_module(Backbone(cut), SHAPE)
        assert isinstance(extractor, FeatureExtractor)
        return kept.of(extractor, cut, size)

    two, four = ask(2, 4 * 16), ask(4, 8 * 4)
    assert ask(2, 4 * 16) is two  # and the other is the older one now
    assert tuple(two[0].pixels.shape) == (300, 4, 4, 4)
    assert torch.equal(two[1].labels, sets[1].labels)
    assert ask(3, 8 * 16) is not None
    assert set(kept._kept) == {2, 3}
    assert ask(4, 8 * 4) is not four
    assert ask(1, 4 * 64) is None  # too large by itself


def test_a_wider_child_computes_what_its_parent_computes(evaluator: TrainingEvaluator) -> None:
    donor = chromosome("backbone3 trained=1 · conv4k3 | gap | sgd lr=.05")
    child = chromosome("backbone3 trained=1 · conv8k3 | gap | sgd lr=.05")
    state = evaluator(asked(donor.text)).state
    request = replace(asked(child.text), donor=0, donor_state=state, donor_genome=donor)
    network, trained = evaluator._network(child, 0).eval(), evaluator._network(donor, 0).eval()
    evaluator._inherit(network, child, request)
    trained.load_state_dict(load_weights(state or b"")[0])
    x = torch.randn(3, *SHAPE)
    torch.testing.assert_close(network(x), trained(x))


def test_a_learning_rate_range_test_refuses_a_backbone(images: tuple[ImageSet, ImageSet]) -> None:
    ranges = learning_rate_ranges([chromosome(FROZEN)], images[0], pool_order="early", seed=0)
    with pytest.raises(GeneError, match="must begin with fresh weights, but the chromosome had a backbone"):
        next(ranges)


def test_an_evaluator_crosses_a_process_with_its_weights(evaluator: TrainingEvaluator) -> None:
    first = evaluator(asked(FROZEN))
    again, request = pickle.loads(pickle.dumps((evaluator, asked(FROZEN))))
    assert again._features is None
    assert again(request).curves == first.curves
