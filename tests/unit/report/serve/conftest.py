"""A run whose evaluations arrive one by one, and a server of runs with a client."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer

from evocnn import load_experiment
from evocnn import run as search
from evocnn.report.serve import live_page
from evocnn.report.serve.live_run import LiveRun
from evocnn.report.serve.server import application
from evocnn.runs import Run
from evocnn.store import Journal

TINY = """\
name = "tiny"
data = { source = "digits", images = 100 }
space.layers.conv = { filters = [2, 4], kernel = [1, 3] }
objectives.validation_accuracy = { weight = 1, floor = 0.0, reference = 0.0 }
objectives.parameters.weight = -1
training.epochs = 1
search = { population = 2, window = 2, budget = 4, rungs = [1] }
"""

Get = Callable[..., Awaitable[HTTPResponse]]


class GrowingRun:
    """A run folder to which records of a finished run are added.

    Attributes:
        folder: The run folder.
        records: Those that can be added.
    """

    def __init__(self, source: Run, folder: Path) -> None:
        self.folder = folder
        self.records = sorted(source.records, key=lambda record: record.elapsed)  # as they are committed
        folder.mkdir()
        with Journal.create(folder, {"status": "finished", **source.manifest}):
            pass

    def grow(self, n: int) -> None:
        """Add the next of the records."""
        with Journal.open(self.folder) as journal:
            n_there = len(list(journal.records()))
            for record in self.records[n_there : n_there + n]:
                journal.commit(record)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a finished run of four candidates whose name is HTML."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "tiny.toml").write_text(TINY)
    run = search(load_experiment(folder / "tiny.toml"), folder / "run")
    run.manifest["experiment"]["name"] = "<img src=x onerror=alert(1)>"  # a journal may hold anything
    return run


@pytest.fixture
def growing(source: Run, tmp_path: Path) -> GrowingRun:
    """Return a run without evaluations as yet."""
    return GrowingRun(source, tmp_path / "growing")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function of run folders and of a coroutine, which is run with a client of their server."""
    monkeypatch.setattr(live_page, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(live_page, "LEAST_PAUSE", 0.0)
    monkeypatch.setattr(live_page, "PAUSE_SHARE", 0.0)

    def serve(folders: list[Path], use: Callable[[Get], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            listening = socket.create_server(("127.0.0.1", 0))
            listening.settimeout(0)
            server = HTTPServer(application([LiveRun(folder) for folder in folders]))
            server.add_socket(listening)
            port = listening.getsockname()[1]
            with closing(AsyncHTTPClient(force_instance=True)) as client:

                async def get(path: str, **options: Any) -> HTTPResponse:
                    options = {"raise_error": False, "follow_redirects": False, **options}
                    return await client.fetch(f"http://127.0.0.1:{port}{path}", **options)

                try:
                    return await use(get)
                finally:
                    server.stop()
                    await server.close_all_connections()

        return asyncio.run(main())

    return serve
