"""A page that is rendered when it has changed, and no more often than that leaves room for other work."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from html import escape
from threading import Thread
from threading import enumerate as enumerate_threads
from time import monotonic
from typing import TypeVar

from evocnn.errors import EvocnnError

T = TypeVar("T")

LOOK_SECONDS = 1.0  # between two looks at what a page is made of
LEAST_PAUSE = 3.0  # seconds between two renderings
OUTDATED_SECONDS = 10.0  # since a look, after which a page is looked at anew before it is shown
RENDERING = "rendering"  # the name of a thread that does
PAUSE_SHARE = 4.0  # of what a rendering took: a large run's page takes a core for a fifth of the time at most


class LivePage:
    """A page with a version, of which the last rendering is kept.

    Looking and rendering happen in a thread, one at a time, and nobody waits for them but who asks for a
    page that was never rendered, or that nobody has looked at for long.

    Args:
        look: Reads what is new, and returns the version that the page would have.
        render: Returns the page of what was read last; told the version, which it may hold.

    Attributes:
        version: The version of the last rendering; empty before the first.
    """

    def __init__(self, look: Callable[[], str], render: Callable[[str], str]) -> None:
        self.version = ""
        self._look = look
        self._render = render
        self._text = ""
        self._looked = self._next = 0.0
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def text(self) -> str:
        """Return the last rendering; where it is missing or may be long outdated, a new one."""
        if not self._text or monotonic() - self._looked > OUTDATED_SECONDS:
            await self._refresh()
        return self._text

    async def current(self) -> str:
        """Return the version of the last rendering, and see to a newer one where it is time for that."""
        if not self._busy.locked() and monotonic() >= max(self._looked + LOOK_SECONDS, self._next):
            task = asyncio.create_task(self._refresh())
            self._tasks.add(task)  # or it could be collected while it runs
            task.add_done_callback(self._tasks.discard)
        return self.version

    async def _refresh(self) -> None:
        async with self._busy:
            start, is_new = monotonic(), True
            try:
                self.version, self._text, is_new = await in_thread(self._rendered)
            finally:
                self._looked = monotonic()
                if is_new:
                    self._next = self._looked + max(LEAST_PAUSE, PAUSE_SHARE * (self._looked - start))

    def _rendered(self) -> tuple[str, str, bool]:
        """Return version and text, and whether these are new."""
        try:
            version = self._look()
            if version == self.version and self._text:
                return self.version, self._text, False
            return version, self._render(version), True
        except EvocnnError as error:
            return str(error), _apology(str(error)), str(error) != self.version


async def in_thread(function: Callable[[], T]) -> T:
    """Return what a function returns in a thread of its own.

    The program ends only after it: Python tears down a daemon thread in the middle of what it does, and some
    libraries that draw then abort the whole process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(set_value: Callable[[], None]) -> None:
        if not future.done():
            set_value()

    def work() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - told to who waits
            told, reason = future.set_exception, error
            finished = lambda: told(reason)  # noqa: E731
        else:
            finished = lambda: future.set_result(result)  # noqa: E731
        with suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(finish, finished)

    Thread(target=work, name=RENDERING).start()
    return await future


def renderings() -> list[Thread]:
    """Return the threads that read or render a page, for which the end of the program waits."""
    return [thread for thread in enumerate_threads() if thread.name == RENDERING]


def _apology(reason: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>evocnn</title><body><main><h1>'
        f"This page cannot be shown</h1><p>{escape(reason)}</p></main></body></html>"
    )
