"""Algorithms by the names that experiment files use, with options of their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from evocnn.config.references import reference_of
from evocnn.config.user_code import load_object
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.search import (
    NSGA3,
    AgingEvolution,
    Algorithm,
    DepthSweep,
    GenerationalNSGA2,
    GeneSweep,
    Grid,
    Islands,
    MapElites,
    RandomSearch,
    SteadyStateNSGA2,
    TreeParzenEstimator,
    WeightedSum,
)

ALGORITHMS: Mapping[str, Callable[..., Algorithm]] = {
    "nsga2": SteadyStateNSGA2,
    "nsga2-generational": GenerationalNSGA2,
    "nsga3": NSGA3,
    "weighted-sum": WeightedSum,
    "aging": AgingEvolution,
    "map-elites": MapElites,
    "islands": Islands,
    "random": RandomSearch,
    "tpe": TreeParzenEstimator,
    "grid": Grid,
    "depth-sweep": DepthSweep,
    "gene-sweep": GeneSweep,
}
# What every algorithm may have by naming it as an argument; see `evocnn.config.parts.algorithm_of`.
GIVEN = ("breeding", "objectives", "population", "rungs")
VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
METHODS = ("ask", "tell", "needed_states")


@dataclass(frozen=True)
class AlgorithmChoice:
    """An algorithm that is not made yet.

    Attributes:
        name: As the file says it.
        make: The class, or a function that returns an algorithm.
        options: Arguments from the file.
    """

    name: str
    make: Callable[..., Algorithm]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_population(self) -> bool:
        """Whether it keeps one, whose size the founders must not exceed."""
        return "population" in signature(self.make).parameters

    def made(self, **given: Any) -> Algorithm:
        """Return the algorithm; of `given` it gets what its arguments name.

        Raises:
            ExperimentError: It cannot be made with these options, or what is made lacks a method.
        """
        named = signature(self.make).parameters
        arguments = {**{name: value for name, value in given.items() if name in named}, **self.options}
        try:
            algorithm = self.make(**arguments)
        except TypeError as error:
            message = (
                f"algorithm '{self.name}' must accept its options {dict(self.options)}, but: {error}; "
                "correct them"
            )
            raise ExperimentError(message) from error
        except ExperimentError as error:
            message = f"algorithm '{self.name}': {error}"
            raise ExperimentError(message) from error
        lacking = [name for name in METHODS if not callable(getattr(algorithm, name, None))]
        if lacking:
            message = (
                f"algorithm '{self.name}' must have the methods {', '.join(METHODS)}, but it had no "
                f"{' and no '.join(lacking)}; add what is missing"
            )
            raise ExperimentError(message)
        return algorithm


def algorithm_named(value: object, folder: Path | None) -> AlgorithmChoice:
    """Return an algorithm from a name, a table with `use` and options, or the class itself.

    Raises:
        ExperimentError: There is no such algorithm, it has no such option, or one that it needs is missing.
    """
    options: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"use": value}
    use = options.pop("use", None)
    make = _resolved(use, folder)
    name = use if isinstance(use, str) else reference_of(use) or repr(use)
    parameters = signature(make).parameters.values()
    named = [p for p in parameters if p.name not in GIVEN and p.kind not in VARIABLE]
    own = [p.name for p in named]
    takes_any = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    wrong = next((option for option in options if option not in own), None)
    if wrong is not None and not takes_any:
        hint = did_you_mean(wrong, own) or "; leave it out"
        message = f"an option of algorithm '{name}' must be among {own}, but one was '{wrong}'{hint}"
        raise ExperimentError(message)
    missing = [p.name for p in named if p.default is Parameter.empty and p.name not in options]
    if missing:
        example = ", ".join([f"use = '{name}'", *(f"{option} = ..." for option in missing)])
        message = (
            f"algorithm '{name}' must be given {' and '.join(missing)}, but it was given "
            f"{' and '.join(options) or 'no options'}; write "
            f"search.algorithm = {{ {example} }}"
        )
        raise ExperimentError(message)
    return AlgorithmChoice(name, make, options)


def _resolved(use: object, folder: Path | None) -> Callable[..., Algorithm]:
    if isinstance(use, str) and ":" not in use and use not in ALGORITHMS:
        hint = did_you_mean(use, ALGORITHMS) or "; name your own as module:Class"
        message = f"an algorithm must be one of {list(ALGORITHMS)}, but it was '{use}'{hint}"
        raise ExperimentError(message)
    found: Any = ALGORITHMS.get(use) or load_object(use, folder) if isinstance(use, str) else use
    if not callable(found):
        message = (
            f"an algorithm must be a name, a class or a table such as {{ use = 'nsga2' }}, but it was "
            f"{use!r}; name one"
        )
        raise ExperimentError(message)
    make: Callable[..., Algorithm] = found
    return make
