"""What an experiment means, whatever its file says of it and leaves to defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from inspect import Parameter, signature
from typing import Any

from evocnn.config.algorithm_names import GIVEN, AlgorithmChoice
from evocnn.config.experiment import Experiment
from evocnn.config.references import reference_of, to_plain
from evocnn.config.settings import Settings
from evocnn.config.space import SpaceSettings
from evocnn.genotype import JSON, Choice, GeneAlleles

_NO_MEANING = ("space.source",)


def meaning(experiment: Experiment) -> dict[str, JSON]:
    """Return the value of every key of an experiment, by dotted key; of each field of a gene its alleles.

    Defaults stand where a file is silent, a list of one is its value, and what is held is in its text form.
    What follows from the data or from a metric's name, such as floors and scales, is None. `objectives` is
    their order: an algorithm may heed the first above the others.
    """
    values = {name: to_plain(value) for name, value in _flat("", experiment) if name not in _NO_MEANING}
    return {**values, "objectives": list(experiment.objectives)}


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    parts = _parts(value)
    if parts is None:
        yield name, value.values[0] if isinstance(value, Choice) and value.is_fixed else value
    else:
        for part, own in parts.items():
            yield from _flat(f"{name}.{part}" if name else part, own)


def _parts(value: Any) -> Mapping[str, Any] | None:
    """Return what a value is made of, by name; None where it is whole."""
    match value:
        case SpaceSettings():
            layers = {alleles.gene.name(): alleles for alleles in value.layers}
            hold = {name: _text(getattr(value.held, name)) for name in type(value.hold).model_fields}
            return {**_fields(value), "layers": layers, "hold": hold, "evolve": sorted(value.evolve)}
        case Settings():
            return _fields(value)
        case GeneAlleles(gene, alleles, weight):
            own = {f.name: alleles.get(f.name, f.default) for f in fields(gene)}
            return {"gene": reference_of(gene), **own, "weight": weight}
        case AlgorithmChoice(name, make, options):
            parameters = [p for p in signature(make).parameters.values() if p.name not in GIVEN]
            defaults = {p.name: p.default for p in parameters if p.default is not Parameter.empty}
            return {"use": name, **defaults, **options}
        case Mapping():
            return value
    return None


def _fields(settings: Settings) -> dict[str, Any]:
    known = type(settings).model_fields.items()
    return {name: getattr(settings, name) for name, field in known if not field.exclude}


def _text(held: Any) -> str | None:
    """Return the text form of a segment that is held."""
    if isinstance(held, tuple):
        return " · ".join(gene.text for gene in held)
    return None if held is None else str(held.text)
