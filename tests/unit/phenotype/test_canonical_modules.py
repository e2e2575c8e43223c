"""A gene and its canonical form are the same layer, a chromosome and its canonical form the same network."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from evocnn.genotype import (
    Bottleneck,
    Chromosome,
    Conv,
    DepthwiseSeparable,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Residual,
    SearchSpace,
    Shape,
)
from evocnn.phenotype import build, layer_module

WIDE, POINT, STRIP = Shape(4, 6, 5), Shape(4, 1, 1), Shape(4, 1, 17)


def images(shape: Shape, n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def outputs(module: nn.Module, inputs: list[Tensor], *, training: bool) -> Tensor:
    torch.manual_seed(3)  # dropout and dropped paths draw the same
    result: Tensor = module.train(training)(*inputs)
    return result


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("gene", "inputs"),
    [
        (Conv(8, 3, 9), (WIDE,)),
        (Conv(8, 3, 2), (POINT,)),
        (Conv(8, 3, 9, "valid"), (WIDE,)),
        (Conv(8, 2, 9, "valid", dilation=3), (WIDE,)),
        (Conv(8, 1, 2, padding="valid", dilation=2), (WIDE,)),
        (Conv(8, 3, groups=8), (WIDE,)),
        (Conv(9, 3, groups=2), (WIDE,)),
        (Residual(8, 3, 9), (WIDE,)),
        (Bottleneck(8, 3, 19), (STRIP,)),
        (Bottleneck(4, 3, 2), (POINT,)),
        (DepthwiseSeparable(8, 3, 9), (WIDE,)),
        (InvertedResidual(4, stride=2, drop_path=0.5), (POINT,)),
        (InvertedResidual(8, drop_path=0.5), (WIDE,)),
        (InvertedResidual(8, stride=9), (WIDE,)),
        (Pool(9, "average"), (WIDE,)),
        (Pool(99), (STRIP,)),
        (Link(1, normalization="none"), (WIDE, WIDE)),
        (Link(1, "concat", "group", 0.5), (WIDE, Shape(2, 12, 10))),
    ],
)
def test_the_canonical_form_of_a_gene_is_the_same_layer(
    gene: LayerGene, inputs: tuple[Shape, ...], training: bool
) -> None:
    canonical = gene.canonical(*inputs)
    assert canonical != gene
    modules = [layer_module(form, *inputs) for form in (gene, canonical)]
    modules[1].load_state_dict(modules[0].state_dict())
    x = [images(shape) for shape in inputs]
    first, second = (outputs(module, x, training=training) for module in modules)
    torch.testing.assert_close(second, first, rtol=0, atol=1e-6)


@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("shape", [Shape(3, 9, 8), Shape(1, 1, 17)], ids=["9x8", "strip"])
def test_the_canonical_form_of_a_chromosome_is_the_same_network(
    make_space: Callable[..., SearchSpace],
    random_chromosomes: Callable[..., list[Chromosome]],
    shape: Shape,
    pool_order: str,
) -> None:
    space = make_space(shape)
    x, n_simplified = images(shape), 0
    for chromosome in random_chromosomes(space, 30, seed=7):
        canonical = space.canonical(chromosome)
        if canonical == chromosome.canonical(shape):
            continue  # only inert genes went
        n_simplified += 1
        networks = [build(form, shape, 5, pool_order=pool_order) for form in (chromosome, canonical)]
        pairs = zip(*(network.parameters() for network in networks), strict=True)
        for one, other in pairs:
            other.data = one.data
        first, second = (outputs(network, [x], training=True) for network in networks)
        torch.testing.assert_close(second, first, rtol=1e-4, atol=1e-4, msg=chromosome.text)
    assert n_simplified >= 10
