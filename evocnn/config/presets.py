"""Named search spaces, as files of the package, and how an experiment extends one."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from evocnn.errors import ExperimentError, did_you_mean

_FOLDER = files("evocnn.config") / "presets"


@cache
def preset_names() -> tuple[str, ...]:
    """Return the names of the presets."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in _FOLDER.iterdir() if f.name.endswith(".toml")))


def extended(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return a [space] table with its preset filled in below what the table says itself.

    Tables are merged key by key; lists, ranges and single values replace the preset's; `false`
    in place of what the preset has, such as a layer gene's table, leaves that out.

    Raises:
        ExperimentError: There is no such preset.
    """
    name = space.get("preset")
    if name is None:
        return dict(space)
    if name not in preset_names():
        hint = did_you_mean(str(name), preset_names()) or "; choose one"
        message = f"a preset must be one of {', '.join(preset_names())}, but it was {name!r}{hint}"
        raise ExperimentError(message)
    own = {key: value for key, value in space.items() if key != "preset"}
    merged = _merged(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")), own)
    limits = own.get("limits")
    depth = limits.get("depth") if isinstance(limits, Mapping) else None
    if type(depth) is int and depth >= 1 and "founder_depth" not in own:  # the preset's follows a lower limit
        merged["founder_depth"] = [min(value, depth) for value in merged["founder_depth"]]
    return merged


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        if value is False and key in result:
            del result[key]
        elif _is_table(value) and _is_table(result.get(key)):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _is_table(value: Any) -> bool:
    """Return whether a value is a table that is merged; a range is replaced as a whole."""
    return isinstance(value, Mapping) and not {"low", "high"} & set(value)
