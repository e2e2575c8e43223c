"""Networks of timm and torchvision, as chains of modules: imported only when one is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from evocnn.errors import ExperimentError
from evocnn.genotype import Shape, Stage
from evocnn.genotype.stage import NAME

_PROBE = (1, 3, 224, 448)  # twice as wide as high: so are feature maps, however their channels lie
_KEPT = 4  # networks in a process


class _Call(NamedTuple):
    """A module's call, with how often its tensors had been written to in place by then."""

    place: str
    read: Any
    n_writes_read: int
    gave: Any
    n_writes_gave: int


def library_of(source: str) -> Any:
    """Return the library of a network, imported.

    Raises:
        ExperimentError: It is none of the two, or cannot be imported.
    """
    if not NAME.fullmatch(source):
        message = (
            "a network must be named as timm:NAME or torchvision:NAME, in letters, digits, '.', '_' and '-', "
            f"but it was '{source}'; correct the name"
        )
        raise ExperimentError(message)
    name = source.partition(":")[0]
    try:
        return import_module(name)
    except Exception as error:  # torchvision's build for another torch raises a RuntimeError
        message = (
            f"{name} must be importable for '{source}', but it was not: {_first_line(error)}; install "
            "evocnn[backbones]; both libraries need torchvision built for the same torch: with a CPU build "
            "of torch take torchvision's CPU build, not PyPI's"
        )
        raise ExperimentError(message) from error


@lru_cache(maxsize=_KEPT)
def architecture(source: str) -> nn.Module:
    """Return a library's network without its pretrained weights, in eval mode; not to be changed.

    Args:
        source: `timm:NAME` or `torchvision:NAME`, a tag of weights behind a point included or not.

    Raises:
        ExperimentError: The library cannot be imported, or does not know it.
    """
    library = library_of(source)
    try:
        with torch.random.fork_rng(devices=()):  # what is built next must not depend on what is kept
            torch.manual_seed(0)
            network = _created(library, source.partition(":")[2], is_timm=source.startswith("timm:"))
    except Exception as error:
        message = (
            f"'{source}' must name a network of the library, but: {_first_line(error)}; correct the name"
        )
        raise ExperimentError(message) from error
    return network.eval()


def _created(library: Any, name: str, *, is_timm: bool) -> Any:
    if is_timm:
        return library.create_model(name, pretrained=False)
    name = name.partition(".")[0]
    if name not in library.models.list_models(module=library.models):  # some of the others download weights
        message = f"unknown classifier '{name}'"
        raise ValueError(message)
    return library.models.get_model(name, weights=None)


def stage_module(stage: Stage) -> nn.Module:
    """Return a module of a library's network, with random weights."""
    return deepcopy(architecture(stage.source).get_submodule(stage.place))


def stages_of(source: str, shape: Shape) -> tuple[Stage, ...]:
    """Return the modules that a library's network computes one after the other, up to its pooling.

    What is no more than a sequence is opened, so that a block, or a convolution outside of any, is a
    module. Each must read exactly what the one before gave, a feature map, until features are pooled; what
    the network then computes is left out. All of it is seen on the meta device, without computing.

    Args:
        source: The network, as in `architecture`.
        shape: The shape of an image.

    Raises:
        ExperimentError: There is no such network, it is no such chain, or images are too small for it.
    """
    network = deepcopy(architecture(source)).to("meta")
    if getattr(network, "transform_input", None) is not None:  # torchvision's two Inceptions
        raise _refused(source, "it changes its images before the first module")
    places = _chain(source, network)
    stages, x = [], torch.empty(1, *shape, device="meta")
    for place in places:
        module = network.get_submodule(place)
        takes = tuple(x.shape[1:])
        try:
            with torch.no_grad(), FlopCounterMode(display=False) as counter, _leaf_outputs(module) as written:
                x = module(x)
        except Exception as error:
            message = (
                f"images must be large enough for all of '{source}', but '{place}' cannot read "
                f"{'x'.join(map(str, takes))}: {_first_line(error)}; set a larger data.size"
            )
            raise ExperimentError(message) from error
        n_parameters = sum(parameter.numel() for parameter in module.parameters())
        counts = n_parameters, counter.get_total_flops(), sum(written), len(written)
        stages.append(Stage(source, place, takes, tuple(x.shape[1:]), *counts))
    return tuple(stages)


def _chain(source: str, network: nn.Module) -> list[str]:
    """Return the names of the modules of a chain.

    Raises:
        ExperimentError: The network is none.
    """
    image = torch.empty(_PROBE, device="meta")
    calls: list[_Call] = []
    hooks = [hook for place, module in _opened(network) for hook in _recording(place, module, calls)]
    try:
        with torch.no_grad():
            network(image)
    except Exception as error:
        raise _refused(source, f"it takes no images of any size: {_first_line(error)}") from error
    finally:
        for hook in hooks:
            hook.remove()
    places: list[str] = []
    map_, n_writes = image, image._version  # noqa: SLF001 - tells what was computed in place
    for call in calls:
        if call.read is not map_ or call.n_writes_read != n_writes or call.place in places:
            if places and _is_pooled(call.read, map_):
                return places
            raise _refused(source, f"'{call.place}' reads something else than the module before it gives")
        if not _is_map(call.gave):
            if places and _is_pooled(call.gave, map_):
                return places
            raise _refused(source, f"'{call.place}' gives no feature map")
        places.append(call.place)
        map_, n_writes = call.gave, call.n_writes_gave
    return places


def _opened(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules of a network by name; a sequence's are its own."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and type(child).forward is nn.Sequential.forward:
            yield from _opened(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _recording(place: str, module: nn.Module, calls: list[_Call]) -> Iterator[Any]:
    """Yield hooks that record a module's calls."""
    before: list[tuple[Any, int]] = []

    def enter(_: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        read = inputs[0] if len(inputs) == 1 and not keywords else None
        before.append((read, getattr(read, "_version", 0)))

    def leave(_: nn.Module, __: Any, gave: Any) -> None:
        calls.append(_Call(place, *before.pop(), gave, getattr(gave, "_version", 0)))

    yield module.register_forward_pre_hook(enter, with_kwargs=True)
    yield module.register_forward_hook(leave)


@contextmanager
def _leaf_outputs(module: nn.Module) -> Iterator[list[int]]:
    """Give a list that takes the number of values that each innermost module writes."""
    written: list[int] = []

    def leave(_: nn.Module, __: Any, gave: Any) -> None:
        written.append(gave.numel())

    leaves = [one for one in module.modules() if not any(True for _ in one.children())]
    hooks = [leaf.register_forward_hook(leave) for leaf in leaves if not isinstance(leaf, nn.Identity)]
    try:
        yield written
    finally:
        for hook in hooks:
            hook.remove()


def _is_map(value: Any) -> bool:
    """Return whether a value is features of the probe, channels first: about twice as wide as high."""
    return (
        isinstance(value, Tensor) and value.ndim == len(_PROBE) and 1.5 < value.shape[3] / value.shape[2] < 3
    )


def _is_pooled(value: Any, map_: Tensor) -> bool:
    """Return whether a value is what a head reads: a vector, or fewer values than the last feature map."""
    return isinstance(value, Tensor) and (
        value.ndim == 2 or (value.ndim == len(_PROBE) and value.numel() < map_.numel() and not _is_map(value))
    )


def _refused(source: str, reason: str) -> ExperimentError:
    message = (
        f"'{source}' must be a chain of modules up to its pooling, as ResNet, VGG, MobileNet, EfficientNet, "
        f"ConvNeXt and DenseNet are, but {reason}; take another network"
    )
    return ExperimentError(message)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
