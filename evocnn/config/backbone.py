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
from evocnn.config.settings import Settings, guarded
from evocnn.config.toml import Mistakes
from evocnn.errors import ExperimentError
from evocnn.genotype import (
    LAYERS,
    Backbone,
    Choice,
    Chromosome,
    GeneAlleles,
    PretrainedLayers,
    Range,
    Shape,
    backbone_type,
    parse_layers,
)
from evocnn.genotype.pool_order import POOL_ORDERS

_LARGE = 1024  # pixels a side, on which every layer applies: which have weights does not depend on it
_WHITE = 255

Figures = Annotated[
    tuple[float, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
]
Counted = Annotated[Choice | Range, guarded(lambda value, _: alleles_from(value))] | None


class BackboneSettings(Settings):
    """A network that was trained before, and how much of it is kept and trained."""

    weights: str
    layers: str
    mean: Figures = Field(min_length=1)
    deviation: Figures = Field(min_length=1)
    pool_order: Literal[POOL_ORDERS] = "textbook"  # type: ignore[valid-type]
    cut: Counted = None
    trained: Counted = None
    digest: str = Field(default="", pattern="^([0-9a-f]{64})?$")  # filled in, see with_backbone

    @cached_property
    def network(self) -> PretrainedLayers:
        """The network's layers."""
        return PretrainedLayers(parse_layers(self.layers, LAYERS), len(self.mean), self.pool_order)

    @cached_property
    def alleles(self) -> GeneAlleles[Backbone]:
        """Alleles of the backbone: each cut and each number of trained layers, unless they are given."""
        n_layers = len(self.network.layers)
        n_weighted = len(self.network.weighted(Shape(self.network.channels, _LARGE, _LARGE)))
        cut = self.cut or Choice(tuple(range(1, n_layers + 1)))
        trained = self.trained or Choice(tuple(range(n_weighted + 1)))
        return GeneAlleles(backbone_type(self.network), {"cut": cut, "trained": trained})

    @model_validator(mode="after")
    def _check(self) -> Self:
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


def with_backbone(space: Mapping[str, Any], folder: Path | None) -> Mapping[str, Any]:
    """Return a [space] table whose backbone says all of its network, so that a run's record holds it.

    The digest of its file is filled in, and what a model of evocnn's own says of itself: layers, mean,
    deviation and order of pools. Where the table has a digest, the file is not looked at.

    Raises:
        ExperimentError: The file cannot be read.
    """
    table = space.get("backbone") if isinstance(space, Mapping) else None
    if not isinstance(table, Mapping) or not isinstance(table.get("weights"), str) or "digest" in table:
        return space
    mistakes = Mistakes()
    with mistakes.at("space", "backbone", "weights"):
        path = (folder or Path()) / table["weights"]
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            described = _described(path) if path.suffix == ".safetensors" else {}
        except (OSError, SafetensorError) as error:
            message = f"weights must be a file that can be read, but: {error}; correct the path"
            raise ExperimentError(message) from error
        space = {**space, "backbone": {**described, **table, "digest": digest}}
    mistakes.raise_any()
    return space


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
