"""The layers of a sequential network, first to last, as genes; or which of them no gene can express."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from torch import nn

from evocnn.deploy.chain import Step
from evocnn.errors import GeneError
from evocnn.genotype import Conv, Dropout, Head, LayerGene, Pool
from evocnn.genotype.pool_order import NON_DECREASING
from evocnn.phenotype.parts import normalization

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.LeakyReLU: "leaky_relu",
    nn.Tanh: "tanh",
}
_POOLS = (nn.MaxPool2d, nn.AvgPool2d)
NORMS = (nn.BatchNorm2d, nn.GroupNorm)
_DROPOUTS = (nn.Dropout, nn.Dropout2d)
_Kinds: TypeAlias = Iterable[type[nn.Module]]


class ChainReader:
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
                case module if type(module) in _ACTIVATIONS or isinstance(module, NORMS):
                    raise _refusal(
                        step, "normalization and activation stand only behind a convolution, in this order"
                    )
                case _:
                    raise _refusal(step, f"no gene has such a layer there; {_GENES}")
            ahead = gene

    def _convolution(self, step: Step) -> tuple[Conv, Pool | None]:
        """Return the gene of a convolution and what belongs to it; a pool that lies inside, too."""
        module: Any = step.module
        norm_ahead = self._take(_POOLS)
        norm = self._take(NORMS)
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


_GENES = (
    "ahead of the head there may be convolutions, each with its normalization and activation, pools, and "
    "dropout; the head is a global pool or flattening, and dense layers"
)


def _refusal(step: Step, rule: str) -> GeneError:
    return GeneError(f"layer {step} cannot be expressed: {rule}")
