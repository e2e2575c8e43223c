"""The [search] table: the algorithm, its operators and its budget."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from evocnn.config.algorithm_names import ALGORITHMS, AlgorithmChoice, algorithm_named
from evocnn.config.operator_names import crossover_named, mutation_named
from evocnn.config.settings import Settings, folder_of, guarded
from evocnn.config.toml import Mistakes
from evocnn.errors import ExperimentError
from evocnn.operators import Weighted
from evocnn.search import Budget, Rungs

_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_budget(value: object) -> Budget:
    """Return a budget: `200` or `200 evaluations`, `500 epochs`, or `90s`, `10m`, `2h` of time.

    Raises:
        ExperimentError: The value is none of these.
    """
    text = str(value).strip() if type(value) in (int, str) else ""
    match = re.fullmatch(r"(\d{1,9})([smh]| epochs| evaluations|)", text)
    if not match or int(match[1]) < 1:
        message = (
            f"a budget must be a number of evaluations, of epochs or a time, but it was {value!r}; write "
            "200, '500 epochs', 90s, 10m or 2h"
        )
        raise ExperimentError(message)
    amount, unit = int(match[1]), match[2].strip()
    if unit in _UNITS:
        return Budget(seconds=float(amount * _UNITS[unit]))
    return Budget(epochs=amount) if unit == "epochs" else Budget(evaluations=amount)


def _rungs(value: object) -> object:
    """Return the shares of rungs, checked; what is no list of numbers as it is."""
    if not isinstance(value, list | tuple):
        return value
    shares = tuple(value)
    return Rungs(shares).shares if all(type(share) in (int, float) for share in shares) else shares


def _each(named: Any) -> Any:
    def convert(value: object, info: ValidationInfo) -> object:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return value
        result = []
        mistakes = Mistakes()
        for index, item in enumerate(value):
            with mistakes.at(index):
                result.append(item if isinstance(item, Weighted) else named(item, folder_of(info)))
        mistakes.raise_any()
        return _distinctly_named(result)

    return convert


def _distinctly_named(operators: list[Weighted[Any]]) -> tuple[Weighted[Any], ...]:
    """Return the operators; the second of a name is `name#2`, since credit and rates go by names."""
    seen: Counter[str] = Counter()
    result = []
    for operator in operators:
        seen[operator.name] += 1
        n = seen[operator.name]
        result.append(operator if n == 1 else replace(operator, name=f"{operator.name}#{n}"))
    return tuple(result)


class SearchSettings(Settings):
    """The algorithm, its operators and its budget."""

    algorithm: Annotated[
        AlgorithmChoice, guarded(lambda value, info: algorithm_named(value, folder_of(info)))
    ] = AlgorithmChoice("nsga2", ALGORITHMS["nsga2"])
    population: int = Field(default=24, ge=2, le=100_000)
    window: int = Field(default=8, ge=1, le=100_000)
    budget: Annotated[
        Budget, guarded(lambda value, _: value if isinstance(value, Budget) else parse_budget(value))
    ] = Budget(evaluations=100)
    rungs: Annotated[tuple[float, ...], guarded(lambda value, _: _rungs(value))] = Rungs().shares
    inherit: float | None = Field(default=None, gt=0, le=1)
    confirm: float | None = Field(default=None, gt=0, lt=1)
    crossover_rate: float = Field(default=0.5, ge=0, le=1)
    mutation_rate: float = Field(default=0.7, ge=0, le=1)
    crossover: Annotated[tuple[Weighted[Any], ...], guarded(_each(crossover_named))] | None = None
    mutation: Annotated[tuple[Weighted[Any], ...], guarded(_each(mutation_named))] | None = None
    rates: Literal["fixed", "self-adaptive", "credit"] = "fixed"
    reject: Literal["predictor", "naswot", "jacobian-covariance", "synflow"] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mutation == () and self.algorithm.name != "random":
            message = (
                "a search must have at least one mutation, but mutation was []; name one or leave the key out"
            )
            raise ValueError(message)
        return self
