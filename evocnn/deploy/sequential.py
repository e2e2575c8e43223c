"""A sequential PyTorch CNN as a chromosome, or which of its layers no gene can express.

Known are convolutions with normalization, activation and pool, pools and dropout between them, and a
head of pooling or flattening and dense layers. Where chromosome and network compute the same, the
weights are carried over, which is held by comparing what both give.
"""

import copy
import json
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from evocnn.config.user_code import load_object
from evocnn.deploy.chain import Step, chain_of
from evocnn.errors import ExperimentError, GeneError
from evocnn.genotype import Chromosome, Conv, Dropout, Head, LayerGene, Limits, Pool, Recipe, Shape
from evocnn.genotype.pool_order import NON_DECREASING
from evocnn.phenotype import build
from evocnn.phenotype.parts import normalization

RECIPE = Recipe(optimizer="adamw", learning_rate=0.001)  # trains most networks, those without norms, too
SIDES = (8, 16, 28, 32, 48, 64, 96, 100, 128, 160, 192, 224, 227, 256, 299, 384, 512)  # tried where not given
LIMIT = 1e-4  # between two scores of up to 1; beyond that in proportion, as float32 rounds
_N_COMPARED = 4  # random images

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.LeakyReLU: "leaky_relu",
    nn.Tanh: "tanh",
}
_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
_NORMS = (nn.BatchNorm2d, nn.GroupNorm)
_DROPOUTS = (nn.Dropout, nn.Dropout2d)
_WEIGHTED = (nn.Conv2d, *_NORMS, nn.Linear)
_Kinds: TypeAlias = Iterable[type[nn.Module]]


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
    reader = _Reader(chain)
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


class _Reader:
    """Reads layers of a chain, first to last, into genes.

    Attributes:
        differences: What a gene has otherwise.
    """

    def __init__(self, chain: Sequence[Step]) -> None:
        self._rest = deque(step for step in chain if not _is_idle(step))
        self._orders: dict[str, str] = {}  # the pool order that a pool needs -> the first such pool
        self.differences: list[str] = []

    @property
    def pool_order(self) -> str:
        """The order that the pools have."""
        return "textbook" if "textbook" in self._orders else "early"

    def read(self) -> tuple[tuple[LayerGene, ...], Head, int, nn.Module]:
        """Return layer genes, head, the number of classes and what follows the scores.

        Raises:
            GeneError: A layer cannot be expressed.
        """
        layers = tuple(self._layers())
        head, n_classes = self._head()
        ending = self._take((nn.Softmax, nn.LogSoftmax))
        if ending:
            self._differ(ending, "is left out; networks of evocnn give scores")
        if self._rest:
            raise _refusal(self._rest[0], "nothing but a softmax may follow the output layer")
        if len(self._orders) > 1:
            early = self._orders["early"]
            self.differences.append(
                f"{early} is computed behind the activation: either all pools are ahead of it, or none"
            )
        return layers, head, n_classes, nn.Identity() if ending is None else ending.module

    def _layers(self) -> Iterator[LayerGene]:
        ahead: Conv | None = None  # the convolution right ahead
        while self._rest and not _is_head(self._rest[0]):
            step = self._rest.popleft()
            gene: Conv | None = None
            match step.module:
                case nn.Conv2d():
                    gene, pool = self._convolution(step)
                    yield gene
                    if pool is not None:
                        yield pool
                        gene = None
                case nn.MaxPool2d() | nn.AvgPool2d():
                    pool = _pool(step)
                    if ahead is not None and not _is_neutral(ahead, pool):
                        self._orders.setdefault("textbook", str(step))
                    yield pool
                case nn.Dropout() | nn.Dropout2d():
                    yield Dropout(rate=self._rate(step))
                case module if type(module) in _ACTIVATIONS or isinstance(module, _NORMS):
                    raise _refusal(
                        step, "normalization and activation stand only behind a convolution, in this order"
                    )
                case _:
                    raise _refusal(step, "no gene has such a layer there")
            ahead = gene

    def _convolution(self, step: Step) -> tuple[Conv, Pool | None]:
        """Return the gene of a convolution and what belongs to it; a pool that lies inside, too."""
        module: Any = step.module
        norm_ahead = self._take(_POOLS)
        norm = self._take(_NORMS)
        pooled = norm_ahead or self._take(_POOLS)
        active = self._take(_ACTIVATIONS)
        if active is None:
            raise _refusal(
                self._rest[0] if self._rest else step,
                f"behind the convolution '{step.name}' must come one of {', '.join(_ACTIVATIONS.values())}, "
                "with batch or group normalization between them or not",
            )
        if norm is None and module.bias is None:
            self._differ(step, "gains biases, as it has no normalization behind it")
        if norm is not None and module.bias is not None:
            is_needless = isinstance(norm.module, nn.BatchNorm2d)
            reason = ", which the normalization behind it makes needless" if is_needless else ""
            self._differ(step, f"loses its biases{reason}")
        gene = Conv(
            module.out_channels,
            _square(step, "kernel_size"),
            _square(step, "stride"),
            padding=_padding(step),
            activation=self._activation(active),
            normalization="none" if norm is None else self._normalization(norm, module.out_channels),
            dilation=_square(step, "dilation"),
            groups=module.groups,
        )
        if pooled is None:
            return gene, None
        pool = _pool(pooled)
        is_monotone = pool.kind == "max" and gene.activation in NON_DECREASING
        if norm is not None and norm_ahead is None:  # between normalization and activation
            if not is_monotone:
                raise _refusal(
                    pooled,
                    "between normalization and activation only a max pool ahead of relu, leaky_relu or tanh "
                    "can stand",
                )
            self._orders.setdefault("textbook", str(pooled))
        elif not _is_neutral(gene, pool):
            self._orders.setdefault("early", str(pooled))
        return gene, pool

    def _head(self) -> tuple[Head, int]:
        """Return the head and the number of classes."""
        pooling, is_flat = "flatten", False
        if self._rest and _is_global_pool(self._rest[0]):
            pooling, is_flat = "gap", len(self._rest.popleft().after) == 1
        flattening = None if is_flat else self._take((nn.Flatten,))
        if not is_flat and (flattening is None or len(flattening.after) > 1):
            raise self._headless("features must end in global average pooling or in flattening all of them")
        units: list[int] = []
        actives: dict[str, Step] = {}
        while True:
            dropped = self._take(_DROPOUTS)
            linear = self._take((nn.Linear,))
            if linear is None:
                raise self._headless(
                    "a head must have dense layers with activations, then an output layer without"
                )
            size = int(linear.module.out_features)
            if linear.module.bias is None:
                self._differ(linear, "gains biases")
            active = self._take(_ACTIVATIONS)
            if active is None:
                break
            if dropped:
                self._differ(dropped, "is left out; heads drop values only ahead of the output layer")
            actives.setdefault(self._activation(active), active)
            if len(actives) > 1:
                raise _refusal(
                    active,
                    f"all dense layers must have one activation, and one ahead has {next(iter(actives))}",
                )
            units.append(size)
        rate = self._rate(dropped) if dropped else 0.0
        return Head(pooling, tuple(units), rate, next(iter(actives), "relu")), size

    def _headless(self, rule: str) -> GeneError:
        if self._rest:
            return _refusal(self._rest[0], rule)
        return GeneError(f"a network to import must end in a linear layer, but it did not: {rule}")

    def _take(self, kinds: _Kinds) -> Step | None:
        """Return the next step where it is of some kinds, and go on."""
        is_such = self._rest and isinstance(self._rest[0].module, tuple(kinds))
        return self._rest.popleft() if is_such else None

    def _differ(self, step: Step, text: str) -> None:
        self.differences.append(f"{step} {text}")

    def _rate(self, step: Step) -> float:
        module: Any = step.module
        if isinstance(module, nn.Dropout2d) and len(step.before) > 1:
            self._differ(step, "drops values, not whole channels")
        return float(module.p)

    def _activation(self, step: Step) -> str:
        module: Any = step.module
        if getattr(module, "negative_slope", 0.01) != 0.01:
            self._differ(step, "has the slope 0.01")
        if getattr(module, "approximate", "none") != "none":
            self._differ(step, "is computed without approximation")
        return next(word for kind, word in _ACTIVATIONS.items() if isinstance(module, kind))

    def _normalization(self, step: Step, channels: int) -> str:
        module: Any = step.module
        name = "batch" if isinstance(module, nn.BatchNorm2d) else "group"
        usual: Any = normalization(name, channels)
        for key in ("eps", "momentum", "affine", "track_running_stats", "num_groups"):
            own, expected = getattr(module, key, None), getattr(usual, key, None)
            if own != expected:
                self._differ(step, f"has {key} {expected}")
        return name


def _is_idle(step: Step) -> bool:
    """Return whether a layer changes nothing, in training neither."""
    module: Any = step.module
    match module:
        case nn.Identity():
            return True
        case nn.Dropout() | nn.Dropout2d():
            return not module.p
        case nn.AdaptiveAvgPool2d():
            return step.before == step.after and step.after[1:] != (1, 1)
        case nn.Flatten():
            return step.before == step.after
    return False


def _is_head(step: Step) -> bool:
    """Return whether the head begins with a step."""
    return isinstance(step.module, nn.Flatten | nn.Linear) or _is_global_pool(step)


def _is_global_pool(step: Step) -> bool:
    """Return whether a step averages each channel."""
    if isinstance(step.module, nn.AvgPool2d):
        return step.before[1:] == _pair(step.module.kernel_size) and step.after[1:] == (1, 1)
    return isinstance(step.module, nn.AdaptiveAvgPool2d) and step.after[1:] in ((), (1, 1))


def _is_neutral(gene: Conv, pool: Pool) -> bool:
    """Return whether a pool behind a convolution gives the same in either order."""
    return gene.normalization == "none" and pool.kind == "max" and gene.activation in NON_DECREASING


def _pool(step: Step) -> Pool:
    """Return the gene of a pool."""
    module: Any = step.module
    size = _square(step, "kernel_size")
    is_plain = _square(step, "stride") == size and _pair(module.padding) == (0, 0)
    if not is_plain or module.ceil_mode or _pair(getattr(module, "dilation", 1)) != (1, 1):
        raise _refusal(step, "pools must be without overlap, padding, dilation and ceil_mode")
    return Pool(size, "max" if isinstance(module, nn.MaxPool2d) else "average")


def _padding(step: Step) -> str:
    """Return the word for a convolution's padding."""
    module: Any = step.module
    kernel, dilation = _square(step, "kernel_size"), _square(step, "dilation")
    given = module.padding if isinstance(module.padding, str) else _square(step, "padding")
    if module.padding_mode != "zeros":
        raise _refusal(step, "padding must be zeros")
    if kernel % 2 and given in ("same", dilation * (kernel // 2)):
        return "same"
    if given in ("valid", 0):
        return "valid"
    raise _refusal(step, "padding must be none, or half of an odd kernel, which keeps the size")


def _square(step: Step, name: str) -> int:
    """Return what a layer has for both directions."""
    down, across = _pair(getattr(step.module, name))
    if down != across:
        raise _refusal(step, f"{name} must be the same in both directions")
    return int(down)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _refusal(step: Step, rule: str) -> GeneError:
    return GeneError(f"layer {step} cannot be expressed: {rule}")


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
