"""Reading an experiment file: values, the line of each key, and mistakes in words."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from evocnn.errors import ExperimentError, GeneError, SpaceError, did_you_mean
from evocnn.store.journal import FILE_NAME as RUN_FILE

MAX_BYTES = 1_000_000
MAX_DEPTH = 30  # tables and lists within each other
MAX_SHOWN = 200  # characters of a wrong value
MAX_NAMED = 5  # files that are offered
COMMAND_LINE = 0  # in place of a line, for what was set with --set
Place = tuple[str | int, ...]


def read_toml(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    """Return a file's values and the line of each key.

    Raises:
        ExperimentError: There is no such file, or it is no TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # a device never ends
    except OSError as error:
        message = f"experiment file '{path}' must be readable, but: {error.strerror}; {_way_out(path)}"
        raise ExperimentError(message) from error
    if len(data) > MAX_BYTES:
        message = (
            f"experiment file '{path}' must be at most {MAX_BYTES} bytes, but it was longer; give another "
            "file"
        )
        raise ExperimentError(message)
    try:
        text = data.decode("utf-8-sig")  # some editors begin a file with a mark
        values = tomllib.loads(text)
    except RecursionError as error:
        message = (
            f"experiment file '{path}' must be nested at most {MAX_DEPTH} deep, but it was too deep to be "
            "read; correct it there"
        )
        raise ExperimentError(message) from error
    except ValueError as error:  # no UTF-8, no TOML, thousands of digits
        message = f"experiment file '{path}' must be TOML in UTF-8, but: {error}; correct it there"
        raise ExperimentError(message) from error
    return values, _lines(text, values)


def _way_out(path: Path) -> str:
    """Return what may have been meant by a path that is no file."""
    folder = path if path.is_dir() else path.parent
    if path.is_dir() and (path / RUN_FILE).exists():
        return f"it holds a run, which goes on with: evocnn resume {quote(str(path))}"
    try:
        names = sorted(one.name for one in folder.iterdir() if one.suffix == ".toml" and one.is_file())
    except OSError:
        return f"'{folder}' is no folder that can be read either; check the path"
    if path.is_dir():
        inside = ", ".join(str(path / name) for name in names[:MAX_NAMED])
        return f"name a file in it: {inside}" if names else "name a file"
    near = get_close_matches(path.name, [name for name in names if name != path.name], n=1)
    return f"did you mean '{folder / near[0]}'?" if near else "check the path, or make one with evocnn init"


def _lines(text: str, values: Mapping[str, Any]) -> dict[Place, int]:
    """Return the 1-based line of each table header and key; keys of inline tables have none."""
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        key = re.match(r"\s*([\w\"'.:-]+)\s*=", line)
        named = tuple(part.strip().strip("\"'") for part in header[1].split(".")) if header else ()
        if named and _is_table(values, named):  # not a line such as `[32],` within a list
            table = named
            lines.setdefault(table, number)
        elif key:
            lines.setdefault((*table, *key[1].replace('"', "").replace("'", "").split(".")), number)
    return lines


def _is_table(values: Any, place: Place) -> bool:
    for key in place:
        values = values.get(key) if isinstance(values, dict) else None
    return isinstance(values, dict)


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
    except (ValueError, RecursionError):
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


class Mistakes:
    """Gathers mistakes below the value that a validator looks at: each is told at its own place."""

    def __init__(self) -> None:
        self._found: list[InitErrorDetails] = []

    @contextmanager
    def at(self, *place: str | int) -> Iterator[None]:
        """Take an error as a mistake at a place, counted from the value."""
        try:
            yield
        except ValidationError as error:
            for mistake in error.errors():
                self._add((*place, *mistake["loc"]), mistake["msg"])
        except (ExperimentError, SpaceError, GeneError) as error:
            self._add(place, str(error))

    def raise_any(self) -> None:
        """Raise what was found, if anything.

        Raises:
            ValidationError: At least one mistake was found.
        """
        if self._found:
            raise ValidationError.from_exception_data("experiment", self._found)

    def _add(self, place: Place, message: str) -> None:
        error = PydanticCustomError("value_error", message)
        self._found.append(InitErrorDetails(type=error, loc=place, input=None))


def check_extent(tables: Mapping[str, Any]) -> None:
    """Raise where a number or a nesting is larger than what comes next can bear.

    That is a whole number of more than the 64 bits that TOML promises, which would overflow, and tables and
    lists more than `MAX_DEPTH` deep, which would exhaust Python's stack.

    Raises:
        ValidationError: There are such values.
    """
    mistakes = Mistakes()
    for place, value in _leaves(tables):
        with mistakes.at(*place):
            if type(value) is int and not -(2**63) <= value < 2**63:
                message = f"a number must be within 64 bits, but it was {_shown(value)}; correct it"
                raise ExperimentError(message)
            if isinstance(value, Mapping | list | tuple):
                message = (
                    f"tables and lists must be at most {MAX_DEPTH} deep, but these were deeper; take them out"
                )
                raise ExperimentError(message)
    mistakes.raise_any()


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield all values that are no tables or lists, and those that lie too deep."""
    if len(place) > MAX_DEPTH:
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, index))
    else:
        yield place, value


def explain(
    error: ValidationError, source: str, lines: Mapping[Place, int], known: Mapping[str, Sequence[str]]
) -> str:
    """Return all mistakes of an experiment, a line each: place, key, value, what is allowed.

    Args:
        error: What pydantic found.
        source: The file's name.
        lines: The line of each key, `COMMAND_LINE` where it was set there.
        known: The names that each table knows, by dotted table.
    """
    return "\n".join(_explain_one(dict(mistake), source, lines, known) for mistake in error.errors())


def _explain_one(
    mistake: dict[str, Any], source: str, lines: Mapping[Place, int], known: Mapping[str, Sequence[str]]
) -> str:
    place: Place = tuple(mistake["loc"])
    line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None)
    start = f"{source}: " if line is None else f"{source}:{line}: "
    if line == COMMAND_LINE:
        start = f"{source} as changed on the command line: "
    key = ".".join(map(str, place))
    if mistake["type"] == "extra_forbidden":
        names = known.get(".".join(map(str, place[:-1]))) or known.get(f"{place[0]}.*", ())
        hint = did_you_mean(str(place[-1]), names)
        return f"{start}'{key}' is not known; known here: {', '.join(names)}{hint}"
    if mistake["type"] == "missing":
        return f"{start}'{key}' must be given, but it was missing; add it"
    message = str(mistake.get("ctx", {}).get("error", mistake["msg"]))
    if mistake["type"] == "value_error":
        return f"{start}'{key}': {message}"
    rule = message
    for pydantic, ours in _WORDING.items():
        rule = re.sub(pydantic, ours, rule)
    value = _shown(mistake["input"])
    hint = did_you_mean(value.strip("'"), re.findall(r"'([^']+)'", rule))
    return f"{start}'{key}' must {rule}, but it was {value}{hint or '; correct the value'}"


_WORDING = {
    r"^\w+ should ": "",
    r"a valid dictionary( or instance of \w+)?": "a table",
    r"a valid tuple": "a list",
    r" after validation, not \d+$": "",
}


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python prints no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
