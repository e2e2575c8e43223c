"""The most memory that feature maps take, held against the operations that torch computes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from evocnn.genotype import (
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
)
from evocnn.genotype.memory import activation_memory
from evocnn.phenotype import build

IN_PLACE = ("norm", "relu", "gelu", "silu", "tanh", "sigmoid", "add", "mul")  # in the names of operations


class Recorder(TorchDispatchMode):
    """Records which storages each operation reads and writes; views and weights are none."""

    def __init__(self, weights: set[int]) -> None:
        super().__init__()
        self.ignored = weights
        self.operations: list[tuple[str, set[int], int]] = []  # name, storages read, storage written
        self.values: dict[int, int] = {}  # of each storage
        self.kept: list[Any] = []  # so that no storage's address is given to another

    def storage(self, tensor: torch.Tensor) -> int:
        self.kept.append(tensor)
        return int(tensor.untyped_storage()._cdata)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        flat = [a for arg in args for a in (arg if isinstance(arg, list | tuple) else (arg,))]
        tensors = [a for a in flat if isinstance(a, torch.Tensor)]
        reads = {self.storage(tensor) for tensor in tensors} - self.ignored
        first = result[0] if isinstance(result, tuple) else result  # e.g. a norm's statistics are no output
        written = self.storage(first)
        if not func.is_view and written not in reads:  # what is in place by itself writes nothing new
            self.values[written] = first.numel()
        if not func.is_view:
            self.operations.append((func.__name__, reads, written))
        return result


def measured(chromosome: Chromosome, shape: Shape, pool_order: str = "early") -> int:
    """Return the most bytes alive at once among what torch's operations write, elementwise ones in place."""
    with torch.device("meta"):
        network = build(chromosome, shape, 10, pool_order=pool_order).eval()
        image = torch.empty(1, *shape)
    weights = {int(t.untyped_storage()._cdata) for t in (*network.parameters(), *network.buffers())}
    with Recorder(weights) as recorder, torch.no_grad():
        network(image)
    values = {recorder.storage(image): shape.size, **recorder.values}
    last_read = {s: now for now, (_, reads, _) in enumerate(recorder.operations) for s in reads}
    written: set[int] = {recorder.storage(image)}
    most = 0
    for now, (name, reads, result) in enumerate(recorder.operations):
        alive = {s for s in written if last_read.get(s, -1) >= now} | {result}
        dying = {s for s in reads if last_read[s] == now and values[s] == values[result]}
        if any(word in name for word in IN_PLACE) and dying - {result}:
            alive -= {min(dying - {result})}
        most = max(most, sum(values[s] for s in alive))
        written.add(result)
    return 4 * most


def network_of(*layers: LayerGene, head: Head | None = None) -> Chromosome:
    return Chromosome(layers, head or Head(), Recipe())


GREY = Shape(1, 28, 28)
KIB = 4 * 28 * 28  # bytes of one channel of such an image


@pytest.mark.parametrize(
    ("chromosome", "channels"),
    [
        (network_of(), 1 + 1 / 784),  # the image and its mean
        (network_of(Conv(8, 3)), 1 + 8),
        (network_of(Conv(8, 3), Conv(4, 3)), 8 + 4),
        (network_of(Conv(8, 3, activation="gelu"), Dropout(0.5), Pool()), 8 + 8 / 4),
        (network_of(Residual(8, 3)), 1 + 8 + 8),  # the image waits for the projection
        (network_of(Conv(8, 3), Residual(8, 3)), 3 * 8),
        (network_of(Conv(8, 3), DepthwiseSeparable(16, 3)), 8 + 16),  # what arrived is gone by then
        (network_of(Conv(8, 3), InvertedResidual(8, 3, expansion=6)), 8 + 48 + 48),
        (network_of(Conv(8, 3), InvertedResidual(9, 3, expansion=6)), 48 + 48),  # no sum, so 8 are gone
        (network_of(Conv(8, 3), DenseConcat(4)), 8 + 4 + 12),
        (network_of(Conv(8, 3), Conv(8, 3), Link(1)), 8 + 8),  # 8 wait for the link, which adds in place
        (network_of(Conv(8, 3), Conv(8, 3), Conv(8, 3), Link(2)), 3 * 8),
        (network_of(Conv(8, 3), Conv(8, 3), Link(1, merge="concat")), 8 + 8 + 16),
        # Both parts of the first sum are read again, so that it replaces neither.
        (network_of(Conv(8, 3), Conv(8, 3), Link(1), Link(1), Link(3)), 3 * 8),
    ],
    ids=lambda value: value.text if isinstance(value, Chromosome) else None,
)
def test_what_is_alive_in_a_small_network(chromosome: Chromosome, channels: float) -> None:
    assert activation_memory(chromosome, GREY, 10) == pytest.approx(KIB * channels)
    assert measured(chromosome, GREY) == activation_memory(chromosome, GREY, 10)


def test_a_wide_head_counts() -> None:
    head = Head("gap", (5000, 3000))
    assert activation_memory(network_of(head=head), Shape(1, 8, 8), 10) == 4 * (5000 + 3000)
    assert activation_memory(network_of(head=Head("flatten", (5000,))), GREY, 10) == 4 * (784 + 5000)


def test_a_gene_of_ones_own_counts_its_inputs_and_its_output() -> None:
    class Own(Residual):
        def module(self, shape: Shape) -> nn.Module:
            return nn.Conv2d(shape.channels, self.filters, 1)

    assert activation_memory(network_of(Own(8, 3)), GREY, 10) == KIB * 9


@pytest.mark.parametrize("n", [12, pytest.param(200, marks=pytest.mark.slow)])  # of 5 shapes
def test_random_networks_take_what_torchs_operations_take(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]], n: int
) -> None:
    seen = set()
    for chromosome in random_chromosomes(space, n, seed=n):
        for order in ("early", "textbook"):
            predicted = activation_memory(chromosome, space.input_shape, space.n_classes, pool_order=order)
            assert measured(chromosome, space.input_shape, order) == predicted, chromosome.text
        seen |= {type(step.gene) for step in chromosome.trace(space.input_shape)}
    assert seen == set(space.genes)


def test_the_order_of_pools_counts() -> None:
    shape, chromosome = Shape(16, 8, 8), network_of(Bottleneck(32, 3), Pool())
    kib = 4 * 64  # bytes of a channel
    assert activation_memory(chromosome, shape, 10, pool_order="textbook") == kib * (16 + 32 + 32)
    assert activation_memory(chromosome, shape, 10, pool_order="early") == kib * (16 + 8 + 32)
