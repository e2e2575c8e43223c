"""Weights of timm's and torchvision's networks: found, downloaded once, and read as any other file."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from evocnn.errors import ExperimentError
from evocnn.phenotype.stages import library_of


class Published(NamedTuple):
    """The weights of a library's network.

    Attributes:
        source: Its full name, the tag of the weights included: `timm:resnet18.a1_in1k`.
        path: The file, in the cache of the hub or of torch.
        mean: Of the images that it was trained on, by channel; black is 0, white 1.
        deviation: Likewise the standard deviation.
    """

    source: str
    path: Path
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def published(source: str) -> Published:
    """Return the weights of a library's network, downloading them if they are not in the cache.

    timm's are the `model.safetensors` of the hub; torchvision's a state_dict whose name has its digest.

    Args:
        source: `timm:NAME` or `torchvision:NAME`, with the tag of its weights or without, for the library's
            own choice.

    Raises:
        ExperimentError: The library cannot be imported, or the weights cannot be had.
    """
    library, name = library_of(source), source.partition(":")[2]
    find = _of_timm if source.startswith("timm:") else _of_torchvision
    try:
        return find(library, name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        message = (
            f"weights '{source}' must be published as safetensors, or by torchvision, and be in the cache or "
            f"within reach, but: {reason}; correct the name, or download the file and describe its layers"
        )
        raise ExperimentError(message) from error


def _of_timm(timm: Any, name: str) -> Published:
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - it comes with timm

    about = timm.models.get_pretrained_cfg(name, allow_unregistered=False)
    if about.custom_load or not about.hf_hub_id:
        message = "they are no safetensors file on the hub"
        raise ValueError(message)
    repository, _, revision = about.hf_hub_id.partition("@")
    file = about.hf_hub_filename or "model.safetensors"
    path = Path(hf_hub_download(repository, file, revision=revision or None))
    if path.suffix != ".safetensors":
        message = f"'{file}' is none"
        raise ValueError(message)
    tag = f".{about.tag}" if about.tag else ""
    return Published(f"timm:{about.architecture}{tag}", path, tuple(about.mean), tuple(about.std))


def _of_torchvision(torchvision: Any, name: str) -> Published:
    architecture, _, tag = name.partition(".")
    entries = torchvision.models.get_model_weights(architecture)
    entry = entries[tag] if tag else entries.DEFAULT
    torch.hub.load_state_dict_from_url(
        entry.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
    )
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(entry.url).name
    transforms = entry.transforms()
    mean, deviation = tuple(transforms.mean), tuple(transforms.std)
    return Published(f"torchvision:{architecture}.{entry.name}", path, mean, deviation)
