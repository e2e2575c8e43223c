"""Reading an experiment file: values, the line of each key, and mistakes in words."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evocnn.errors import ExperimentError, did_you_mean

MAX_BYTES = 1_000_000
Place = tuple[str | int, ...]


def read_toml(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    """Return a file's values and the line of each key.

    Raises:
        ExperimentError: There is no such file, or it is no TOML.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"experiment file '{path}' must be readable, but: {error.strerror}; check the path"
        raise ExperimentError(message) from error
    if len(data) > MAX_BYTES:
        message = (
            f"experiment file '{path}' must be at most {MAX_BYTES} bytes, but it was {len(data)}; give "
            "another file"
        )
        raise ExperimentError(message)
    try:
        text = data.decode()
        return tomllib.loads(text), _lines(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"experiment file '{path}' must be TOML in UTF-8, but: {error}; correct it there"
        raise ExperimentError(message) from error


def _lines(text: str) -> dict[Place, int]:
    """Return the 1-based line of each table header and key; keys of inline tables have none."""
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        key = re.match(r"\s*([\w\"'.:-]+)\s*=", line)
        if header:
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            lines.setdefault(table, number)
        elif key:
            lines.setdefault((*table, *key[1].replace('"', "").replace("'", "").split(".")), number)
    return lines


def set_value(values: dict[str, Any], setting: str) -> Place:
    """Apply `key=value` of the command line to a file's values and return the key's place.

    The value is read as TOML, and as plain text where it is none.

    Raises:
        ExperimentError: There is no `=`, or the key leads through something that is no table.
    """
    key, sign, text = setting.partition("=")
    if not sign or not key.strip():
        message = (
            f"--set must be given as key=value, but it was '{setting}'; for example --set search.budget=50"
        )
        raise ExperimentError(message)
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = place = tuple(part.strip() for part in key.split("."))
    target = values
    for table in tables:
        target = target.setdefault(table, {})
        if not isinstance(target, dict):
            message = (
                f"--set {setting} must lead through tables, but '{table}' was {target!r}; correct the key"
            )
            raise ExperimentError(message)
    target[last] = value
    return place


def explain(
    error: ValidationError, source: str, lines: Mapping[Place, int], known: Mapping[str, Sequence[str]]
) -> str:
    """Return all mistakes of an experiment, a line each: place, key, value, what is allowed.

    Args:
        error: What pydantic found.
        source: The file's name.
        lines: The line of each key.
        known: The names that each table knows, by dotted table.
    """
    return "\n".join(_explain_one(dict(mistake), source, lines, known) for mistake in error.errors())


def _explain_one(
    mistake: dict[str, Any], source: str, lines: Mapping[Place, int], known: Mapping[str, Sequence[str]]
) -> str:
    place: Place = tuple(mistake["loc"])
    line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None)
    start = f"{source}:{line}: " if line else f"{source}: "
    key = ".".join(map(str, place))
    if mistake["type"] == "extra_forbidden":
        names = known.get(".".join(map(str, place[:-1])), ())
        hint = did_you_mean(str(place[-1]), names)
        return f"{start}'{key}' is not known; known here: {', '.join(names)}{hint}"
    if mistake["type"] == "missing":
        return f"{start}'{key}' must be given, but it was missing; add it"
    message = str(mistake.get("ctx", {}).get("error", mistake["msg"]))
    if mistake["type"] == "value_error":
        return f"{start}'{key}': {message}"
    rule = re.sub(r"^Input should be ", "", message)
    hint = did_you_mean(str(mistake["input"]), re.findall(r"'([^']+)'", rule))
    return f"{start}'{key}' must be {rule}, but it was {mistake['input']!r}{hint or '; correct the value'}"
