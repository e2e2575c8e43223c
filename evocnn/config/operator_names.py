"""Operators by the names that experiment files use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from evocnn.config.references import reference_of
from evocnn.config.user_code import load_object
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.operators import (
    AddGene,
    AddSkip,
    AlterActivation,
    AlterBackbone,
    AlterGene,
    AlterHead,
    AlterKernel,
    AlterRecipe,
    AlterStride,
    BlendRecipe,
    DeapCrossover,
    DeapMutation,
    DuplicateGene,
    Homologous,
    MoveGene,
    Narrow,
    NetDeepen,
    NetWiden,
    OnePoint,
    RemoveGene,
    ResampleRecipe,
    RewireLink,
    SwapKind,
    TwoPoint,
    Uniform,
    Weighted,
    Widen,
    deap_operator,
)

CROSSOVERS: Mapping[str, Callable[..., Any]] = {
    "one_point": OnePoint,
    "two_point": TwoPoint,
    "uniform": Uniform,
    "homologous": Homologous,
    "blend_recipe": BlendRecipe,
}
MUTATIONS: Mapping[str, Callable[..., Any]] = {
    "add_gene": AddGene,
    "remove_gene": RemoveGene,
    "duplicate_gene": DuplicateGene,
    "move_gene": MoveGene,
    "swap_kind": SwapKind,
    "rewire_link": RewireLink,
    "widen": Widen,
    "narrow": Narrow,
    "alter_kernel": AlterKernel,
    "alter_stride": AlterStride,
    "alter_activation": AlterActivation,
    "alter_gene": AlterGene,
    "alter_backbone": AlterBackbone,
    "alter_head": AlterHead,
    "alter_recipe": AlterRecipe,
    "resample_recipe": ResampleRecipe,
    "net_widen": NetWiden,
    "net_deepen": NetDeepen,
    "add_skip": AddSkip,
}
# Shares of the operators that a search has unless it names its own, by the segment they act on.
DEFAULT_CROSSOVERS = {
    "one_point": 1.0,
    "two_point": 1.0,
    "uniform": 1.0,
    "homologous": 1.0,
    "blend_recipe": 0.5,
}
DEFAULT_MUTATIONS = {
    "layers": {
        "add_gene": 1.5,
        "remove_gene": 1.0,
        "duplicate_gene": 0.5,
        "move_gene": 0.5,
        "swap_kind": 0.5,
        "rewire_link": 0.5,
        "widen": 1.0,
        "narrow": 1.0,
        "alter_kernel": 0.5,
        "alter_stride": 0.5,
        "alter_activation": 0.5,
        "alter_gene": 0.5,
    },
    "backbone": {"alter_backbone": 2.0},
    "head": {"alter_head": 1.0},
    "recipe": {"alter_recipe": 2.0, "resample_recipe": 0.5},
}
_SHORT_NAMES = {reference_of(kind): name for name, kind in {**CROSSOVERS, **MUTATIONS}.items()}
_ARGUMENTS = {DeapCrossover: ("mother", "father", "space", "rng"), DeapMutation: ("parent", "space", "rng")}
_DEAP_PREFIXES = {DeapCrossover: "cx", DeapMutation: "mut"}


def default_crossovers(segments: Sequence[str]) -> tuple[Weighted[Any], ...]:
    """Return the crossovers of a search that names none: those that can vary a segment that evolves."""
    alone = {"homologous": "layers", "blend_recipe": "recipe"}
    shares = DEFAULT_CROSSOVERS.items()
    return tuple(
        Weighted(name, CROSSOVERS[name](), weight)
        for name, weight in shares
        if alone.get(name, segments[0]) in segments
    )


def default_mutations(segments: Sequence[str]) -> tuple[Weighted[Any], ...]:
    """Return the mutations of a search that names none: those of the segments that evolve."""
    shares = {name: weight for segment in segments for name, weight in DEFAULT_MUTATIONS[segment].items()}
    return tuple(Weighted(name, MUTATIONS[name](), weight) for name, weight in shares.items())


def segment_of(name: str) -> str | None:
    """Return the segment that a mutation of the package acts on; None for one of somebody's own."""
    plain = name.split("#", maxsplit=1)[0]
    if plain not in MUTATIONS:
        return None
    return next((s for s in ("backbone", "head", "recipe") if plain in DEFAULT_MUTATIONS[s]), "layers")


def crossover_named(value: object, folder: Path | None) -> Weighted[Any]:
    """Return a crossover from a name, a table with `use`, `weight` and arguments, or the object itself."""
    return _operator(value, CROSSOVERS, DeapCrossover, folder)


def mutation_named(value: object, folder: Path | None) -> Weighted[Any]:
    """Return a mutation from a name, a table with `use`, `weight` and arguments, or the object itself."""
    return _operator(value, MUTATIONS, DeapMutation, folder)


def _operator(
    value: object, known: Mapping[str, Callable[..., Any]], adapter: type[Any], folder: Path | None
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
    name = _name_of(use)
    try:
        operator = _resolved(use, arguments, known, adapter, folder)
        _check_call(operator, _ARGUMENTS[adapter])
        return Weighted(name, operator, float(weight))
    except TypeError as error:
        kind = known.get(str(use))
        permitted = ["weight", *(f.name for f in fields(kind))] if kind else []  # type: ignore[arg-type]
        wrong = next((argument for argument in arguments if argument not in permitted), None)
        if permitted and wrong:
            hint = did_you_mean(wrong, permitted) or "; leave it out"
            message = f"operator '{name}' must have arguments among {permitted}, but one was '{wrong}'{hint}"
        else:
            message = f"operator '{name}' must accept its arguments {arguments}, but: {error}; correct them"
        raise ExperimentError(message) from error


def _resolved(
    use: object,
    arguments: dict[str, Any],
    known: Mapping[str, Callable[..., Any]],
    adapter: type[Any],
    folder: Path | None,
) -> Callable[..., Any]:
    function: Callable[..., Any]
    if isinstance(use, str) and use in known:
        function = known[use](**arguments)
        return function
    if isinstance(use, str) and use.startswith("deap:"):
        prefix = _DEAP_PREFIXES[adapter]
        if not use.startswith(f"deap:{prefix}"):
            message = f"a DEAP operator must begin with '{prefix}' here, but it was '{use}'; see deap.tools"
            raise ExperimentError(message)
        function = adapter(deap_operator(use.removeprefix("deap:")), arguments)
        return function
    if isinstance(use, str) and ":" not in use:
        hint = did_you_mean(use, known) or "; name your own as module:name, DEAP's as deap:name"
        message = f"an operator must be one of {sorted(known)}, but it was '{use}'{hint}"
        raise ExperimentError(message)
    found: Any = load_object(use, folder) if isinstance(use, str) else use
    if isinstance(found, type):
        found, arguments = found(**arguments), {}
    if not callable(found):
        message = (
            f"operator {use!r} must be a function or a class, but it was {found!r}; name one that can "
            "be called"
        )
        raise ExperimentError(message)
    function = partial(found, **arguments) if arguments else found
    return function


def _name_of(use: object) -> str:
    """Return the name that the journal keeps: the same for an object as for what names it in a file."""
    reference = use if isinstance(use, str) else reference_of(use)
    if reference is None:
        return str(getattr(use, "__name__", type(use).__name__))
    return _SHORT_NAMES.get(reference, reference)


def _check_call(operator: Any, names: tuple[str, ...]) -> None:
    """Raise TypeError where an operator cannot be called with what breeding gives it."""
    arguments: Mapping[str, Any] = {}
    if isinstance(operator, DeapCrossover | DeapMutation):
        operator, names, arguments = operator.operator, names[:-2], operator.arguments
    elif isinstance(operator, partial) and not operator.args:
        operator, arguments = operator.func, operator.keywords
    try:
        parameters = signature(operator)
    except ValueError:
        return  # Python cannot tell those of some built-in functions
    parameters.bind(*names, **arguments)
