"""The backbone's module: counted right, frozen where it must be, and able to read features for images."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evocnn.genotype import LAYERS, PretrainedLayers, Shape, backbone_type, parse_layers
from evocnn.genotype.memory import Map, Tape, _compute
from evocnn.phenotype import layer_module
from evocnn.phenotype.backbone import FeatureExtractor

SHAPE = Shape(3, 12, 12)
LAYER_TEXT = "conv4k3 · pool · conv8k3 silu · drop.5 · res8k3 · pool average · inv12k3e2"


def made(cut: int, trained: int = 0, pool_order: str = "textbook") -> FeatureExtractor:
    network = PretrainedLayers(parse_layers(LAYER_TEXT, LAYERS), 3, pool_order)
    module = layer_module(backbone_type(network)(cut, trained), SHAPE)
    assert isinstance(module, FeatureExtractor)
    return module


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("cut", range(1, 8))
@pytest.mark.parametrize("trained", [0, 1, 4])
def test_counts_are_those_of_the_module_frozen_or_not(cut: int, trained: int, pool_order: str) -> None:
    network = PretrainedLayers(parse_layers(LAYER_TEXT, LAYERS), 3, pool_order)
    gene = backbone_type(network)(cut, trained)
    module = layer_module(gene, SHAPE)
    with FlopCounterMode(display=False) as counter:
        features = module(torch.zeros(1, *SHAPE))
    counts = gene.counts(SHAPE)
    assert tuple(features.shape[1:]) == gene.output(SHAPE)
    assert counts.parameters == sum(p.numel() for p in module.parameters())
    assert counts.flops == counter.get_total_flops()


def test_the_textbook_order_computes_the_layers_as_they_are_described() -> None:
    module = made(cut=3).eval()
    first, second = module.blocks
    with torch.no_grad():
        for block in (first, second):
            block.normalization.running_mean.normal_()
    x = torch.randn(2, *SHAPE)
    after = nn.functional.max_pool2d(torch.relu(first.normalization(first.convolution(x))), 2)
    expected = nn.functional.silu(second.normalization(second.convolution(after)))
    torch.testing.assert_close(module(x), expected)


def test_frozen_blocks_learn_nothing_and_stay_in_eval_mode() -> None:
    module = made(cut=7, trained=1).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    module(torch.randn(4, *SHAPE)).square().sum().backward()
    is_frozen = {name: int(name.split(".")[1]) < module.n_frozen for name in before}
    assert 0 < module.n_frozen < len(module.blocks)
    assert {name: p.grad is None for name, p in module.named_parameters()} == {
        name: is_frozen[name] for name, _ in module.named_parameters()
    }
    for name, tensor in module.state_dict().items():
        if "running" in name:  # batch statistics move where layers are trained, alone
            assert torch.equal(tensor, before[name]) == is_frozen[name], name
    assert not any(part.training for block in module.frozen for part in block.modules())
    assert module.blocks[-1].training
    assert not module.eval().blocks[-1].training


@pytest.mark.parametrize("trained", [0, 1, 2])
def test_features_can_be_read_in_the_images_place(trained: int) -> None:
    module, x = made(cut=7, trained=trained).eval(), torch.randn(3, *SHAPE)
    expected = module(x)
    features = module.features(x)
    module.reads_features = True
    assert torch.equal(module(features), expected)


def test_weights_have_the_same_names_at_every_cut() -> None:
    whole = made(cut=7).state_dict()
    for cut in range(1, 8):
        own = made(cut=cut, trained=1).state_dict()
        assert {name: tensor.shape for name, tensor in own.items()} == {
            name: whole[name].shape for name in own
        }


def test_its_memory_is_that_of_its_layers() -> None:
    def values(text: str) -> int:
        tape = Tape()
        x = tape.write(SHAPE)
        for gene in parse_layers(text, LAYERS):
            x = _compute(gene, tape, x)
        return tape.most_alive()

    network = PretrainedLayers(parse_layers("conv4k3 · conv16k3 · conv2k3", LAYERS), 3)
    tape = Tape()
    last: Map = _compute(backbone_type(network)(3), tape, tape.write(SHAPE))
    assert last.shape == Shape(2, 12, 12)
    assert tape.most_alive() == values("conv4k3 · conv16k3 · conv2k3") > values("conv2k3")
