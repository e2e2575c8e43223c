"""What a child takes over from a donor whose function it cannot keep."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from evocnn.genotype import LAYERS, Chromosome, Counts, LayerGene, SearchSpace, Shape, number
from evocnn.phenotype import Network, build
from evocnn.phenotype.matching import inherit_matching

SHAPE = Shape(3, 8, 8)
N_CLASSES = 4


@dataclass(frozen=True, slots=True)
class Grid(LayerGene):
    """A user's gene: a number for each place of a square, which is not told by the first places."""

    side: int = number("", low=1)

    def output(self, shape: Shape) -> Shape:
        return shape

    def counts(self, shape: Shape) -> Counts:
        return Counts(parameters=self.side**2)

    def module(self, shape: Shape) -> nn.Module:
        module = nn.Identity()
        module.register_parameter("places", nn.Parameter(torch.zeros(self.side, self.side)))
        return module


def heir(donor: str, child: str, pool_order: str = "early") -> tuple[Network, Network]:
    """Return the networks of a child, its weights all 0 before, and of its donor, all above 0."""
    pair = [Chromosome.parse(f"{text} | sgd lr=.1", (*LAYERS, Grid)) for text in (child, donor)]
    networks = [build(chromosome, SHAPE, N_CLASSES, pool_order=pool_order) for chromosome in pair]
    with torch.no_grad():
        for tensor in networks[0].state_dict().values():
            tensor.zero_()
        for place, tensor in enumerate(networks[1].state_dict().values()):
            tensor.copy_(1 + place + torch.rand(tensor.shape))
    inherit_matching(networks[0], networks[1], pair[0], pair[1], SHAPE)
    return networks[0], networks[1]


def first(network: Network, block: int = 0) -> Tensor:
    """Return the weights of a block's first convolution."""
    tensor: Tensor = next(iter(network.blocks[block].state_dict().values()))
    return tensor


def is_new(module: nn.Module) -> bool:
    return all(not tensor.any() for tensor in module.state_dict().values())


def is_same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize(
    "layers", ["conv4k3 · pool2 · res6k3 · dws8k3 · inv8k3e3 · dense4k3 · link2", "no layers"]
)
def test_the_same_network_inherits_everything(layers: str, pool_order: str) -> None:
    """Statistics of normalizations and their steps, too."""
    child, donor = heir(f"{layers} | flatten dense6", f"{layers} | flatten dense6", pool_order)
    assert is_same(child, donor)


def test_leading_channels_come_over_and_the_rest_is_the_childs_own() -> None:
    child, donor = heir("conv4k3 · conv6k3 | gap", "conv6k3 · conv5k3 | gap")
    assert torch.equal(first(child)[:4], first(donor))
    assert not first(child)[4:].any()
    assert torch.equal(first(child, 1)[:, :4], first(donor, 1)[:5])
    assert not first(child, 1)[:, 4:].any()
    for name in ("weight", "bias", "running_mean", "running_var"):
        mine, theirs = (getattr(network.blocks[0].normalization, name) for network in (child, donor))
        assert torch.equal(mine[:4], theirs)
        assert not mine[4:].any()
    assert torch.equal(child.head[-1].weight, donor.head[-1].weight[:, :5])
    assert torch.equal(child.head[-1].bias, donor.head[-1].bias)


@pytest.mark.parametrize(("before", "after"), [(3, 5), (5, 3), (1, 5), (5, 1)])
def test_the_middle_of_a_kernel_comes_over(before: int, after: int) -> None:
    child, donor = heir(f"conv4k{before} | gap", f"conv4k{after} | gap")
    margin = abs(before - after) // 2
    larger, smaller = (first(donor), first(child)) if before > after else (first(child), first(donor))
    assert torch.equal(larger[:, :, margin:-margin, margin:-margin], smaller)
    assert (first(child) != 0).sum() == smaller.numel()


def test_genes_of_another_type_are_passed_over() -> None:
    child, donor = heir(
        "conv4k3 · res4k3 · conv8k3 · dws4k3 | gap", "conv4k3 · pool2 · dws4k3 · conv8k3 | gap"
    )
    assert is_same(child.blocks[0].convolution, donor.blocks[0].convolution)
    assert is_new(child.blocks[1])  # in this order, there is room for the larger of two alone
    assert torch.equal(first(child, 2), first(donor, 2))


def test_a_gene_in_between_shifts_the_others() -> None:
    """The widths tell which."""
    child, donor = heir("conv4k3 · conv8k3 · conv16k3 | gap", "conv4k3 · conv2k1 · conv8k3 · conv16k3 | gap")
    assert is_same(child.blocks[0], donor.blocks[0])
    assert is_new(child.blocks[1])
    assert torch.equal(first(child, 2), first(donor, 1)[:, :2])
    assert is_same(child.blocks[3], donor.blocks[2])


def test_a_lost_gene_shifts_the_others() -> None:
    child, donor = heir("conv16k3 · conv2k1 · conv8k3 | gap", "conv2k1 · conv8k3 | gap")
    assert torch.equal(first(child), first(donor, 1)[:, :3])
    assert is_same(child.blocks[1], donor.blocks[2])


@pytest.mark.parametrize(
    ("donor", "child"),
    [
        ("conv4k3 | gap", "conv4k3 | flatten"),
        ("conv4k3 | flatten", "conv4k3 · pool2 | flatten"),
        ("conv4k3 | gap dense6", "conv4k3 | gap"),
        ("conv4k3 | gap dense6", "conv4k3 | gap dense6,6"),
    ],
)
def test_a_head_that_reads_something_else_is_new(donor: str, child: str) -> None:
    found, origin = heir(donor, child)
    assert is_new(found.head)
    assert torch.equal(first(found), first(origin))


@pytest.mark.parametrize(
    ("donor", "child"),
    [
        ("conv4k3 · pool2 | gap", "conv4k3 | gap"),
        ("conv4k3 | flatten dense6 drop.2", "conv4k3 | flatten dense6"),
        ("conv4k3 | gap dense6 tanh", "conv4k3 | gap dense8"),
    ],
)
def test_a_head_that_reads_alike_comes_over(donor: str, child: str) -> None:
    found, origin = heir(donor, child)
    last, theirs = found.head[-1].weight, origin.head[-1].weight
    assert torch.equal(last[:, : theirs.shape[1]], theirs)
    assert torch.equal(found.head[-1].bias, origin.head[-1].bias)


def test_a_users_gene_comes_over_whole_or_not_at_all() -> None:
    child, donor = heir("grid3 | gap", "grid3 | gap")
    assert is_same(child.blocks[0], donor.blocks[0])
    child, _ = heir("grid3 | gap", "grid2 | gap")
    assert is_new(child.blocks[0])


def test_any_child_of_any_donor_can_inherit_and_the_donor_is_left_alone(
    make_space: Callable[..., SearchSpace], random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    space = make_space(Shape(1, 8, 8))
    chromosomes = [space.repair(one).genome for one in random_chromosomes(space, 4)]
    networks = [build(one, space.input_shape, N_CLASSES).eval() for one in chromosomes]
    images = torch.randn(2, *space.input_shape)
    for i, own in enumerate(chromosomes):
        donor = networks[i - 1]
        before = donor(images)
        child = build(own, space.input_shape, N_CLASSES).eval()
        inherit_matching(child, donor, own, chromosomes[i - 1], space.input_shape)
        assert child(images).shape == (2, N_CLASSES)
        assert torch.equal(donor(images), before)
