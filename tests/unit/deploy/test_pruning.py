"""Pruned networks: what goes, what stays as it was, and what comes back from the file."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from evocnn.deploy.channels import MULTIPLE, n_parameters_of, narrowed, prune_channels
from evocnn.deploy.images import split_images
from evocnn.deploy.model import Model, load_model
from evocnn.deploy.pruning import (
    MaskedStep,
    Pruning,
    apply_masks,
    flops_of,
    n_nonzero,
    nonzero,
    prune,
    smallest_masked,
)
from evocnn.errors import ExperimentError, GeneError
from evocnn.genotype import LAYERS, Chromosome, Recipe, Shape
from evocnn.phenotype import build
from evocnn.training.data import ImageSet
from evocnn.training.images import resident
from evocnn.training.step import EagerStep

SHAPE = Shape(2, 8, 8)
# Every gene, and links of both kinds into and out of each other, to the images and up to a flattening.
NETWORKS = {
    "plain": "conv32k3 · pool · conv64k3 | gap dense32",
    "flattened": "conv12k3 · pool · conv20k3 norm=none | flatten dense24",
    "no layers": "no layers | flatten dense32",
    "residual": "conv16k3 · res24k3s2 silu · res24k3 · pool | gap",
    "bottleneck": "conv16k3 gelu · neck32k3 reduction=4 · conv32k3 dilation=2 | flatten",
    "depthwise": "conv8k3 · dws24k3s2 tanh · inv24k3e3 se=4 · inv24k5e2 · pool average | gap",
    "dense": "dense8k3 · conv16k3 · dense12k3 · dense8k3 leaky_relu · pool | flatten dense16",
    "groups": "conv16k3 · conv16k5 groups=4 · link1 · pool · conv32k3 norm=none · link3 concat | gap",
    "links": "conv12k3 · conv12k3 · pool · link2 concat · link2 · conv8k1 · link5 · link1 concat | flatten",
    "images": "conv16k3 · conv16k5 · link2 concat · link1 · conv24k1s2 | flatten",
}


def network_of(layers: str, seed: int = 0) -> nn.Module:
    """Return a network whose weights and statistics are all at random."""
    torch.manual_seed(seed)
    network = build(Chromosome.parse(f"{layers} | sgd lr=.1", LAYERS), SHAPE, 5).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point() and value.ndim == 1:
                value.uniform_(0.05, 0.15) if name.endswith("running_mean") else value.uniform_(0.5, 1.5)
    return network


def drawn(group: Any) -> torch.Tensor:
    """Return importances that depend on the number of channels alone, whatever their weights."""
    n = len(group[0].idxs)
    return torch.rand(n, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("share", [0.35, 0.6])
def test_a_pruned_network_computes_what_the_whole_one_does_without_these_channels(
    layers: str, share: float
) -> None:
    """A copy whose weights are their own numbers tells which were kept; the others are set to zero."""
    whole = network_of(layers)
    numbered = deepcopy(whole)
    with torch.no_grad():
        for weight in numbered.parameters():
            weight.copy_(torch.arange(weight.numel()).view(weight.shape))
    pruned = narrowed(whole, SHAPE, share, drawn).network
    kept = narrowed(numbered, SHAPE, share, drawn).network
    silenced = deepcopy(whole)
    with torch.no_grad():
        for weight, numbers, left in zip(
            silenced.parameters(), kept.parameters(), pruned.parameters(), strict=True
        ):
            index = numbers.flatten().long()
            assert torch.equal(weight.flatten()[index], left.flatten())
            if weight.ndim > 1:
                weight.mul_(torch.zeros(weight.numel()).index_fill_(0, index, 1).view(weight.shape))
        images = torch.randn(4, *SHAPE)
        assert n_parameters_of(pruned) < n_parameters_of(whole)
        torch.testing.assert_close(pruned(images), silenced(images), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(pruned(images), whole(images), atol=1e-3)


def test_normalization_in_groups_keeps_its_groups() -> None:
    pruned = prune_channels(network_of("conv32k3 norm=group · dense16k3 norm=group | gap"), SHAPE, 0.5)
    norms = [module for module in pruned.modules() if isinstance(module, nn.GroupNorm)]
    assert [norm.num_groups for norm in norms] == [8, 8]
    assert all(norm.num_channels % 8 == 0 and norm.num_channels < 32 for norm in norms)


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.7])
def test_at_least_the_asked_share_of_parameters_goes_and_not_much_more(sparsity: float) -> None:
    whole = network_of("conv64k3 · conv64k3 · conv64k3 | gap dense32")
    before = deepcopy(whole.state_dict())
    left = n_parameters_of(prune_channels(whole, SHAPE, sparsity)) / n_parameters_of(whole)
    assert 1 - sparsity - 0.15 <= left <= 1 - sparsity
    assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())


def test_wide_layers_keep_a_multiple_of_channels_that_processors_compute_at_once() -> None:
    pruned = prune_channels(network_of("conv64k3 · conv40k3 | gap"), SHAPE, 0.4)
    widths = [module.out_channels for module in pruned.modules() if isinstance(module, nn.Conv2d)]
    assert [width % MULTIPLE for width in widths] == [0, 0]


def test_the_least_important_channels_go() -> None:
    network = network_of("conv16k3 · conv8k3 | gap")
    first = network.blocks[0]
    with torch.no_grad():
        first.convolution.weight[::2] *= 100
    kept = narrowed(network, SHAPE, 0.5).network.blocks[0].convolution.weight
    assert torch.equal(kept, first.convolution.weight[::2])


def test_a_sparsity_beyond_what_one_channel_a_layer_leaves_is_refused() -> None:
    with pytest.raises(ExperimentError, match=r"a sparsity must be at most 0\.\d\d, where one channel"):
        prune_channels(network_of("no layers | flatten"), SHAPE, 0.5)


class Fixed(nn.Module):
    """A layer that knows its channels by number, which pruning cannot follow."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(len(x), 4, 4, 8, 8).flatten(1, 2)


def test_a_gene_that_cannot_be_followed_is_an_error() -> None:
    network = network_of("conv16k3 | gap")
    network.blocks[0].append(Fixed())
    with pytest.raises(GeneError, match="must be one that torch_pruning can follow"):
        prune_channels(network, SHAPE, 0.3)


def test_the_smallest_weights_become_zero_wherever_they_are() -> None:
    network = network_of("conv8k3 · conv8k3 | gap")
    weights = [
        network.blocks[0].convolution.weight,
        network.blocks[1].convolution.weight,
        network.head[-1].weight,
    ]
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights])
    limit = sizes.sort().values[round(0.7 * len(sizes)) - 1]
    expected = [torch.where(weight.abs() > limit, weight, 0) for weight in weights]
    n_before = n_nonzero(network)
    smallest_masked(network, 0.7)
    assert all(torch.equal(weight, left) for weight, left in zip(weights, expected, strict=True))
    assert n_nonzero(network) == n_before - round(0.7 * len(sizes))


@pytest.fixture(scope="module")
def sides(digits_model: Model) -> tuple[ImageSet, ImageSet]:
    return split_images(digits_model)


@pytest.mark.parametrize("recipe", [{"optimizer": "sgd"}, {"optimizer": "muon"}, {"average": 0.5}])
def test_masks_hold_after_each_step_in_network_and_average(
    recipe: dict[str, Any], digits_model: Model, sides: tuple[ImageSet, ImageSet]
) -> None:
    network = deepcopy(digits_model.network)
    masks = smallest_masked(network, 0.5)
    images = resident(sides[0], torch.device("cpu"))
    step = MaskedStep(EagerStep(network, Recipe().having(**recipe), images), masks)
    before = deepcopy(network.state_dict())
    for seed in range(2):
        step(torch.arange(16), 0.05, seed)
        for trained in (step.network, step.measured):
            n_zero = sum(int((trained.get_parameter(name) == 0).sum()) for name in masks)
            assert n_zero == sum(int((~mask).sum()) for mask in masks.values())
    assert any(not torch.equal(network.get_parameter(name), before[name]) for name in masks)
    assert step.take_loss() > 0
    step.load_state_dict(step.state_dict())


@pytest.fixture(scope="module")
def pruned(digits_model: Model, sides: tuple[ImageSet, ImageSet]) -> Model:
    model = replace(digits_model, network=deepcopy(digits_model.network))
    return prune(model, Pruning("channels", 0.4, 2), *sides)


def test_a_pruned_model_comes_back_from_its_file(
    pruned: Model, sides: tuple[ImageSet, ImageSet], tmp_path: Path
) -> None:
    pruned.save(tmp_path / "pruned.safetensors")
    again = load_model(tmp_path / "pruned.safetensors")
    assert n_parameters_of(again.network) == n_parameters_of(pruned.network)
    np.testing.assert_array_equal(again.logits(sides[1]), pruned.logits(sides[1]))
    twice = prune(again, Pruning("channels", 0.2, 1), *sides)
    twice.save(tmp_path / "twice.safetensors")
    np.testing.assert_array_equal(
        load_model(tmp_path / "twice.safetensors").logits(sides[1]), twice.logits(sides[1])
    )


def test_the_step_has_the_figures_of_the_network_that_is_left(
    pruned: Model, digits_model: Model, sides: tuple[ImageSet, ImageSet]
) -> None:
    step: Any = pruned.steps[-1]
    n = n_parameters_of(pruned.network)
    assert (step["step"], step["kind"], step["sparsity"], step["epochs"]) == ("prune", "channels", 0.4, 2)
    assert step["images"] == len(sides[0]) == 160
    assert step["parameters"] == n <= 0.6 * n_parameters_of(digits_model.network)
    found = (pruned.logits(sides[1]).argmax(axis=1) == sides[1].labels).mean()
    assert step["validation_accuracy"] == pytest.approx(found)
    channels = pruned.network.blocks[0].convolution.out_channels
    assert step["flops"] == 2 * (channels * 9 * 64 + channels * 10)
    assert step["widths"]["blocks.0.convolution"] == [channels, 1, 1]


def test_training_again_changes_weights_and_hears_of_epochs_and_repeats(
    digits_model: Model, sides: tuple[ImageSet, ImageSet]
) -> None:
    heard: list[int] = []
    first, second = (
        prune(digits_model, Pruning("weights", 0.5, 2), *sides, on_epoch=heard.append) for _ in range(2)
    )
    assert heard == [1, 2, 1, 2]
    assert "widths" not in first.steps[-1]
    assert (
        first.steps[-1]["nonzero_parameters"] == first.steps[-1]["parameters"] - 38
    )  # of 4*9 + 4*10 weights
    np.testing.assert_array_equal(first.logits(sides[1]), second.logits(sides[1]))
    masked = deepcopy(digits_model.network)
    smallest_masked(masked, 0.5)
    assert not torch.equal(masked.head[-1].weight, first.network.head[-1].weight)


@pytest.fixture(scope="module")
def sparse(digits_model: Model, sides: tuple[ImageSet, ImageSet]) -> Model:
    return prune(digits_model, Pruning("weights", 0.6, 1), *sides)


@pytest.mark.parametrize(("kind", "sparsity"), [("channels", 0.3), ("weights", 0.8), ("weights", 0.6)])
def test_weights_that_were_pruned_before_stay_zero(
    kind: str, sparsity: float, sparse: Model, sides: tuple[ImageSet, ImageSet]
) -> None:
    before = sparse.network
    if kind == "channels":
        before = prune_channels(before, sparse.input.shape, sparsity)
    again = prune(sparse, Pruning(kind, sparsity, 2), *sides)
    for name, left in nonzero(before).items():
        assert not again.network.get_parameter(name)[~left].any()
    n_left = sum(int(left.sum()) for left in nonzero(again.network).values())
    assert 0 < n_left <= 30  # of 76 weights
    assert not all(left.all() for left in nonzero(again.network).values())


def test_a_sparsity_below_that_of_an_earlier_pruning_is_refused(
    sparse: Model, sides: tuple[ImageSet, ImageSet]
) -> None:
    message = r"a sparsity must be at least 0\.606, as so many of the model's weights are zero already"
    with pytest.raises(ExperimentError, match=message):
        prune(sparse, Pruning("weights", 0.3, 1), *sides)


def test_a_training_that_diverges_is_an_error(digits_model: Model, sides: tuple[ImageSet, ImageSet]) -> None:
    recipe = digits_model.chromosome.recipe.having(learning_rate=1e30)
    model = replace(digits_model, chromosome=replace(digits_model.chromosome, recipe=recipe))
    with pytest.raises(ExperimentError, match=r"training after pruning to 0\.5 must end well, but the"):
        prune(model, Pruning("weights", 0.5, 2), *sides)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("filters", 0.5, 1), "what is pruned must be channels or weights, but it was 'filters'"),
        (("weights", 0.0, 1), "a sparsity must lie between 0 and 1, but it was 0"),
        (("weights", 50.0, 1), "a sparsity must lie between 0 and 1, but it was 50"),
    ],
)
def test_what_cannot_be_pruned_is_named(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        Pruning(*values)


def test_operations_are_counted_on_the_network_itself() -> None:
    network = network_of("conv4k3 | gap")
    assert flops_of(network, SHAPE) == 2 * (4 * 2 * 9 * 64 + 4 * 5)
    apply_masks(network, {"head.2.weight": torch.zeros(5, 4, dtype=torch.bool)})
    assert flops_of(network, SHAPE) == 2 * (4 * 2 * 9 * 64 + 4 * 5)
