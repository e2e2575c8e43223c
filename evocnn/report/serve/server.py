"""The web server: listens on this machine alone, answers GET alone, reads no file that an address names."""

import asyncio
import json
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, HTTPError, RequestHandler

from evocnn.errors import ExperimentError
from evocnn.report.page import page
from evocnn.report.serve.index import TEMPLATE, index_page
from evocnn.report.serve.live_page import LivePage
from evocnn.report.serve.live_run import LiveRun

LOOPBACK = "127.0.0.1"
# A page of another host could have its name lead here and read what it likes (DNS rebinding): browsers then
# still send that name.
HOSTS = ("localhost", LOOPBACK, "[::1]")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the pages say the rest themselves
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Handler(RequestHandler):
    """Refuses what no browser of this machine would ask, and writes plain errors."""

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    def prepare(self) -> None:
        if self.request.host_name not in HOSTS:
            raise HTTPError(403)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")


class _Missing(_Handler):
    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404)


class _Page(_Handler):
    def initialize(self, pages: Sequence[LivePage]) -> None:
        self._pages = pages

    async def get(self, number: str = "0") -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        await self.finish(await self._chosen(number).text())

    async def head(self, number: str = "0") -> None:
        self._chosen(number)

    def _chosen(self, number: str) -> LivePage:
        if int(number) >= len(self._pages):
            raise HTTPError(404)
        return self._pages[int(number)]


class _Version(_Page):
    async def get(self, number: str = "0") -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        await self.finish(await self._chosen(number).current())


class _First(_Handler):
    def get(self) -> None:
        self.redirect("/runs/0")


def application(runs: Sequence[LiveRun]) -> Application:
    """Return the web application: an index at `/`, the page of each run at `/runs/NUMBER`.

    Where there is a single run, `/` leads to it.

    Args:
        runs: The runs.
    """
    poll = (TEMPLATE / "poll.js").read_text(encoding="utf-8")

    def script(version: str) -> str:
        return poll.replace("VERSION", json.dumps(version).replace("<", "\\u003c"), 1)

    def look(some: Sequence[LiveRun]) -> str:
        for run in some:
            run.look()
        return "\n".join(run.version for run in some)

    def live(some: Sequence[LiveRun], render: Callable[[str], str]) -> LivePage:
        return LivePage(partial(look, some), render)

    pages = [
        live([run], lambda version, run=run: page(run.run(), script=script(version)))  # type: ignore[misc]
        for run in runs
    ]
    # A look takes news from a run once, so the index follows the runs with eyes of its own.
    followed = [LiveRun(run.folder) for run in runs] if len(runs) > 1 else []
    index = live(followed, lambda version: index_page(followed, script(version)))
    first: list[Any] = (
        [("/", _Page, {"pages": [index]}), ("/version", _Version, {"pages": [index]})]
        if len(runs) > 1
        else [("/", _First)]
    )
    return Application(
        [
            *first,
            (r"/runs/(\d{1,4})", _Page, {"pages": pages}),
            (r"/runs/(\d{1,4})/version", _Version, {"pages": pages}),
        ],
        default_handler_class=_Missing,
        log_function=lambda _: None,
    )


def serve(folders: Sequence[Path], port: int, on_start: Callable[[str], None]) -> None:
    """Serve runs until somebody ends it.

    Args:
        folders: The run folders.
        port: The port to listen on; 0 for any that is free.
        on_start: Told the address, once it is served.

    Raises:
        JournalError: A folder holds no readable run.
        ExperimentError: The port cannot be used.
    """
    runs = [LiveRun(folder) for folder in folders]
    try:
        listening = socket.create_server((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        message = (
            f"port {port} must be free to listen on, but: {getattr(error, 'strerror', None) or error}; give "
            "another with --port, or --port 0 for any that is free"
        )
        raise ExperimentError(message) from error
    asyncio.run(_serve(runs, listening, on_start))


async def _serve(runs: Sequence[LiveRun], listening: socket.socket, on_start: Callable[[str], None]) -> None:
    listening.settimeout(0)
    server = HTTPServer(application(runs))
    server.add_socket(listening)
    on_start(f"http://{LOOPBACK}:{listening.getsockname()[1]}")
    try:
        await asyncio.Event().wait()
    finally:
        server.stop()
