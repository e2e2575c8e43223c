import hashlib
import io
import socket
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evocnn.errors import DataError
from evocnn.training.data.download import cache_root, fetch, fetch_published
from evocnn.training.data.published import Published

CONTENTS = {"one.gz": b"first" * 100, "two.gz": b"second" * 100}
FILES = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}


@dataclass
class Server:
    """A web server on this machine that counts what it was asked for."""

    contents: dict[str, bytes]
    requests: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no cache of the machine that runs the tests."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("EVOCNN_CACHE", raising=False)


def serve(contents: dict[str, bytes]) -> Iterator[Server]:
    state = Server(dict(contents))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            content = state.contents.get(self.path.removeprefix("/data/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_port}/data/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def good() -> Iterator[Server]:
    yield from serve(CONTENTS)


@pytest.fixture
def empty() -> Iterator[Server]:
    yield from serve({})


@pytest.fixture
def wrong() -> Iterator[Server]:
    yield from serve(dict.fromkeys(CONTENTS, b"something else"))


@pytest.fixture
def unreachable() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/data/"


def test_files_are_fetched_once(good: Server, tmp_path: Path) -> None:
    folder = fetch(FILES, tmp_path / "a" / "b", [good.address])
    assert folder == tmp_path / "a" / "b"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS
    fetch(FILES, folder, [good.address])
    assert good.requests == ["/data/one.gz", "/data/two.gz"]


def test_a_filled_cache_needs_no_server(good: Server, unreachable: str, tmp_path: Path) -> None:
    fetch(FILES, tmp_path, [good.address])
    fetch(FILES, tmp_path, [unreachable])
    assert len(list(tmp_path.iterdir())) == len(FILES)


def test_an_address_without_a_slash_will_do(good: Server, tmp_path: Path) -> None:
    fetch(FILES, tmp_path, [good.address.rstrip("/")])
    assert len(list(tmp_path.iterdir())) == len(FILES)


def test_the_next_mirror_is_tried_and_then_kept(empty: Server, good: Server, tmp_path: Path) -> None:
    fetch(FILES, tmp_path, [empty.address, good.address])
    assert (tmp_path / "two.gz").read_bytes() == CONTENTS["two.gz"]
    assert empty.requests == ["/data/one.gz"]
    assert good.requests == ["/data/one.gz", "/data/two.gz"]


def test_a_mirror_with_other_files_is_passed_over(wrong: Server, good: Server, tmp_path: Path) -> None:
    fetch(FILES, tmp_path, [wrong.address, good.address])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == CONTENTS


def test_a_wrong_checksum_is_refused_and_not_kept(wrong: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one\.gz sent a file with the wrong SHA-256, which was not kept"):
        fetch(FILES, tmp_path, [wrong.address])
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(good: Server, tmp_path: Path) -> None:
    (tmp_path / "one.gz").write_bytes(b"damaged")
    fetch(FILES, tmp_path, [good.address])
    assert (tmp_path / "one.gz").read_bytes() == CONTENTS["one.gz"]


def test_a_damaged_file_in_the_cache_is_not_used_offline(unreachable: str, tmp_path: Path) -> None:
    (tmp_path / "one.gz").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"file one\.gz must be in the cache folder"):
        fetch(FILES, tmp_path, [unreachable])


def test_a_failure_names_every_address_the_cache_and_the_way_out(
    empty: Server, unreachable: str, tmp_path: Path
) -> None:
    message = (
        rf"file one\.gz must be in the cache folder {tmp_path} or on the web, but it was not: "
        rf"{empty.address}one\.gz answered 404, {unreachable}one\.gz could not be fetched "
        r"\(ConnectionError\); connect .* --data FOLDER"
    )
    with pytest.raises(DataError, match=message):
        fetch(FILES, tmp_path, [empty.address, unreachable])


def test_a_cache_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cache folder .* must be writable, .* set EVOCNN_CACHE to another"):
        fetch(FILES, tmp_path / "file" / "folder", ["http://127.0.0.1:1/"])


def published(address: str, **changes: Any) -> Published:
    return Published(**({"source": "toy", "files": FILES, "addresses": (address,)} | changes))


def test_a_published_set_lies_in_its_own_folder(good: Server, tmp_path: Path) -> None:
    assert fetch_published(published(good.address), tmp_path) == tmp_path / "toy"
    assert (tmp_path / "toy" / "one.gz").is_file()


def test_the_environment_moves_the_cache(
    good: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOCNN_CACHE", str(tmp_path / "elsewhere"))
    assert fetch_published(published(good.address)) == tmp_path / "elsewhere" / "toy"


def test_the_systems_cache_is_the_default() -> None:
    assert "evocnn" in cache_root().parts


def test_other_addresses_take_the_place_of_its_own(empty: Server, good: Server, tmp_path: Path) -> None:
    fetch_published(published(empty.address), tmp_path, [good.address])
    assert empty.requests == []
    with pytest.raises(DataError, match="answered 404"):
        fetch_published(published(good.address), tmp_path / "other", [empty.address])


def packed(*members: tuple[str, bytes | str]) -> bytes:
    """Return a gzipped archive: files with their content, or symbolic links with their target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def archived(content: bytes) -> Iterator[tuple[Published, Server]]:
    for server in serve({"toy.tar.gz": content}):
        files = {"toy.tar.gz": hashlib.sha256(content).hexdigest()}
        yield published(server.address, files=files, inner="batches"), server


def test_an_archive_is_unpacked_once_and_not_kept(tmp_path: Path) -> None:
    content = packed(("batches/a.bin", b"first"), ("batches/b.bin", b"second"))
    for toy, server in archived(content):
        for _ in range(2):
            assert fetch_published(toy, tmp_path) == tmp_path / "toy" / "batches"
        assert server.requests == ["/data/toy.tar.gz"]
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"toy/batches/a.bin", "toy/batches/b.bin"}
    assert (tmp_path / "toy" / "batches" / "b.bin").read_bytes() == b"second"
    assert (tmp_path / "toy" / "batches").stat().st_mode & 0o777 == 0o755


def test_an_archive_writes_nowhere_else(tmp_path: Path) -> None:
    content = packed(
        ("batches/a.bin", b"mine"),
        ("../outside", b"x"),
        ("batches/../../outside", b"x"),
        ("/outside", b"x"),
        ("batches/link", "/etc/passwd"),
        ("other/b.bin", b"x"),
    )
    for toy, _ in archived(content):
        fetch_published(toy, tmp_path / "cache")
    assert [path.name for path in tmp_path.rglob("*") if not path.is_dir()] == ["a.bin"]


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    for toy, _ in archived(b"no archive"):
        with pytest.raises(DataError, match=r"archive .*toy\.tar\.gz must be unpacked beside itself"):
            fetch_published(toy, tmp_path)
    assert not (tmp_path / "toy" / "batches").exists()


def test_a_download_draws_a_bar_on_a_terminal_and_only_there(
    good: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    fetch(FILES, tmp_path / "a", [good.address])
    drawn = capsys.readouterr().err
    assert "one.gz" in drawn
    assert "500/500 bytes" in drawn
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    fetch(FILES, tmp_path / "b", [good.address])
    assert "500/500" not in capsys.readouterr().err


def test_without_pooch_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"pooch must be installed .* `pip install pooch`"):
        fetch(FILES, tmp_path, [])
