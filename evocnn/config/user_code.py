"""Objects that an experiment file names as `module:name`."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evocnn.errors import ExperimentError, did_you_mean


class _Refusal(NamedTuple):
    way_out: str
    leaves_names: bool


_refusal: ContextVar[_Refusal | None] = ContextVar("refusal", default=None)


@dataclass(frozen=True)
class NotImported:
    """What stands in the place of an object while nothing is imported: it can be told from others.

    Attributes:
        name: Module and name, divided by a colon.
    """

    name: str

    def __call__(self, *_arguments: Any, **_options: Any) -> Any:
        """Take whatever an object of anyone's may take.

        Raises:
            ExperimentError: Always.
        """
        message = f"'{self.name}' must be imported to be used, but it was not; load the experiment anew"
        raise ExperimentError(message)

    def __repr__(self) -> str:
        """Return the name."""
        return self.name


@contextmanager
def refusing_code(way_out: str, *, unless: bool = False, leaves_names: bool = False) -> Iterator[None]:
    """Neither import nor open what tables name, as long as this lasts: they may come from anyone.

    Args:
        way_out: What the user can do.
        unless: Whether the tables are trusted: nothing is refused.
        leaves_names: Whether `NotImported` takes the place of an object, and no error is raised.
    """
    token = _refusal.set(None if unless else _Refusal(way_out, leaves_names))
    try:
        yield
    finally:
        _refusal.reset(token)


def check_trusted(name: str, done: str) -> None:
    """Raise where tables are read that may be anyone's.

    Args:
        name: What they name.
        done: What would be done with it, such as `opened`.

    Raises:
        ExperimentError: They are.
    """
    if refusal := _refusal.get():
        message = (
            f"'{name}' must not be {done} for a file that may be anyone's, but was named; {refusal.way_out}"
        )
        raise ExperimentError(message)


def load_object(name: str, folder: Path | None) -> object:
    """Return what `module:name` names; modules beside the experiment file come first.

    Where names are left, see `refusing_code`, that is a `NotImported`.

    Args:
        name: Module and name, divided by a colon.
        folder: The experiment file's folder.

    Raises:
        ExperimentError: There is no such module or name, the module's own code fails, or none is to be run.
    """
    if (refusal := _refusal.get()) and refusal.leaves_names:
        return NotImported(name)
    check_trusted(name, "imported")
    module_name, _, attribute = name.partition(":")
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ExperimentError(_failure(name, error)) from error
        message = (
            f"'{name}' must name a module that can be imported, but there was none; put "
            f"{module_name}.py into {folder or 'a folder of sys.path'}"
        )
        raise ExperimentError(message) from error
    except (Exception, SystemExit) as error:
        raise ExperimentError(_failure(name, error)) from error
    file = getattr(module, "__file__", None) or module_name
    own = folder and folder / f"{module_name}.py"
    if own and own.is_file() and own.resolve() != Path(file).resolve():
        message = f"'{name}' must name {own}, but {file} had its name before; rename the module"
        raise ExperimentError(message)
    if not hasattr(module, attribute):
        hint = did_you_mean(attribute, vars(module)) or "; define it there"
        message = f"'{name}' must name something in {file}, but it has no '{attribute}'{hint}"
        raise ExperimentError(message)
    return getattr(module, attribute)


def _failure(name: str, error: BaseException) -> str:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    own = [f"{file}:{line}" for file, line in frames if "importlib" not in file and file != __file__]
    place = f" at {own[-1]}" if own else ""
    return f"'{name}' must import, but it raised {type(error).__name__}: {error}{place}; correct that line"
