"""The layers of a sequential network in the order in which they are computed, functions as modules."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from evocnn.errors import GeneError

_SHAPE = "evocnn_shape"  # of a node's result, kept in the node


class Step(NamedTuple):
    """A layer.

    Attributes:
        name: Where it is in the network, or what it is called in the trace.
        module: What computes it; of a function a module that computes the same.
        before: Shape of what it reads, without the images of the batch.
        after: Likewise of what it gives.
    """

    name: str
    module: nn.Module
    before: tuple[int, ...]
    after: tuple[int, ...]

    def __str__(self) -> str:
        """Return name and module, for messages."""
        return described(self.name, self.module)


def described(name: str, module: nn.Module) -> str:
    """Return what to call a layer: `features.3 (ReLU6(inplace=True))`."""
    return f"'{name}' ({type(module).__name__}({module.extra_repr()}))"


def chain_of(network: nn.Module, shape: tuple[int, ...]) -> list[Step]:
    """Return the layers of a network in the order in which they are computed.

    Args:
        network: In eval mode; traced by `torch.fx`, so what it does must not depend on values.
        shape: Of an image: channels, height, width.

    Raises:
        GeneError: It cannot be traced, does not take such images, is no chain, or calls a function that
            has no module here.
    """
    try:
        traced = fx.symbolic_trace(network)
    except Exception as error:  # torch's own, or the network's
        message = (
            f"a network to import must be traceable by torch.fx, but: {error}; take out what depends on "
            "values"
        )
        raise GeneError(message) from error
    try:
        with torch.no_grad():
            _Shapes(traced).run(torch.zeros(2, *shape))
    except Exception as error:
        size = "x".join(map(str, shape))
        reason = str(error).strip().partition("\n")[0]
        message = f"a network to import must take images of {size}, but: {reason}; give --shape C,H,W"
        raise GeneError(message) from error
    return list(_steps(traced))


class _Shapes(fx.Interpreter):
    """Runs a trace and keeps the shape of each tensor in its node."""

    def run_node(self, n: fx.Node) -> Any:
        """Return a node's result."""
        result = super().run_node(n)
        if isinstance(result, Tensor):
            n.meta[_SHAPE] = tuple(result.shape[1:])
        return result


def _steps(traced: fx.GraphModule) -> Iterator[Step]:
    previous: fx.Node | None = None
    seen: set[nn.Module] = set()
    for node in traced.graph.nodes:
        if node.op == "placeholder" and previous is None:
            previous = node
            continue
        if _SHAPE not in node.meta or node.op == "get_attr":
            continue  # a size of the images, or a parameter, at which what reads it stops
        name = node.target if node.op == "call_module" else node.name
        read = [own for own in node.all_input_nodes if _SHAPE in own.meta]
        if previous is None or read != [previous]:
            message = (
                f"layer '{name}' must read what is computed right ahead of it and nothing else, but it reads "
                f"{' and '.join(own.name for own in read) or 'nothing'}; only sequential networks can be "
                "imported"
            )
            raise GeneError(message)
        if node.op == "output":
            return
        before, after = previous.meta[_SHAPE], node.meta[_SHAPE]
        is_module = node.op == "call_module"
        module = traced.get_submodule(name) if is_module else _module(node, before, after)
        if module in seen and any(True for _ in module.parameters()):
            message = (
                f"layer {described(name, module)} must be used once, but it was used again; weights that two "
                "layers share cannot be expressed"
            )
            raise GeneError(message)
        seen.add(module)
        yield Step(name, module, before, after)
        previous = node


def _module(node: fx.Node, before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    """Return a module that computes what a function or method does.

    Raises:
        GeneError: None is known.
    """
    if node.target in _RESHAPING and after == (torch.Size(before).numel(),):
        return nn.Flatten()
    make = _FUNCTIONS.get(node.target)
    try:
        if make is not None:
            return make(*node.args[1:], **{key: v for key, v in node.kwargs.items() if key != "input"})
    except (TypeError, ValueError):  # of other arguments than those that are known
        pass
    message = f"layer '{node.name}' cannot be expressed: no gene does what this function does"
    raise GeneError(message)


def _mean(dim: Any, keepdim: bool = False) -> nn.Module:  # noqa: FBT001, FBT002 - torch's
    if {axis % 4 for axis in dim} != {2, 3}:
        raise ValueError(dim)
    del keepdim  # the step's shapes tell
    return nn.AdaptiveAvgPool2d(1)


def _max_pool(kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, **more: Any) -> Any:
    return nn.MaxPool2d(kernel_size, stride, padding, dilation, ceil_mode=more.get("ceil_mode", False))


def _dropped(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    return lambda p=0.5, *_, **__: kind(p)


_RESHAPING = {torch.flatten, "flatten", "view", "reshape", torch.reshape, "squeeze", torch.squeeze}
_FUNCTIONS: Mapping[Any, Callable[..., nn.Module]] = {
    **dict.fromkeys((functional.relu, torch.relu, torch.relu_, "relu", "relu_"), lambda *_, **__: nn.ReLU()),
    functional.gelu: lambda approximate="none": nn.GELU(approximate),
    functional.silu: lambda *_, **__: nn.SiLU(),
    functional.leaky_relu: lambda negative_slope=0.01, *_, **__: nn.LeakyReLU(negative_slope),
    **dict.fromkeys((functional.tanh, torch.tanh, "tanh", "tanh_"), nn.Tanh),
    **dict.fromkeys((functional.max_pool2d, torch.max_pool2d), _max_pool),
    functional.avg_pool2d: nn.AvgPool2d,
    functional.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
    functional.dropout: _dropped(nn.Dropout),
    functional.dropout2d: _dropped(nn.Dropout2d),
    **dict.fromkeys((torch.mean, "mean"), _mean),
    **dict.fromkeys(
        (functional.log_softmax, torch.log_softmax, "log_softmax"), lambda dim, *_, **__: nn.LogSoftmax(dim)
    ),
    **dict.fromkeys((functional.softmax, torch.softmax, "softmax"), lambda dim, *_, **__: nn.Softmax(dim)),
    "contiguous": nn.Identity,
}
