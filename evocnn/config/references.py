"""An experiment's tables as plain JSON, from which the same experiment can be made again."""

import re
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from evocnn.config.user_code import NotImported
from evocnn.genotype import JSON, Choice, Range
from evocnn.operators import DeapCrossover, DeapMutation, Weighted, deap_name
from evocnn.search import Budget


def to_plain(value: Any) -> JSON:
    """Return tables in which every object stands as the name that imports it again.

    A function or class becomes `module:name`, an operator a table with `use` and its fields. What
    cannot be imported from elsewhere, because it was defined in a script or a closure, becomes
    what it prints; such a run is opened with its experiment given in Python.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        plain = {str(key): to_plain(item) for key, item in value.items()}
        used = plain.get("use")  # a table around an operator that is a table itself
        return {**plain, **used} if isinstance(used, dict) else plain
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    written = _as_written(value)
    if written is not None:
        return to_plain(written)
    reference = reference_of(value)
    if reference is None or isinstance(value, type) or not is_dataclass(value):
        return reference or re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    arguments = {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, DeapCrossover | DeapMutation):
        arguments = dict(value.arguments)
    return to_plain({"use": reference, **arguments})


def _as_written(value: Any) -> Any:
    """Return how a file writes alleles, an operator, a budget, what was not imported; None for the rest."""
    written: Any = None
    match value:
        case Choice(values):
            written = list(values)
        case Range(low, high, log):
            written = {"low": low, "high": high, "scale": "log" if log else "linear"}
        case Weighted(_, operator, weight):
            written = {"use": operator, "weight": weight}
        case Budget(int(evaluations), None, None):
            written = evaluations
        case Budget(None, float(seconds), None) if seconds.is_integer():
            written = f"{int(seconds)}s"
        case Budget(None, None, int(epochs)):
            written = f"{epochs} epochs"
        case Budget() | NotImported():
            written = repr(value)
    return written


def reference_of(value: Any) -> str | None:
    """Return what names a function, a class or an operator: `module:name` or `deap:name`.

    None where importing that name does not give it again, for instance for a lambda.
    """
    if isinstance(value, DeapCrossover | DeapMutation):
        name = deap_name(value.operator)
        return f"deap:{name}" if name else None
    value = type(value) if is_dataclass(value) and not isinstance(value, type) else value
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if module == "__main__" or getattr(sys.modules.get(str(module)), name, None) is not value:
        return None
    return f"{module}:{name}"
