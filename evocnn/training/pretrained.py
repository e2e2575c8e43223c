"""The weights of a network that was trained before, read without running code from their file."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from evocnn.errors import DataError
from evocnn.genotype import LayerGene, PretrainedLayers, Shape, Stage, backbone_type
from evocnn.phenotype import Network, layer_module
from evocnn.phenotype.backbone import FeatureExtractor
from evocnn.training.images import Images

_WHITE = 255
_LEAVES = ("weight", "bias", "running_mean", "running_var")  # in the order in which torch has them


@dataclass(frozen=True)
class Pretrained:
    """A network that was trained before.

    Attributes:
        network: Its layers.
        weights: By their names in a `FeatureExtractor` of all layers.
        mean: Of the images that it was trained on by channel, black being 0 and white 1.
        deviation: Likewise the standard deviation.
        digest: The SHA-256 of the file that held the weights.
    """

    network: PretrainedLayers
    weights: Mapping[str, Tensor]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    digest: str

    @cached_property
    def identity(self) -> str:
        """What names all that a training's result depends on here."""
        layers = " · ".join(gene.text for gene in self.network.layers)
        parts = (self.digest, layers, self.network.pool_order, self.mean, self.deviation)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def normalizing(self, images: Images) -> Images:
        """Return images that are normalized as those that the network was trained on."""
        mean, deviation = (
            _WHITE * torch.tensor(figures, device=images.device).view(1, -1, 1, 1)
            for figures in (self.mean, self.deviation)
        )
        return replace(images, mean=mean, deviation=deviation)

    def put_into(self, network: Network, *, frozen_alone: bool = False) -> None:
        """Give a network's backbone its weights, in place.

        Args:
            network: A network that begins with a backbone of these layers.
            frozen_alone: Whether what is trained keeps the weights that it has.
        """
        extractor = extractor_of(network)
        if extractor is None:
            return
        blocks = extractor.frozen if frozen_alone else extractor.blocks
        with torch.no_grad():
            for name, tensor in blocks.state_dict().items():
                if tensor.ndim:  # but for the steps that a batch normalization saw
                    tensor.copy_(self.weights[f"blocks.{name}"])


def extractor_of(network: Network) -> FeatureExtractor | None:
    """Return the backbone that a network begins with; None where it has none."""
    first = network.blocks[0] if len(network.blocks) else None
    return first if isinstance(first, FeatureExtractor) else None


def read_pretrained(
    path: Path,
    network: PretrainedLayers,
    shape: Shape,
    *,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    digest: str,
) -> Pretrained:
    """Return the network whose weights a file holds: a state_dict (`.pth`, `.pt`) or `.safetensors`.

    Weights are found by evocnn's own names where the file has these. Else the file's first tensors must be
    those of the layers, one after the other: in a state_dict's own order; by name, numbers in rising order,
    in a safetensors file, which keeps no order. What follows them, such as a head, is left out. Counts of
    the steps that batch normalizations saw do not matter. A library's network is found by the names that its
    modules have there.

    Args:
        path: The file.
        network: Its layers.
        shape: The shape of an image that all layers can read.
        mean: See `Pretrained`.
        deviation: Likewise.
        digest: The SHA-256 that the file must have.

    Raises:
        DataError: The file cannot be read, is another than it was, or does not fit the layers.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        tensors = _read(path)
    except Exception as error:
        message = (
            f"weights '{path}' must be a state_dict or a safetensors file, but: "
            f"{_first_line(error)}; save plain tensors by name"
        )
        raise DataError(message) from error
    if found != digest:
        message = (
            f"weights '{path}' must be those of the experiment, SHA-256 {digest[:12]}, but were "
            f"{found[:12]}; put that file back, or start another run"
        )
        raise DataError(message)
    whole = layer_module(backbone_type(network)(len(network.layers)), shape)
    wanted = {name: tensor for name, tensor in whole.state_dict().items() if tensor.ndim}
    if any(isinstance(gene, Stage) for gene in network.layers):
        tensors = {name: one for name, one in _by_stage(network.layers, tensors).items() if name in wanted}
    weights = _matched(path, wanted, {name: tensor for name, tensor in tensors.items() if tensor.ndim})
    return Pretrained(network, weights, mean, deviation, digest)


def _read(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors by name, in the order in which they are matched."""
    if path.suffix == ".safetensors":
        tensors = safetensors.torch.load_file(path)
        return {name: tensors[name] for name in sorted(tensors, key=_place)}
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of pickle, a zip or torch, whose advice is to run the file's code
        message = "it is none, or holds more than tensors, which may be code"
        raise ValueError(message) from error
    if not isinstance(found, Mapping) or not all(isinstance(one, Tensor) for one in found.values()):
        message = f"it holds {type(found).__name__} with more than tensors"
        raise ValueError(message)
    return dict(found)


def _by_stage(layers: Sequence[LayerGene], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a library's network by our names, in the order of its modules."""
    prefixes = [(f"blocks.{n}.", f"{one.place}.") for n, one in enumerate(layers) if isinstance(one, Stage)]
    return {
        own + name.removeprefix(theirs): tensor
        for own, theirs in prefixes
        for name, tensor in tensors.items()
        if name.startswith(theirs)
    }


def _place(name: str) -> tuple[list[tuple[int, str]], int, str]:
    """Return where a tensor stands among others of a safetensors file: numbers in their names count."""
    module, _, leaf = name.rpartition(".")
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", module)]
    return parts, _LEAVES.index(leaf) if leaf in _LEAVES else len(_LEAVES), leaf


def _matched(path: Path, wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensor for each name that is wanted.

    Raises:
        DataError: One is missing, has another shape, or holds what is no number.
    """
    names: Iterable[str] = wanted if set(wanted) <= set(tensors) else tensors
    pairs = dict(zip(wanted, names, strict=False))
    weights = {}
    for name, own in wanted.items():
        source = tensors[pairs[name]] if name in pairs else None
        if source is None or source.shape != own.shape:
            found = "the file has no more" if source is None else f"'{pairs[name]}' has {_shown(source)}"
            message = (
                f"weights '{path}' must be those of the described layers, {_shown(own)} for '{name}', but "
                f"{found}; correct space.backbone.layers, or take the network that they are of"
            )
            raise DataError(message)
        if not source.isfinite().all():
            message = f"weights '{path}' must be finite, but '{pairs[name]}' was not; take another file"
            raise DataError(message)
        weights[name] = source.float().contiguous()
    return weights


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _shown(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
