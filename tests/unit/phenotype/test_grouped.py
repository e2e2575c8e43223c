"""Networks as one of many groups: each computes, learns and remembers what it does alone."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from evocnn.genotype import LAYERS, Chromosome, Shape
from evocnn.phenotype import build
from evocnn.phenotype.grouped import grouped, is_groupable, share
from evocnn.phenotype.parts import Pointwise

SHAPE = Shape(2, 8, 8)
N = 3
BODIES = (
    "conv4k3 | gap",
    "conv6k3s2 silu norm=group dilation=2 groups=2 > conv4k1s2 norm=none | flatten dense7 tanh",
    "conv8k3 valid leaky_relu > pool > res8k3 gelu > res6k3s2 | gap dense5,4",
    "neck8k3 reduction=2 > neck4k3s2 norm=group > pool average | flatten",
    "dws6k3 > dws8k3s2 > inv8k3e2 se=2 > inv6k3s2e1 | gap",
    "dense3k3 > dense3k3 norm=none tanh > link1 concat > link2 > pool | flatten",
    "conv4k3 > pool > link2 concat > conv6k3 > link1 > link5 norm=none | gap",
    "conv4k3s2 > pool3 average > conv4k3 > pool > pool | flatten",
)


def network(body: str, seed: int, pool_order: str = "early") -> nn.Module:
    chromosome = Chromosome.parse(f"{body} | sgd lr=.1", LAYERS)
    torch.manual_seed(seed)
    found = build(chromosome, SHAPE, 5, pool_order=pool_order).to(memory_format=torch.channels_last)
    for module in found.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):  # or all would have the same
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return found


def images(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, *SHAPE, generator=generator).contiguous(memory_format=torch.channels_last)


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("body", BODIES)
def test_a_group_computes_what_each_network_does(body: str, pool_order: str) -> None:
    alone = [network(body, seed, pool_order) for seed in range(N)]
    members = deepcopy(alone)
    assert is_groupable(members[0])
    group = grouped(members)
    batches = [images(seed) for seed in range(N)]
    scores = group(torch.cat(batches, dim=1))
    assert scores.shape == (6, N, 5)
    (scores * torch.arange(1, 6)).sum().backward()
    whole = gradients(group)
    for number, (own, batch) in enumerate(zip(alone, batches, strict=True)):
        expected = own(batch)
        torch.testing.assert_close(scores[:, number], expected, rtol=1e-4, atol=1e-5)
        (expected * torch.arange(1, 6)).sum().backward()
        for name, gradient in gradients(own).items():
            part = whole[name].chunk(N)[number]
            torch.testing.assert_close(part, gradient, rtol=1e-3, atol=1e-4)
    for own, member, batch in zip(alone, members, batches, strict=True):
        for name, buffer in own.named_buffers():
            if buffer.ndim:  # the running statistics, through the views
                torch.testing.assert_close(member.get_buffer(name), buffer)
        torch.testing.assert_close(member.eval()(batch), own.eval()(batch))
    whole_scores = group.eval()(torch.cat(batches, dim=1))
    torch.testing.assert_close(whole_scores[:, 1], alone[1](batches[1]), rtol=1e-4, atol=1e-5)


def test_what_trains_the_group_trains_its_networks() -> None:
    members = [network(BODIES[2], seed) for seed in range(N)]
    group = grouped(members)
    with torch.no_grad():
        for parameter in group.parameters():
            parameter.copy_(torch.arange(parameter.numel()).view_as(parameter))
    for name, whole in group.named_parameters():
        parts = [member.get_parameter(name) for member in members]
        assert torch.equal(torch.cat(parts), whole)


def test_a_copy_of_the_group_can_be_shared_as_well() -> None:
    members = [network(BODIES[0], seed) for seed in range(N)]
    group = deepcopy(grouped(members))
    other = deepcopy(members[1])
    share(group, other, 1, N)
    with torch.no_grad():
        for value in (*group.parameters(), *group.buffers()):
            value.add_(1)
    for name, parameter in other.named_parameters():
        torch.testing.assert_close(parameter, members[1].get_parameter(name) + 1)
    assert other.get_buffer("blocks.0.normalization.running_mean").tolist() == [1.0] * 4


@pytest.mark.parametrize("body", ["drop.25 | gap", "res2k3 norm=none drop_path=.25 | gap"])
def test_each_network_drops_something_else_in_training_and_nothing_in_use(body: str) -> None:
    members = [network(body, 0) for _ in range(N)]
    block = grouped(members).blocks[0]
    torch.manual_seed(1)
    same = images(0).repeat(1, N, 1, 1)
    first, second, third = block(same).chunk(N, dim=1)
    assert not torch.allclose(first, second)
    assert not torch.allclose(second, third)
    expected = members[0].eval().blocks[0](images(0))
    for used in block.eval()(same).chunk(N, dim=1):
        torch.testing.assert_close(used, expected)


def test_dropped_paths_are_whole_images_at_the_rate_and_scaled_up() -> None:
    members = [network("res2k3 norm=none drop_path=.25 | gap", 0) for _ in range(N)]
    drop = grouped(members).blocks[0].drop_path
    torch.manual_seed(1)
    ones = drop(torch.ones(2000, 2 * N, 2, 2)).unflatten(1, (N, 2))
    each = ones[:, :, 0, 0, 0]  # (images, networks)
    assert torch.equal(ones, each[:, :, None, None, None].expand_as(ones))
    assert sorted(set(each.flatten().tolist())) == pytest.approx([0, 4 / 3])
    shares = (each == 0).double().mean(dim=0)
    assert torch.all((shares - 0.25).abs() < 5 * (0.25 * 0.75 / 2000) ** 0.5)


def test_strided_pointwise_convolutions_stay_what_they_are() -> None:
    group = grouped([network("conv4k1s2 | gap", seed) for seed in range(N)])
    convolution = group.blocks[0].convolution
    assert (type(convolution), convolution.groups) == (Pointwise, N)


def test_a_module_of_the_users_own_cannot_be_grouped() -> None:
    class Doubled(nn.ReLU):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    own = network(BODIES[0], 0)
    assert is_groupable(own)
    own.blocks.append(Doubled())
    assert not is_groupable(own)
    own.blocks[-1] = nn.Softmax2d()
    assert not is_groupable(own)
