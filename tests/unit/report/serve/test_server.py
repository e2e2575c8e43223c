"""The server of runs over a real connection: what it shows, how it follows a run, and what it refuses."""

import asyncio
import hashlib
import logging
import re
import socket
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import pytest

from evocnn.errors import ExperimentError, JournalError
from evocnn.report.serve import live_page, server
from evocnn.report.serve.server import serve
from evocnn.runs import Run

Served = Callable[..., Any]
INJECTED = "<img src=x onerror=alert(1)>"


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let pages be rendered quickly; return the number of records in each rendering."""
    seen: list[int] = []

    def page(run: Run, *, script: str) -> str:
        seen.append(len(run.records))
        return f"<title>{len(run.records)}</title><main>{run.status}</main><script>{script}</script>"

    monkeypatch.setattr(server, "page", page)
    return seen


async def newer(get: Any, path: str, than: str) -> str:
    """Return the version of a page once it is another."""
    for _ in range(200):
        version = (await get(f"{path}/version")).body.decode()
        if version != than:
            return str(version)
        await asyncio.sleep(0.02)
    pytest.fail("the page was never rendered again")


def test_a_page_is_rendered_again_when_evaluations_arrive_and_only_then(
    growing: Any, served: Served, rendered: list[int]
) -> None:
    async def use(get: Any) -> None:
        first = await get("/runs/0")
        assert "<title>0</title>" in first.body.decode()
        version = (await get("/runs/0/version")).body.decode()
        assert f'let shown = "{version}"' in first.body.decode()
        for _ in range(5):
            assert (await get("/runs/0/version")).body.decode() == version
            assert (await get("/runs/0")).body == first.body
        assert rendered == [0]
        growing.grow(3)
        assert (await newer(get, "/runs/0", version)).startswith("3 ")
        assert "<title>3</title>" in (await get("/runs/0")).body.decode()
        models = growing.folder / "models" / "knee"  # what evocnn train makes
        models.mkdir(parents=True)
        await newer(get, "/runs/0", "3 finished 0")
        assert rendered == [0, 3, 3]

    served([growing.folder], use)


def test_a_page_that_nobody_looked_at_for_long_is_shown_as_it_is_now(
    growing: Any, served: Served, rendered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(get: Any) -> None:
        await get("/runs/0")
        growing.grow(3)
        assert "<title>0</title>" in (await get("/runs/0")).body.decode()  # looked at an instant ago
        monkeypatch.setattr(live_page, "OUTDATED_SECONDS", 0.0)
        assert "<title>3</title>" in (await get("/runs/0")).body.decode()
        assert rendered == [0, 3]

    served([growing.folder], use)


def test_a_single_run_needs_no_index(growing: Any, served: Served) -> None:
    async def use(get: Any) -> None:
        answer = await get("/")
        assert (answer.code, answer.headers["Location"]) == (302, "/runs/0")
        assert (await get("/version")).code == 404

    served([growing.folder], use)


def test_the_index_has_a_card_for_each_run_and_follows_them(
    growing: Any, source: Run, served: Served
) -> None:
    async def use(get: Any) -> None:
        before = (await get("/")).body.decode()
        assert before.count('<li class="card">') == 2
        assert before.count("<polyline") == 1  # the growing one has nothing to draw yet
        assert "4.0 of 4 full trainings" in before
        assert "0.0 of 4 full trainings" in before
        growing.grow(4)
        await newer(get, "", (await get("/version")).body.decode())
        after = (await get("/")).body.decode()
        assert after.count("4.0 of 4 full trainings") == 2
        assert INJECTED not in after
        assert "&lt;img src=x onerror=alert(1)&gt;" in after
        (script,) = re.findall(r"<script>(.*?)</script>", after, flags=re.DOTALL)
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in after  # a browser runs no other

    served([source.folder, growing.folder], use)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("/runs/0/version", {}, 200),
        ("/runs/0/version", {"headers": {"Host": "localhost:99"}}, 200),
        ("/runs/0/version", {"headers": {"Host": "[::1]:99"}}, 200),
        ("/runs/0/version", {"headers": {"Host": "evil.example"}}, 403),
        ("/nothing", {"headers": {"Host": "127.0.0.1.evil.example"}}, 403),
        ("/runs/0", {"method": "POST", "body": ""}, 405),
        ("/runs/0", {"method": "DELETE"}, 405),
        ("/", {"method": "PUT", "body": ""}, 405),
        ("/runs/1", {}, 404),
        ("/runs/../../etc/passwd", {}, 404),
        ("/runs/%2e%2e/run.sqlite", {}, 404),
        ("/run.sqlite", {}, 404),
    ],
)
@pytest.mark.usefixtures("rendered")
def test_nothing_is_answered_but_what_a_browser_of_this_machine_asks(
    path: str, options: dict[str, Any], code: int, growing: Any, served: Served
) -> None:
    """To see it fail: look at no host names in `_Handler.prepare`."""

    async def use(get: Any) -> Any:
        return await get(path, **options)

    answer = served([growing.folder], use)
    assert answer.code == code
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.fault
@pytest.mark.usefixtures("rendered")
def test_an_address_that_is_unknown_or_fails_tells_nothing_of_the_program(
    growing: Any, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see it fail: leave errors or unknown addresses to Tornado, or have it debug."""

    async def fail(_: live_page.LivePage) -> str:
        message = "nobody foresaw it"
        raise RuntimeError(message)

    async def use(get: Any) -> list[Any]:
        return [await get(path) for path in ("/debug", "/debug/pprof", "/static/server.py", "/runs/0")]

    monkeypatch.setattr(live_page.LivePage, "text", fail)
    monkeypatch.setattr(logging.getLogger("tornado.application"), "disabled", True)
    answers = served([growing.folder], use)
    texts = [answer.body.decode() for answer in answers]
    assert texts == ["404 Not Found\n"] * 3 + ["500 Internal Server Error\n"]
    assert not server.application([]).settings.get("debug")  # which would start anew whatever changes


def test_nothing_is_written_into_a_run(growing: Any, served: Served, rendered: list[int]) -> None:
    growing.grow(4)

    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in growing.folder.iterdir()}

    async def use(get: Any) -> None:
        await get("/runs/0")
        await get("/runs/0/version")

    before = contents()
    served([growing.folder], use)
    assert contents() == before


def test_a_journal_that_is_gone_is_told_as_a_page(growing: Any, served: Served, rendered: list[int]) -> None:
    async def use(get: Any) -> None:
        await get("/runs/0")
        version = (await get("/runs/0/version")).body.decode()
        for path in growing.folder.iterdir():
            path.unlink()
        await newer(get, "/runs/0", version)
        assert "must be a run folder" in (await get("/runs/0")).body.decode()

    served([growing.folder], use)


def test_a_rendering_does_not_keep_others_waiting(
    growing: Any, source: Run, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(get: Any) -> None:
        slow = asyncio.create_task(get("/runs/0"))
        assert (await get("/version")).code == 200
        assert not slow.done()
        waiting.set()
        assert (await slow).code == 200

    waiting = Event()

    def page(run: Run, *, script: str) -> str:
        waiting.wait(10)
        return f"<main>{script}</main>"

    monkeypatch.setattr(server, "page", page)
    served([growing.folder, source.folder], use)


def test_a_port_that_is_taken_is_told(growing: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ExperimentError, match=f"port {port} must be free .* give another with --port"):
            serve([growing.folder], port, lambda _: None)


@pytest.mark.fault
def test_nothing_listens_on_other_addresses_of_this_machine(
    growing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails with `""` in place of `LOOPBACK`, which would be every address."""
    reached: list[str] = []

    async def look(_: object, listening: socket.socket, on_start: Callable[[str], None]) -> None:
        del on_start
        with listening:
            for address in ("127.0.0.1", "127.0.0.2"):  # of loopback, too, but not the one that is told
                with suppress(OSError):
                    socket.create_connection((address, listening.getsockname()[1]), 5).close()
                    reached.append(address)

    monkeypatch.setattr(server, "_serve", look)
    serve([growing.folder], 0, lambda _: None)
    assert reached == ["127.0.0.1"]


def test_what_is_no_run_is_refused_ahead_of_all_else(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="must be a run folder"):
        serve([tmp_path], 0, lambda _: None)


def test_the_program_ends_only_after_the_page_that_is_being_rendered() -> None:
    """A daemon thread is torn down in the midst of drawing, which aborts the process now and then."""

    async def use() -> tuple[bool, bool]:
        return await live_page.in_thread(
            lambda: (current_thread().daemon, current_thread() in live_page.renderings())
        )

    assert asyncio.run(use()) == (False, True)
