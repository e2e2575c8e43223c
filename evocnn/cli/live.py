"""The live view: the picture of a search, drawn again twice a second on a screen of its own."""

import io
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from rich.console import Console, Group
from rich.live import Live

from evocnn.cli.frame import HEIGHT, WIDTH

PICTURES_A_SECOND = 2
MOST_LINES = 100  # that are kept of what is written meanwhile


class Kept(io.TextIOBase):
    """Takes the place of a terminal that shows a picture, and keeps the last lines that are written to it."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque([""], maxlen=MOST_LINES)

    def write(self, text: str, /) -> int:
        """Keep a text."""
        first, *others = text.split("\n")
        self._lines[-1] += first
        self._lines.extend(others)
        return len(text)

    @property
    def lines(self) -> list[str]:
        """The lines, those that are empty aside."""
        return [line for line in tuple(self._lines) if line.strip()]


def has_room(console: Console) -> bool:
    """Return whether a console is a terminal that can show the picture."""
    is_able = console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only
    return is_able and console.width >= WIDTH and console.height >= HEIGHT


@contextmanager
def live(picture: Callable[[int, int, list[str]], Group], console: Console) -> Iterator[None]:
    """Show a picture until the context ends, then write what was written meanwhile.

    Args:
        picture: Draws it, given columns, rows and the lines that were written so far; called in a thread
            of its own.
        console: Where it is shown: one with a file, for whatever stdout and stderr are is led elsewhere.
    """
    kept = Kept()
    view = Live(
        console=console,
        screen=True,
        refresh_per_second=PICTURES_A_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
        get_renderable=lambda: picture(console.width, console.height, kept.lines),
    )
    try:
        with redirect_stdout(kept), redirect_stderr(kept), view:
            yield
    finally:
        for line in kept.lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
