"""A trained network and all that is needed to use it, as one file without code in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from evocnn.config import Experiment
from evocnn.config.parts import space_of
from evocnn.config.toml import MAX_NAMED
from evocnn.config.user_code import refusing_code
from evocnn.deploy.description import DESCRIPTION, Description, Input, Normalization, Origin
from evocnn.deploy.steps import Step, read_steps
from evocnn.deploy.widths import set_widths
from evocnn.errors import DataError, ExperimentError
from evocnn.genotype import JSON, Chromosome
from evocnn.phenotype import build
from evocnn.runs.folder import MODELS
from evocnn.store import environment
from evocnn.store.durable import write_durably
from evocnn.store.journal import FILE_NAME as RUN_FILE
from evocnn.training.data import ImageSet
from evocnn.training.loop import EVALUATION_BATCH

SUFFIX = ".safetensors"
_METADATA_KEY = "evocnn"  # of the file's metadata
_TABLES = ("name", "seed", "data", "space", "training")  # of an experiment that a model needs
_VERSIONS = ("evocnn", "commit", "python", "torch", "processor")  # on which weights depend
_EXPORTED = (".onnx", ".pt2")  # endings of what evocnn export makes of a model
_TRAINED = f"model{SUFFIX}"  # as evocnn train names it
SEEN = "the model was trained on the validation images, too: accuracies on these say little"
_MOST_SHOWN = 200  # letters of what is wrong with a file


@dataclass(frozen=True)
class Model:
    """A trained network and all that is needed to use it.

    Attributes:
        network: In eval mode, on the CPU; takes normalized images, gives class scores.
        chromosome: What the network was built from.
        input: The images that it takes.
        class_names: In the order of the scores.
        origin: Where it comes from.
        steps: What was done, first to last: tables with `step` (`train`, `test`, `prune`), figures, and
            `versions` of what trained.
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

    @property
    def digest(self) -> str:
        """SHA-256 of the weights and their names."""
        return _digest(self.network.state_dict())

    @torch.inference_mode()
    def logits(self, images: ImageSet) -> npt.NDArray[np.float32]:
        """Return class scores of images, shape `(n_images, n_classes)`; normalized as in training."""
        normalized, parts = Normalization(self.input), []
        for start in range(0, len(images), EVALUATION_BATCH):
            pixels = torch.tensor(images.images[start : start + EVALUATION_BATCH])
            parts.append(self.network(normalized(pixels).contiguous(memory_format=torch.channels_last)))
        found: npt.NDArray[np.float32] = torch.cat(parts).numpy()
        return found

    @property
    def changes(self) -> list[Mapping[str, JSON]]:
        """The steps that made the weights what they are: tests, which change none, aside."""
        return [step for step in self.steps if step["step"] != "test"]

    @property
    def done(self) -> tuple[Step, ...]:
        """The steps with the figures that are read of them.

        Raises:
            ValueError: One lacks some; not of a model that was loaded.
        """
        return read_steps(self.steps)

    @property
    def was_trained_on_all(self) -> bool:
        """Whether the images were trained on that validated the candidates of its run."""
        return any(step.get("all_data") for step in self.steps)

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
        }
        path = Path(path)
        try:
            text = _with_digest(description, weights)
            write_durably(path, safetensors.torch.save(weights, {_METADATA_KEY: text}))
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
    text, weights = _read(path)
    try:
        found = DESCRIPTION.validate_json(text)
        if found.digest == _digest(weights, text.replace(found.digest, "")):
            found.check()
            return _model(found, weights, is_trusted=is_trusted)
    except ExperimentError:
        raise
    except Exception as error:  # of pydantic, of a gene, of torch: whichever meets first what is wrong
        message = f"model '{path}' must hold what evocnn train writes, but: {_in_short(error)}; make it anew"
        raise DataError(message) from error
    message = (
        f"model '{path}' must be as it was written, but its weights or its description were changed; make it "
        "anew"
    )
    raise DataError(message)


def versions() -> dict[str, JSON]:
    """Return what the weights of a network that this process trains depend on besides its experiment."""
    found = environment()
    return {name: found[name] for name in _VERSIONS}


def _model(found: Description, weights: Mapping[str, Tensor], *, is_trusted: bool) -> Model:
    """Return the model that a file describes."""
    experiment = _experiment(found.origin, is_trusted=is_trusted)
    space = space_of(experiment, found.input.shape, len(found.class_names))
    chromosome = space.from_json(found.chromosome)
    network = build(chromosome, space.input_shape, space.n_classes, pool_order=space.pool_order)
    for step in found.steps:
        set_widths(network, step.get("widths") or {})
    network.load_state_dict(weights)
    network.eval()
    return Model(network, chromosome, found.input, found.class_names, found.origin, found.steps, is_trusted)


def _in_short(error: Exception) -> str:
    """Return what is wrong in one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the metadata'}: {first['msg']}"
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MOST_SHOWN]


def _experiment(origin: Origin, *, is_trusted: bool) -> Experiment:
    """Return the experiment without search and objectives: what operators it names is all the same."""
    tables = {name: table for name, table in origin.experiment.items() if name in _TABLES}
    with refusing_code("give --trust if the model is your own", unless=is_trusted):
        return Experiment.from_dict(
            tables, folder=Path(origin.experiment_folder), source=f"experiment of {origin.run}"
        )


def _read(path: Path) -> tuple[str, dict[str, Tensor]]:
    """Return description and weights.

    Raises:
        DataError: The file is missing, cannot be read or is no model.
    """
    if path.is_file() and path.suffix in _EXPORTED:
        message = (
            f"a model must be a {SUFFIX} file that evocnn train made, but '{path}' is an exported file "
            "already; name the model that it was made of, or use it with evocnn predict"
        )
        raise DataError(message)
    if not path.is_file():
        there = "a folder" if path.is_dir() else "another file" if path.exists() else "missing"
        message = (
            f"model '{path}' must be a file that evocnn train made, but it was {there}; {_way_out(path)}"
        )
        raise DataError(message)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {})[_METADATA_KEY]
            return text, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except KeyError as error:
        message = f"'{path}' must be a model of evocnn, but it describes none; evocnn train makes one"
        raise DataError(message) from error
    except (OSError, SafetensorError, ValueError) as error:
        message = f"model '{path}' must be readable, but: {error}; make it anew with evocnn train"
        raise DataError(message) from error


def _way_out(path: Path) -> str:
    """Return which models there are at a path that is none: those of a run, or of a folder of one."""
    places = ("*", "*/*", f"{MODELS}/*/*")
    found = [one for place in places for one in path.glob(f"{place}{SUFFIX}")]
    found.sort(key=lambda one: (one.name != _TRAINED, one))  # ahead of what was pruned of it
    if found:
        return f"name one: {', '.join(map(str, found[:MAX_NAMED]))}"
    if (path / RUN_FILE).exists():
        return f"this run has none yet; make one with: evocnn train {quote(str(path))}"
    return "check the path, or make one with: evocnn train RUN"


def _with_digest(description: Mapping[str, object], weights: Mapping[str, Tensor]) -> str:
    """Return a description as JSON, its last entry the digest of weights and of all the text but itself."""
    text = json.dumps({**description, "digest": ""})
    return json.dumps({**description, "digest": _digest(weights, text)})


def _digest(weights: Mapping[str, Tensor], text: str = "") -> str:
    """Return the SHA-256 of a text and of weights, their names and values."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()
