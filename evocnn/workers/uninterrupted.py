"""Signals while Ray starts or ends: said at once, obeyed when it has done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ray start or end as a whole, and keep the program's handlers of SIGINT and SIGTERM.

    Ray that is interrupted there ends the process with code 1 later on, so a KeyboardInterrupt is held back
    until it has done. While it starts it sets handlers of SIGTERM, which end the process at once or write
    a trace; setting ours again replaces them. Handlers are heard in the main thread alone.

    SIGHUP waits, too, and for ever in the processes that Ray starts: a terminal that is closed sends it to
    all of them, and they have to outlive it until the search has ended.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    is_main = current_thread() is main_thread()
    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM) if is_main else ()
    own = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    interrupts: list[KeyboardInterrupt] = []

    def handle(number: int, frame: FrameType | None) -> None:
        try:
            own[number](number, frame)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)

    def set_others(number: int, handler: Any) -> Any:
        return own.get(number) or set_handler(number, handler)

    set_handler = signal.signal
    for number in own:
        set_handler(number, handle)
    signal.signal = set_others  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = set_handler
        for number, handler in own.items():
            set_handler(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if interrupts:
            raise interrupts[0]
