"""Alleles as experiment files write them: lists, single values and ranges, by field and by gene."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

from evocnn.config.settings import folder_of
from evocnn.config.toml import Mistakes
from evocnn.config.user_code import load_object
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.genotype import LAYERS, Choice, GeneAlleles, LayerGene, Range

_GENES = {gene.name(): gene for gene in LAYERS}


def alleles_from(value: object) -> Choice | Range:
    """Return alleles from a list, a single value, or a table of low and high."""
    if isinstance(value, Choice | Range):
        return value
    if isinstance(value, Mapping):
        known = {"low", "high", "scale"}
        unknown = sorted(set(value) - known)
        if (
            unknown
            or not {"low", "high"} <= set(value)
            or value.get("scale", "linear") not in ("linear", "log")
        ):
            form = '{ low = 0.001, high = 0.1, scale = "log" }'
            message = f"a range must be {form}, but it was {dict(value)}; correct it"
            raise ExperimentError(message)
        if not all(type(value[bound]) in (int, float) for bound in ("low", "high")):
            message = (
                f"a range's bounds must be numbers, but they were {value['low']!r} and "
                f"{value['high']!r}; correct them"
            )
            raise ExperimentError(message)
        return Range(float(value["low"]), float(value["high"]), value.get("scale") == "log")
    values: Any = value if isinstance(value, list | tuple) else [value]
    return Choice(tuple(tuple(item) if isinstance(item, list) else item for item in values))


def gene_alleles_from(value: object, gene: type[Any], weight: Any = 1.0) -> GeneAlleles[Any]:
    """Return a gene type's alleles from a table of fields.

    Raises:
        ExperimentError: It is no such table.
    """
    if not isinstance(value, Mapping):
        message = (
            f"alleles of {gene.name()} must be a table of fields, but they were {value!r}; write one "
            "line a field"
        )
        raise ExperimentError(message)
    fields: dict[str, Choice | Range] = {}
    mistakes = Mistakes()
    with mistakes.at("weight"):
        _check_weight(weight)
    for name, item in value.items():
        with mistakes.at(str(name)):
            fields[name] = alleles_from(item)
    mistakes.raise_any()
    return GeneAlleles(gene, fields, float(weight))


def _check_weight(weight: Any) -> None:
    if type(weight) not in (int, float) or not 0 < weight < float("inf"):
        message = (
            f"a gene's weight must be a number above 0, but it was {weight!r}; leave the gene out instead"
        )
        raise ExperimentError(message)


def layer_alleles_from(value: object, info: ValidationInfo) -> object:
    """Turn `{ conv = {...}, own = { gene = "module:Name", ... } }` into alleles by gene type."""
    if not isinstance(value, Mapping):
        return value
    if not value:
        message = "a space must have a layer gene, but it had none; add a table [space.layers.conv]"
        raise ExperimentError(message)
    result = []
    mistakes = Mistakes()
    for name, table in value.items():
        with mistakes.at(str(name)):
            result.append(_layer_alleles_of(name, table, folder_of(info)))
    mistakes.raise_any()
    return tuple(result)


def _layer_alleles_of(name: str, table: object, folder: Path | None) -> GeneAlleles[LayerGene]:
    fields = dict(table) if isinstance(table, Mapping) else {}
    is_said, gene, weight = "gene" in fields, fields.pop("gene", name), fields.pop("weight", 1.0)
    if is_said and isinstance(gene, str) and ":" in gene:
        gene = load_object(gene, folder)
    elif isinstance(gene, str):
        if gene not in _GENES:
            hint = did_you_mean(gene, _GENES) or '; name your own with gene = "module:Name"'
            message = f"a layer gene must be one of {sorted(_GENES)}, but it was '{gene}'{hint}"
            raise ExperimentError(message)
        gene = _GENES[gene]
    if table is False:
        message = f"'{name} = false' must leave out a gene of a preset, but there was none; remove the line"
        raise ExperimentError(message)
    if not (isinstance(gene, type) and issubclass(gene, LayerGene)):
        message = f"layer gene '{name}' must be a subclass of LayerGene, but it was {gene!r}; derive it"
        raise ExperimentError(message)
    if "__dataclass_fields__" not in vars(gene) and "__annotations__" in vars(gene):
        message = (
            f"layer gene '{name}' must be a dataclass, but {gene.__name__} was none; write "
            "@dataclass(frozen=True, slots=True) above the class"
        )
        raise ExperimentError(message)
    return gene_alleles_from(fields if isinstance(table, Mapping) else table, gene, weight)
