"""An experiment's tables as plain JSON, from which the same experiment can be made again."""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from evocnn.genotype import JSON
from evocnn.operators import DeapCrossover, DeapMutation, deap_name


def to_plain(value: Any) -> JSON:
    """Return tables in which every object stands as the name that imports it again.

    A function or class becomes `module:name`, an operator a table with `use` and its fields. What
    cannot be imported from elsewhere, because it was defined in a script or a closure, becomes
    what it prints; such a run is opened with its experiment given in Python.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, DeapCrossover | DeapMutation):
        name = deap_name(value.operator)
        return {"use": f"deap:{name}", **value.arguments} if name else repr(value)
    if isinstance(value, type) or not is_dataclass(value):
        return _name_of(value) or repr(value)
    use = _name_of(type(value))
    return (
        {"use": use, **{f.name: to_plain(getattr(value, f.name)) for f in fields(value)}}
        if use
        else repr(value)
    )


def _name_of(value: Any) -> str | None:
    """Return `module:name` where importing that gives the very object, else None."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if module == "__main__" or getattr(sys.modules.get(str(module)), name, None) is not value:
        return None
    return f"{module}:{name}"
