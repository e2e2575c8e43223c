"""A trained network and all that is needed to use it, as one file without code in it."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from evocnn.config import Experiment
from evocnn.config.parts import space_of
from evocnn.config.user_code import refusing_code
from evocnn.deploy.widths import set_widths
from evocnn.errors import DataError
from evocnn.genotype import JSON, Chromosome
from evocnn.phenotype import build
from evocnn.store.durable import write_durably
from evocnn.training.data import Framing, ImageSet
from evocnn.training.loop import EVALUATION_BATCH

SUFFIX = ".safetensors"
_ENTRY = "evocnn"  # of the file's metadata
_TABLES = ("name", "seed", "data", "space", "training")  # of an experiment that a model needs


@dataclass(frozen=True)
class Input:
    """The images that a network takes.

    Attributes:
        shape: Channels, height and width.
        framing: How image files are brought to it.
        mean: Of the training images by channel, in units of 0 to 255; subtracted from what comes in.
        deviation: Likewise the standard deviation, by which the difference is divided.
    """

    shape: tuple[int, int, int]
    framing: Framing
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    Attributes:
        experiment: The run's experiment, as plain tables.
        experiment_folder: Where its relative paths start.
        data_path: Images in place of the experiment's own; None for none.
        data: Name, digest and counts of the training images, as in the manifest of the run.
        run: The run folder.
        ticket: Of the evaluation that was picked.
        pick: What was asked for.
        lineage: Operators that led to the chromosome, founder first.
    """

    experiment: Mapping[str, Any]
    experiment_folder: str
    data_path: str | None
    data: Mapping[str, Any]
    run: str
    ticket: int
    pick: str
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A trained network and all that is needed to use it.

    Attributes:
        network: In eval mode, on the CPU; takes normalized images, gives class scores.
        chromosome: What the network was built from.
        input: The images that it takes.
        class_names: In the order of the scores.
        origin: Where it comes from.
        steps: What was done, first to last: tables with `step` (`train`, `test`, `prune`) and figures.
        is_trusted: Whether code that the origin's experiment names may be imported.
    """

    network: nn.Module
    chromosome: Chromosome
    input: Input
    class_names: tuple[str, ...]
    origin: Origin
    steps: tuple[Mapping[str, JSON], ...] = ()
    is_trusted: bool = True

    @property
    def experiment(self) -> Experiment:
        """What its origin says of data, space and training.

        Raises:
            ExperimentError: It names code that cannot be imported, or must not be.
        """
        return _experiment(self.origin, is_trusted=self.is_trusted)

    @torch.inference_mode()
    def logits(self, images: ImageSet) -> npt.NDArray[np.float32]:
        """Return class scores of images, shape `(n_images, n_classes)`; normalized as in training."""
        mean, deviation = (torch.tensor(f).view(1, -1, 1, 1) for f in (self.input.mean, self.input.deviation))
        parts = []
        for start in range(0, len(images), EVALUATION_BATCH):
            pixels = torch.tensor(images.images[start : start + EVALUATION_BATCH])
            batch = pixels.float().sub_(mean).div_(deviation).contiguous(memory_format=torch.channels_last)
            parts.append(self.network(batch))
        found: npt.NDArray[np.float32] = torch.cat(parts).numpy()
        return found

    def after(self, step: Mapping[str, JSON], network: nn.Module | None = None) -> "Model":
        """Return the model after one more step, which may have changed its network."""
        return replace(self, network=network or self.network, steps=(*self.steps, step))

    def save(self, path: str | Path) -> None:
        """Write the model as a safetensors file, its description as JSON in the metadata.

        Raises:
            DataError: The file cannot be written.
        """
        weights = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        description = {
            "chromosome": self.chromosome.to_json(),
            "input": asdict(self.input),
            "class_names": self.class_names,
            "origin": asdict(self.origin),
            "steps": self.steps,
            "digest": _digest(weights),
        }
        path = Path(path)
        try:
            write_durably(path, safetensors.torch.save(weights, {_ENTRY: json.dumps(description)}))
        except OSError as error:
            message = f"model '{path}' must be writable, but: {error}; choose another place"
            raise DataError(message) from error


def load_model(path: str | Path, *, is_trusted: bool = False) -> Model:
    """Return the model that a file holds; nothing that it holds or names is run as code.

    Args:
        path: The file.
        is_trusted: Whether to import gene types and data of one's own, as the file names them.

    Raises:
        DataError: The file is missing, damaged or no model.
        ExperimentError: It names code that cannot be imported, or must not be.
    """
    path = Path(path)
    description, weights = _read(path)
    origin = Origin(**{**description["origin"], "lineage": tuple(description["origin"]["lineage"])})
    form = description["input"]
    framing = Framing(**{**form["framing"], "size": _tuple(form["framing"]["size"])})
    images = Input(tuple(form["shape"]), framing, tuple(form["mean"]), tuple(form["deviation"]))
    class_names = tuple(description["class_names"])
    experiment = _experiment(origin, is_trusted=is_trusted)
    space = space_of(experiment, images.shape, len(class_names))
    chromosome = space.from_json(description["chromosome"])
    network = build(chromosome, space.input_shape, space.n_classes, pool_order=space.pool_order)
    for step in description["steps"]:
        set_widths(network, step.get("widths", {}))
    network.load_state_dict(weights)
    network.eval()
    steps = tuple(description["steps"])
    return Model(network, chromosome, images, class_names, origin, steps, is_trusted)


def _experiment(origin: Origin, *, is_trusted: bool) -> Experiment:
    """Return the experiment without search and objectives: what operators it names is all the same."""
    tables = {name: table for name, table in origin.experiment.items() if name in _TABLES}
    with nullcontext() if is_trusted else refusing_code("give --trust if the model is your own"):
        return Experiment.from_dict(
            tables, folder=Path(origin.experiment_folder), source=f"experiment of {origin.run}"
        )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return description and weights.

    Raises:
        DataError: The file is missing, damaged or no model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})[_ENTRY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except KeyError as error:
        message = f"'{path}' must be a model of evocnn, but it describes none; evocnn train makes one"
        raise DataError(message) from error
    except (OSError, SafetensorError, ValueError) as error:
        message = f"model '{path}' must be readable, but: {error}; make it anew with evocnn train"
        raise DataError(message) from error
    if _digest(weights) != description["digest"]:
        message = f"weights of '{path}' must be those that were written, but they were changed; make it anew"
        raise DataError(message)
    return description, weights


def _digest(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names and values."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()


def _tuple(value: list[int] | None) -> tuple[int, int] | None:
    return None if value is None else (value[0], value[1])
