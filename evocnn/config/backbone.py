"""The [space.backbone] table: a network that was trained before, and how much of it is kept and trained."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from safetensors import SafetensorError, safe_open

from evocnn.config.allele_tables import alleles_from
from evocnn.config.data import sides_of
from evocnn.config.settings import Settings, guarded
from evocnn.config.toml import Mistakes
from evocnn.config.user_code import check_trusted
from evocnn.errors import ExperimentError, GeneError
from evocnn.genotype import (
    LAYERS,
    Backbone,
    Choice,
    Chromosome,
    GeneAlleles,
    PretrainedLayers,
    Range,
    Shape,
    Stage,
    backbone_type,
    parse_layers,
)
from evocnn.genotype.pool_order import POOL_ORDERS
from evocnn.genotype.stage import is_named
from evocnn.phenotype.stages import stages_of
from evocnn.training.libraries import published

_LARGE = 1024  # pixels a side, on which every layer applies: which have weights does not depend on it
_COLOURS = 3  # channels of a library's networks
_WHITE = 255

Figures = Annotated[
    tuple[float, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
]
Stages = Annotated[tuple[Stage, ...], guarded(lambda value, _: _stages(value))]
Counted = Annotated[Choice | Range, guarded(lambda value, _: alleles_from(value))] | None


class BackboneSettings(Settings):
    """A network that was trained before, and how much of it is kept and trained."""

    weights: str
    layers: str = ""
    mean: Figures = Field(min_length=1)
    deviation: Figures = Field(min_length=1)
    pool_order: Literal[POOL_ORDERS] = "textbook"  # type: ignore[valid-type]
    cut: Counted = None
    trained: Counted = None
    digest: str = Field(default="", pattern="^([0-9a-f]{64})?$")  # filled in, see with_backbone,
    stages: Stages = ()  # and so are these

    @cached_property
    def network(self) -> PretrainedLayers:
        """The network's layers."""
        layers = self.stages or parse_layers(self.layers, LAYERS)
        return PretrainedLayers(layers, len(self.mean), self.pool_order)

    @cached_property
    def alleles(self) -> GeneAlleles[Backbone]:
        """Alleles of the backbone: each cut and each number of trained layers, unless they are given."""
        n_layers = len(self.network.layers)
        image = self.stages[0].takes if self.stages else (self.network.channels, _LARGE, _LARGE)
        n_weighted = len(self.network.weighted(Shape(*image)))
        cut = self.cut or Choice(tuple(range(1, n_layers + 1)))
        trained = self.trained or Choice(tuple(range(n_weighted + 1)))
        return GeneAlleles(backbone_type(self.network), {"cut": cut, "trained": trained})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.layers) == bool(self.stages):
            message = (
                "layers must be given for a file of weights, and for no network of timm or torchvision, but "
                f"they were {self.layers or 'not given'!r}; {'add' if not self.layers else 'remove'} them"
            )
            raise ValueError(message)
        if len(self.mean) != len(self.deviation) or not min(self.deviation) > 0:
            message = (
                "mean and deviation must have a number for each channel, deviations above 0, but they were "
                f"{list(self.mean)} and {list(self.deviation)}; black is 0, white is 1"
            )
            raise ValueError(message)
        n_layers = len(self.network.layers)
        largest = self.alleles.fields["cut"]
        if isinstance(largest, Choice) and largest.values[-1] > n_layers:  # type: ignore[operator]
            message = (
                f"cut must be from 1 to the {n_layers} layers of the network, but it was "
                f"{largest.values[-1]}; leave it out for all of them"
            )
            raise ValueError(message)
        return self


def with_backbone(space: Mapping[str, Any], size: object, folder: Path | None) -> Mapping[str, Any]:
    """Return a [space] table whose backbone says all of its network, so that a run's record holds it.

    The digest of its file is filled in, and what a model of evocnn's own says of itself: layers, mean,
    deviation and order of pools; or what a network of timm or torchvision is on images of a size, its mean,
    its deviation and the full name of its weights. Where the table has a digest, as in every record of a run,
    the file is not looked at.

    Args:
        space: The table.
        size: `size` of the [data] table.
        folder: Where the experiment file lies.

    Raises:
        ExperimentError: The file cannot be read or must not be, or the network cannot be had or used.
    """
    table = space.get("backbone") if isinstance(space, Mapping) else None
    if not isinstance(table, Mapping) or not isinstance(table.get("weights"), str) or "digest" in table:
        return space
    mistakes = Mistakes()
    with mistakes.at("space", "backbone", "weights"):
        weights = table["weights"]
        check_trusted(weights, "opened")
        found = _of_library(weights, size) if is_named(weights) else _of_file((folder or Path()) / weights)
        space = {**space, "backbone": {**found, **table, "weights": found.get("weights", weights)}}
    mistakes.raise_any()
    return space


def _of_library(weights: str, size: object) -> dict[str, Any]:
    """Return what a network of timm or torchvision is on images of a size.

    Raises:
        ExperimentError: There is no size, or the network cannot be had or used.
    """
    if size is None:
        message = (
            f"data.size must be given beside '{weights}', whose modules are counted on images of one size, "
            "but it was not; set it to the pixels of a side"
        )
        raise ExperimentError(message)
    stages = stages_of(weights, Shape(_COLOURS, *sides_of(size)))
    found = published(weights)
    return {
        "weights": found.source,
        "mean": list(found.mean),
        "deviation": list(found.deviation),
        "digest": hashlib.sha256(found.path.read_bytes()).hexdigest(),
        "stages": [{**stage.to_json(), "source": found.source} for stage in stages],
    }


_NO_MODEL = (ValueError, LookupError, TypeError, AttributeError, RecursionError)  # of what _described finds


def _of_file(path: Path) -> dict[str, Any]:
    """Return the digest of a file of weights, and what it says of its network.

    Raises:
        ExperimentError: The file cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe never ends, and neither do some devices
        message = f"weights must be a file that can be read, but '{path}' was none; correct the path"
        raise ExperimentError(message)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        described = _described(path) if path.suffix == ".safetensors" else {}
    except GeneError:
        raise
    except (OSError, SafetensorError, *_NO_MODEL) as error:
        message = f"weights must be a file that can be read, but: {error}; correct the path"
        raise ExperimentError(message) from error
    return {**described, "digest": digest}


def _stages(value: Any) -> tuple[Stage, ...]:
    return tuple(Stage.from_json(one) for one in (value if isinstance(value, list | tuple) else [value]))


def _described(path: Path) -> dict[str, Any]:
    """Return what a model of `evocnn train` says of its network; nothing for another file.

    Raises:
        ExperimentError: It holds a gene of somebody's own, or a backbone.
    """
    with safe_open(path, framework="numpy") as file:
        entry = (file.metadata() or {}).get("evocnn")
    if entry is None:
        return {}
    model = json.loads(entry)
    chromosome = Chromosome.from_json(model["chromosome"], LAYERS)
    return {
        "layers": " · ".join(gene.text for gene in chromosome.layers),
        "mean": [value / _WHITE for value in model["input"]["mean"]],
        "deviation": [value / _WHITE for value in model["input"]["deviation"]],
        "pool_order": model["origin"]["experiment"]["space"].get("pool_order", "early"),
    }
