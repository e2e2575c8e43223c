"""What is counted without torch, held against what torch counts on tensors without storage."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from evocnn.genotype import (
    REFERENCE_NETWORKS,
    Bottleneck,
    Chromosome,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    Head,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
    reference_network,
)
from evocnn.genotype.layers import ACTIVATIONS, NORMALIZATIONS
from evocnn.phenotype import build, layer_module
from evocnn.phenotype.build import head_module

SHAPES = (Shape(3, 9, 8), Shape(4, 5, 5), Shape(1, 1, 17), Shape(8, 1, 1))


class WriteCounter(TorchDispatchMode):
    """Counts operations and the values they write; views, copies and counters of batches are none."""

    def __init__(self) -> None:
        super().__init__()
        self.values = self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, tuple) else result  # e.g. a norm's statistics are no output
        is_features = first.ndim == 4 or func is torch.ops.aten.mean.dim
        if is_features and not func.is_view and func is not torch.ops.aten._to_copy.default:
            self.values += first.numel()
            self.operations += 1
        return result


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def flops_of(module: nn.Module, shape: Shape) -> int:
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(1, *shape, device="meta"))
    return counter.get_total_flops()


def variants(gene: type[LayerGene], **fields: tuple[Any, ...]) -> Iterator[LayerGene]:
    for values in product(*fields.values()):
        yield gene(**dict(zip(fields, values, strict=True)))


ODD = {"filters": (4, 6), "kernel": (1, 3, 5), "stride": (2, 3), "normalization": NORMALIZATIONS}
BLOCK = {"filters": (4, 8), "kernel": (3,), "stride": (1, 2), "normalization": ("batch", "none")}
ANY = {"filters": (4,), "kernel": (3,), "activation": ACTIVATIONS, "normalization": NORMALIZATIONS}
VARIANTS = {
    "conv-same": list(variants(Conv, **ODD)),
    "conv-valid": list(variants(Conv, **{**ODD, "kernel": (1, 2, 5)}, padding=("valid",))),
    "conv-groups": list(
        variants(Conv, filters=(4, 6), kernel=(1, 3), groups=(2, 3, 4), normalization=NORMALIZATIONS)
    ),
    "conv-dilation": [
        *variants(Conv, filters=(4,), kernel=(3, 5), stride=(1, 2), dilation=(2, 3)),
        *variants(Conv, filters=(4,), kernel=(2, 3), stride=(1, 2), padding=("valid",), dilation=(2,)),
    ],
    "conv-words": list(variants(Conv, **ANY, padding=("same", "valid"))),
    "residual": list(variants(Residual, **ODD)),
    "residual-words": list(variants(Residual, **ANY, drop_path=(0.0, 0.5))),
    "bottleneck": list(variants(Bottleneck, **BLOCK, reduction=(2, 9))),
    "bottleneck-words": list(variants(Bottleneck, **ANY, drop_path=(0.0, 0.5))),
    "depthwise": list(variants(DepthwiseSeparable, **ODD)),
    "depthwise-words": list(variants(DepthwiseSeparable, **ANY)),
    "inverted": list(variants(InvertedResidual, **BLOCK, expansion=(1, 2), squeeze=(0, 3))),
    "inverted-words": list(variants(InvertedResidual, **ANY, squeeze=(0, 4), drop_path=(0.0, 0.5))),
    "dense": list(variants(DenseConcat, filters=(4, 6), kernel=(1, 3, 5), normalization=NORMALIZATIONS)),
    "dense-words": list(variants(DenseConcat, **ANY)),
    "pool": list(variants(Pool, size=(2, 3), kind=("max", "average"))),
    "dropout": [Dropout(0.5)],
}


def assert_costs_what_torch_counts(gene: LayerGene, *inputs: Shape) -> None:
    after = gene.output(*inputs)
    if after is None:
        return
    with torch.device("meta"):
        module = layer_module(gene, *inputs).eval()
        images = [torch.empty(1, *shape) for shape in inputs]
    with WriteCounter() as writes, FlopCounterMode(display=False) as flops:
        assert module(*images).shape == (1, *after), gene
    counts = gene.counts(*inputs)
    assert counts.parameters == parameters_of(module), gene
    assert counts.flops == flops.get_total_flops(), gene
    if not isinstance(gene, Dropout):
        assert (counts.activations, counts.operations) == (writes.values, writes.operations), gene


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_a_layer_costs_what_torch_counts(name: str, shape: Shape) -> None:
    for gene in VARIANTS[name]:
        assert_costs_what_torch_counts(gene, shape)


@pytest.mark.parametrize("merge", ["add", "concat"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_a_link_costs_what_torch_counts(merge: str, shape: Shape) -> None:
    channels, height, width = shape
    sources = [
        shape,
        Shape(channels + 2, height, width),
        Shape(channels, 2 * height, 3 * width),
        Shape(channels + 1, height, 2 * width + 1),
    ]
    for gene in variants(Link, back=(2,), merge=(merge,), normalization=NORMALIZATIONS, drop_path=(0.0, 0.5)):
        for source in sources:
            assert_costs_what_torch_counts(gene, shape, source)


def test_dropout_writes_one_value_for_each() -> None:
    # In evaluation it is the identity, and in training several operations on a CPU but one on a GPU.
    counts = Dropout(0.5).counts(Shape(3, 9, 8))
    assert (counts.activations, counts.operations) == (3 * 9 * 8, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("pooling", ["gap", "flatten"])
@pytest.mark.parametrize("units", [(), (7,), (16, 5)])
@pytest.mark.parametrize("dropout", [0, 0.5])
def test_a_head_costs_what_torch_counts(
    shape: Shape, pooling: str, units: tuple[int, ...], dropout: float
) -> None:
    head = Head(pooling, units, dropout)
    with torch.device("meta"):
        module = head_module(head, shape, 10)
    counts = head.counts(shape, 10)
    assert module(torch.empty(2, *shape, device="meta")).shape == (2, 10)
    assert counts.parameters == parameters_of(module)
    assert counts.flops == flops_of(module, shape)


# A pool that is computed early stands behind its gene's last convolution, so the order of pools
# changes no count of convolutions: parameters and FLOPs hold in both.
@pytest.mark.parametrize("pool_order", ["early", "textbook"])
@pytest.mark.parametrize("n", [12, pytest.param(200, marks=pytest.mark.slow)])  # 5 shapes, 2 orders
def test_random_networks_cost_what_torch_counts(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], n: int, pool_order: str
) -> None:
    seen = set()
    for chromosome in random_chromosomes(space, n, seed=n if pool_order == "early" else n + 1):
        with torch.device("meta"):
            network = build(chromosome, space.input_shape, space.n_classes, pool_order=pool_order).eval()
        counts = chromosome.counts(space.input_shape, space.n_classes)
        assert counts.parameters == parameters_of(network), chromosome.text
        assert counts.flops == flops_of(network, space.input_shape), chromosome.text
        seen |= {type(step.gene) for step in chromosome.trace(space.input_shape)}
    assert seen == set(space.genes)


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_a_reference_network_costs_what_torch_counts(name: str) -> None:
    reference = REFERENCE_NETWORKS[name]
    chromosome = reference_network(name)
    with torch.device("meta"):
        network = build(chromosome, reference.input_shape, reference.n_classes).eval()
    counts = chromosome.counts(reference.input_shape, reference.n_classes)
    assert counts.parameters == parameters_of(network) == reference.parameters
    assert counts.flops == flops_of(network, reference.input_shape)


def test_flops_are_of_one_image_and_grow_with_the_image() -> None:
    chromosome = Chromosome((Conv(8, 3), Residual(8, 3)), Head(), Recipe())
    one, four = (chromosome.counts(Shape(1, side, side), 10) for side in (8, 16))
    head = Head().counts(Shape(8, 1, 1), 10).flops
    assert four.flops - head == 4 * (one.flops - head)
    assert four.parameters == one.parameters
    assert replace(chromosome, layers=()).counts(Shape(1, 8, 8), 10).flops == 2 * 10
