"""Operators by the names that experiment files use."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from evocnn.config.user_code import load_object
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.operators import (
    AddGene,
    AlterGene,
    AlterHead,
    AlterRecipe,
    DeapCrossover,
    DeapMutation,
    DuplicateGene,
    OnePoint,
    RemoveGene,
    ReplaceGene,
    ResampleRecipe,
    SwapGenes,
    Uniform,
    Weighted,
    deap_operator,
)

CROSSOVERS: Mapping[str, Callable[..., Any]] = {"one_point": OnePoint, "uniform": Uniform}
MUTATIONS: Mapping[str, Callable[..., Any]] = {
    "add_gene": AddGene,
    "remove_gene": RemoveGene,
    "duplicate_gene": DuplicateGene,
    "swap_genes": SwapGenes,
    "replace_gene": ReplaceGene,
    "alter_gene": AlterGene,
    "alter_head": AlterHead,
    "alter_recipe": AlterRecipe,
    "resample_recipe": ResampleRecipe,
}


def crossover_named(value: object, folder: Path | None) -> Weighted[Any]:
    """Return a crossover from a name, a table with `use`, `weight` and arguments, or the object itself."""
    return _operator(value, CROSSOVERS, DeapCrossover, folder)


def mutation_named(value: object, folder: Path | None) -> Weighted[Any]:
    """Return a mutation from a name, a table with `use`, `weight` and arguments, or the object itself."""
    return _operator(value, MUTATIONS, DeapMutation, folder)


def _operator(
    value: object, known: Mapping[str, Callable[..., Any]], adapter: Callable[..., Any], folder: Path | None
) -> Weighted[Any]:
    arguments: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"use": value}
    if "use" not in arguments:
        message = (
            f"an operator's table must name it with 'use', but it was {value!r}; write "
            f'{{ use = "uniform", rate = 0.3 }}'
        )
        raise ExperimentError(message)
    use = arguments.pop("use")
    weight = arguments.pop("weight", 1.0)
    if type(weight) not in (int, float) or not 0 < weight < float("inf"):
        message = (
            f"an operator's weight must be a number above 0, but it was {weight!r}; leave the operator "
            "out instead"
        )
        raise ExperimentError(message)
    name = use if isinstance(use, str) else getattr(use, "__name__", type(use).__name__)
    try:
        return Weighted(name, _resolved(use, arguments, known, adapter, folder), float(weight))
    except TypeError as error:
        message = f"operator '{name}' must accept its arguments {arguments}, but: {error}; correct them"
        raise ExperimentError(message) from error


def _resolved(
    use: object,
    arguments: dict[str, Any],
    known: Mapping[str, Callable[..., Any]],
    adapter: Callable[..., Any],
    folder: Path | None,
) -> object:
    if isinstance(use, str) and use in known:
        return known[use](**arguments)
    if isinstance(use, str) and use.startswith("deap:"):
        return adapter(deap_operator(use.removeprefix("deap:")), arguments)
    if isinstance(use, str) and ":" not in use:
        hint = did_you_mean(use, known) or "; name your own as module:name, DEAP's as deap:name"
        message = f"an operator must be one of {sorted(known)}, but it was '{use}'{hint}"
        raise ExperimentError(message)
    found = load_object(use, folder) if isinstance(use, str) else use
    if isinstance(found, type):
        return found(**arguments)
    if not callable(found):
        message = (
            f"operator {use!r} must be a function or a class, but it was {found!r}; name one that can "
            "be called"
        )
        raise ExperimentError(message)
    return partial(found, **arguments) if arguments else found
