"""Everything that evocnn raises on purpose.

The tree::

    EvocnnError
    ├── ExperimentError       the experiment file or an option is wrong
    ├── DataError             the images or labels cannot be used
    ├── GeneError             a gene or a chromosome breaks a rule of its own
    ├── SpaceError            the search space contradicts itself
    ├── OperatorError         an operator returned something that is no offspring
    ├── ConformanceError      a gene or an operator breaks a rule that evocnn relies on
    ├── ExportError           a model cannot be written in a form, or the file gives something else
    ├── WorkerError           workers cannot be started or reached
    └── JournalError          the run folder cannot be read, written or continued
        ├── ReplayError       the journal holds another search than the one that is resumed
        └── RunLockedError    another process works on the run

Messages read `<thing> must <rule>, but it was <value>; <what to do>`. Each class hands its
arguments to `Exception`, so that all of them pickle and cross Ray unharmed.
"""

import os
import re
import sysconfig
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

_LIBRARIES = (str(Path(__file__).resolve().parent) + os.sep, sysconfig.get_path("stdlib") + os.sep, "<frozen")
# All but tab and line feed, those that turn the direction of writing, and halves of letters.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class EvocnnError(Exception):
    """Base of all errors that evocnn raises on purpose."""


class ExperimentError(EvocnnError):
    """The experiment file or a command-line option is wrong."""


class DataError(EvocnnError):
    """Images or labels are missing, unreadable or unusable."""


class GeneError(EvocnnError, ValueError):
    """A gene or a chromosome breaks a rule of its own."""


class SpaceError(EvocnnError, ValueError):
    """A search space contradicts itself, for instance by limits that nothing can meet."""


class OperatorError(EvocnnError):
    """An operator returned something that is no offspring, or changed its parent."""


class ConformanceError(EvocnnError):
    """A gene or an operator of one's own breaks a rule that evocnn relies on; see `evocnn.testing`."""


class ExportError(EvocnnError):
    """A model cannot be written in a form, or the file that was written gives something else."""


class WorkerError(EvocnnError):
    """Workers cannot be started or reached."""


class JournalError(EvocnnError):
    """The run folder cannot be read, written or continued."""


class ReplayError(JournalError):
    """The journal holds another search than the one that is being resumed."""


class RunLockedError(JournalError):
    """Another process works on the run."""


def text_of(error: BaseException) -> str:
    """Return an exception's text; nothing where its class, perhaps the user's own, has a mistake there."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever is raised, the first exception is what is to be told
        return ""


def own_line(error: BaseException, file: str = "") -> str:
    """Return ` at FILE:LINE (SOURCE)`, the last line of the user's own code that an exception went through.

    Args:
        error: The exception.
        file: The file that counts as the user's own; else all outside this package, Python and libraries.

    Returns:
        Nothing where no such line is known.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if (frame.filename == file if file else _is_own(frame.filename))]
    if not own:
        return ""
    source = f" ({own[-1].line})" if own[-1].line else ""
    return f" at {own[-1].filename}:{own[-1].lineno}{source}"


def _is_own(file: str) -> bool:
    return not file.startswith(_LIBRARIES) and "site-packages" not in file


def printable(text: str) -> str:
    """Return a text with control characters spelt out, lines aside.

    Names in files that may be anyone's could otherwise give commands to a terminal.
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the nearest of some words, or nothing where none is near."""
    plain = {known.lower(): known for known in words}
    near = get_close_matches(word.lower(), list(plain), n=1)
    return f"; did you mean '{plain[near[0]]}'?" if near else ""
