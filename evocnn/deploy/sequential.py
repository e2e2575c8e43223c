"""A sequential PyTorch CNN as a chromosome, or which of its layers no gene can express.

Known are convolutions with normalization, activation and pool, pools and dropout between them, and a
head of pooling or flattening and dense layers. Where chromosome and network compute the same, the
weights are carried over, which is held by comparing what both give.
"""

import copy
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evocnn.config.user_code import load_object
from evocnn.deploy.chain import chain_of
from evocnn.deploy.chain_reader import NORMS, ChainReader
from evocnn.errors import ExperimentError
from evocnn.genotype import Chromosome, LayerGene, Limits, Recipe, Shape
from evocnn.phenotype import build

RECIPE = Recipe(optimizer="adamw", learning_rate=0.001)  # trains most networks, those without norms, too
SIDES = (8, 16, 28, 32, 48, 64, 96, 100, 128, 160, 192, 224, 227, 256, 299, 384, 512)  # tried where not given
LIMIT = 1e-4  # between two scores of up to 1; beyond that in proportion, as float32 rounds
_N_COMPARED = 4  # random images

_WEIGHTED = (nn.Conv2d, *NORMS, nn.Linear)


@dataclass(frozen=True)
class Imported:
    """A network as a chromosome.

    Attributes:
        chromosome: Layers and head of the network; the recipe is none of its own.
        shape: Channels, height and width of an image.
        n_classes: Number of classes.
        pool_order: What the space must say for pools to be where the network has them.
        differences: What is not as in the network, a sentence each.
        network: What the chromosome builds, with the network's weights; None where it gives something else.
        deviation: Largest difference between scores of both, for random images.
    """

    chromosome: Chromosome
    shape: Shape
    n_classes: int
    pool_order: str
    differences: tuple[str, ...]
    network: nn.Module | None
    deviation: float


def network_named(name: str, folder: Path) -> nn.Module:
    """Return the network that `module:factory` gives: what a function returns, or the network itself.

    Args:
        name: Module and name, divided by a colon.
        folder: Where the module is looked for first.

    Raises:
        ExperimentError: There is none, or it is no network.
    """
    if ":" not in name:
        message = f"a network to import must be named MODULE:FACTORY, but it was '{name}'; add the function"
        raise ExperimentError(message)
    found: Any = load_object(name, folder)
    try:
        network = found() if callable(found) and not isinstance(found, nn.Module) else found
    except Exception as error:  # whatever a stranger's code raises
        message = f"'{name}' must return a network when called without arguments, but it raised {error!r}"
        raise ExperimentError(f"{message}; write a function that does") from error
    if not isinstance(network, nn.Module):
        message = f"'{name}' must give a torch.nn.Module, but it gave {network!r}; return the network"
        raise ExperimentError(message)
    return network


def import_network(network: nn.Module, shape: Sequence[int] | None = None) -> Imported:
    """Return a sequential network as a chromosome.

    Args:
        network: From images `(n, channels, height, width)` to scores `(n, n_classes)`; it is copied.
        shape: Channels, height and width of an image; where only one of the usual sizes passes, it is seen.

    Raises:
        GeneError: A layer cannot be expressed, or the network is not sequential; the message names the
            layer.
        ExperimentError: The shape cannot be seen.
    """
    network = copy.deepcopy(network).cpu().float().eval()
    image = _seen(network) if shape is None else Shape(*shape)
    chain = chain_of(network, image)
    reader = ChainReader(chain)
    layers, head, n_classes, ending = reader.read()
    chromosome = Chromosome(layers, head, RECIPE)
    built = build(chromosome, image, n_classes, pool_order=reader.pool_order).eval()
    _carry([step.module for step in chain], built)
    deviation, is_same = _compared(network, nn.Sequential(built, ending), image)
    return Imported(
        chromosome,
        image,
        n_classes,
        reader.pool_order,
        tuple(reader.differences),
        built if is_same else None,
        deviation,
    )


def space_lines(imported: Imported) -> Iterator[str]:
    """Yield the lines of a `[space]` in which the network is a founder, with its own values as alleles."""
    chromosome = imported.chromosome
    yield "[space]"
    yield f'founders = ["{chromosome.text}"]'
    yield f'pool_order = "{imported.pool_order}"'
    if len(chromosome.layers) > Limits().depth:
        yield f"limits = {{ depth = {len(chromosome.layers)} }}"
    kinds: Iterable[type[LayerGene]] = dict.fromkeys(map(type, chromosome.layers))
    for kind in kinds:
        yield f"\n[space.layers.{kind.name()}]"
        yield from _alleles([gene for gene in chromosome.layers if type(gene) is kind])
    yield "\n[space.head]"
    yield from _alleles([chromosome.head])
    yield "\n[space.recipe]"
    yield f'optimizer = "{RECIPE.optimizer}"'
    yield 'learning_rate = { low = 0.0001, high = 0.01, scale = "log" }'


def _alleles(genes: Sequence[Any]) -> Iterator[str]:
    """Yield a line for each field with the values that genes have."""
    is_padded = any(getattr(gene, "padding", "") == "same" for gene in genes)
    for field in fields(genes[0]):
        values = list(dict.fromkeys(getattr(gene, field.name) for gene in genes))
        if field.name == "kernel" and is_padded:  # an even one would not go with the padding
            values = [value for value in values if value % 2] or [3]
        if field.default is MISSING or values != [field.default]:
            is_plain = len(values) == 1 and not isinstance(values[0], tuple)
            yield f"{field.name} = {json.dumps(values[0] if is_plain else values)}"


def _seen(network: nn.Module) -> Shape:
    """Return the shape of the images that a network takes, where only one of the usual ones passes.

    Raises:
        ExperimentError: None does, or several do.
    """
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    channels = first.in_channels if first is not None else 1
    passing = [Shape(channels, side, side) for side in SIDES if _passes(network, (channels, side, side))]
    if len(passing) == 1:
        return passing[0]
    found = "several were" if passing else f"none of {', '.join(map(str, SIDES))} pixels was"
    message = (
        f"a network to import must take images of one known size, but {found}; give --shape {channels},H,W"
    )
    raise ExperimentError(message)


def _passes(network: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Return whether a network takes images of a shape; nothing is computed."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            copy.deepcopy(network).to("meta")(torch.empty(2, *shape, device="meta"))
        except Exception:  # noqa: BLE001 - each layer raises its own
            return False
    return True


@torch.no_grad()
def _carry(modules: Sequence[nn.Module], built: nn.Module) -> None:
    """Copy the weights of a chain's modules into the network that was built of it."""
    sources: list[Any] = [module for module in modules if isinstance(module, _WEIGHTED)]
    targets: list[Any] = [module for module in built.modules() if isinstance(module, _WEIGHTED)]
    bias: Tensor | None = None  # of a convolution, which the normalization behind it takes up
    for source, target in zip(sources, targets, strict=True):
        if source.weight is not None:
            target.weight.copy_(source.weight)
        if target.bias is not None:
            target.bias.copy_(torch.zeros_like(target.bias) if source.bias is None else source.bias)
        if isinstance(target, nn.BatchNorm2d) and source.running_mean is not None:
            target.running_mean.copy_(source.running_mean - (0 if bias is None else bias))
            target.running_var.copy_(source.running_var)
            target.num_batches_tracked.copy_(source.num_batches_tracked)
        bias = source.bias if target.bias is None else None


@torch.no_grad()
def _compared(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], shape: Shape
) -> tuple[float, bool]:
    """Return the largest difference of what two networks give random images, and whether it is rounding."""
    images = torch.randn(_N_COMPARED, *shape, generator=torch.Generator().manual_seed(0))
    expected = first(images)
    deviation = float((second(images) - expected).abs().max())
    return deviation, deviation <= LIMIT * max(1.0, float(expected.abs().max()))
