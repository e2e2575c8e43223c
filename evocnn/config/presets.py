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
    in place of a layer gene's table leaves the gene out.

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
    return _merged(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")), own)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        if value is False:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping) and not _is_range(value):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _is_range(value: Mapping[str, Any]) -> bool:
    return "low" in value or "high" in value
