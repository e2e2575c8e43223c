"""Objects that an experiment file names as `module:name`."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from evocnn.errors import ExperimentError, did_you_mean

_refusal: ContextVar[str] = ContextVar("refusal", default="")  # what is to be done instead of an import


@contextmanager
def refusing_code(way_out: str) -> Iterator[None]:
    """Refuse to import anything that tables name, as long as this lasts: they may come from anyone.

    Args:
        way_out: What the user can do.
    """
    token = _refusal.set(way_out)
    try:
        yield
    finally:
        _refusal.reset(token)


def load_object(name: str, folder: Path | None) -> object:
    """Return what `module:name` names; modules beside the experiment file come first.

    Args:
        name: Module and name, divided by a colon.
        folder: The experiment file's folder.

    Raises:
        ExperimentError: There is no such module or name, the module's own code fails, or none is to be run.
    """
    if way_out := _refusal.get():
        message = f"'{name}' must not be imported for a file that may be anyone's, but was named; {way_out}"
        raise ExperimentError(message)
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
