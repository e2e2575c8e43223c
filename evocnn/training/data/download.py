"""Published data over the network, once, into a cache."""

import os
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evocnn.errors import DataError
from evocnn.training.data.published import Published

CACHE_VARIABLE = "EVOCNN_CACHE"
TIMEOUT = 20.0  # seconds without an answer
CHUNK = 1 << 16


def fetch_published(
    published: Published, cache: Path | None = None, addresses: Sequence[str] | None = None
) -> Path:
    """Return the folder with a published data set, downloading what is missing.

    Args:
        published: The data set.
        cache: Root of the cache; by default the folder that the environment variable
            `EVOCNN_CACHE` names, or else the system's cache folder for evocnn.
        addresses: Folders on the web in place of the data set's own.

    Returns:
        `cache / published.source`, or for an archive the folder in it, unpacked; the archive itself
        is not kept.

    Raises:
        DataError: A file is neither in the cache nor to be had with the right checksum.
    """
    folder = (cache_root() if cache is None else cache) / published.source
    if published.inner is not None and (folder / published.inner).is_dir():
        return folder / published.inner
    fetch(published.files, folder, published.addresses if addresses is None else addresses)
    if published.inner is None:
        return folder
    (archive,) = published.files
    return _unpack(folder / archive, published.inner)


def cache_root() -> Path:
    """Return the folder that downloads are kept in: `EVOCNN_CACHE`, or the system's cache folder.

    Raises:
        DataError: The variable is not set and pooch, which knows the system's folder, is missing.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    _need_pooch()
    import pooch  # noqa: PLC0415

    return Path(pooch.os_cache("evocnn"))


def fetch(files: Mapping[str, str], folder: Path, addresses: Sequence[str]) -> Path:
    """Return a folder that holds some files, downloading those that are missing or damaged.

    Args:
        files: Name of each file and its SHA-256 (hex).
        folder: Where the files are kept; made if need be.
        addresses: Folders on the web, tried in turn; the one that worked is asked first for the
            next file.

    Returns:
        `folder`.

    Raises:
        DataError: No address gave a file with the right checksum, or the folder cannot be made.
            Files with a wrong checksum are not kept.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cache folder {folder} must be writable, but it was not ({error.strerror}); "
            f"set {CACHE_VARIABLE} to another folder"
        ) from error
    _need_pooch()
    order = list(addresses)
    for name, checksum in files.items():
        answered = _fetch_one(name, checksum, folder, order)
        order.remove(answered)
        order.insert(0, answered)
    return folder


def _fetch_one(name: str, checksum: str, folder: Path, addresses: Sequence[str]) -> str:
    """Fetch one file and return the address that gave it."""
    import pooch  # noqa: PLC0415

    bar = _Bar(name) if sys.stderr.isatty() else None
    downloader = pooch.HTTPDownloader(
        progressbar=bar or False,
        chunk_size=CHUNK,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # else a .gz may arrive unpacked
    )
    failures: list[str] = []
    cause: Exception | None = None
    for address in addresses:
        url = f"{address.rstrip('/')}/{name}"
        try:
            pooch.retrieve(
                url, known_hash=f"sha256:{checksum}", fname=name, path=folder, downloader=downloader
            )
        except (OSError, ValueError) as error:
            failures.append(f"{url} {_reason(error)}")
            cause = error
            if (response := getattr(error, "response", None)) is not None:
                response.close()  # pooch leaves the answer of a failed request open
        else:
            return address
        finally:
            if bar is not None:
                bar.close()
    raise DataError(
        f"file {name} must be in the cache folder {folder} or on the web, but it was not: "
        f"{', '.join(failures)}; connect to the network, put the file into that folder, or name a folder "
        "that holds the data with --data FOLDER"
    ) from cause


def _unpack(archive: Path, inner: str) -> Path:
    """Return a folder of an archive, unpacked beside it; the archive is removed.

    The folder appears under its name once it is complete. Only plain files that lie directly in it
    are written, under their own names.
    """
    target = archive.parent / inner
    try:
        with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            with tarfile.open(archive) as packed:
                for member in packed:
                    parent, _, name = member.name.rpartition("/")
                    content = packed.extractfile(member) if member.isreg() and parent == inner else None
                    if content is not None and name not in ("", ".", ".."):
                        with (Path(scratch) / name).open("wb") as file:
                            shutil.copyfileobj(content, file)
            Path(scratch).chmod(0o755)
            Path(scratch).rename(target)
            Path(scratch).mkdir()  # for the context manager to remove
        archive.unlink()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(
            f"archive {archive} must be unpacked beside itself, but it was not ({error}); make room or "
            f"set {CACHE_VARIABLE} to another folder"
        ) from error
    return target


class _Bar:
    """A progress bar on stderr, in the form that pooch asks for."""

    def __init__(self, name: str) -> None:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

        columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task: Any = self._progress.add_task(name, total=None)

    @property
    def total(self) -> float | None:
        """Number of bytes, None while it is not known; giving it starts the bar."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._progress.reset(self._task, total=n_bytes or None)
        self._progress.start()

    def update(self, n_bytes: int) -> None:
        """Count bytes as received."""
        self._progress.advance(self._task, n_bytes)

    def reset(self) -> None:
        """Count from 0 again."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Leave the bar as it is; a further file may start it again."""
        self._progress.stop()


def _reason(error: Exception) -> str:
    """Return what went wrong with one address."""
    if not isinstance(error, OSError):  # pooch's ValueError; all errors of requests are OSErrors
        return "sent a file with the wrong SHA-256, which was not kept"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"answered {status}"
    return f"could not be fetched ({error.strerror or type(error).__name__})"


def _need_pooch() -> None:
    """Say how to get pooch where it is missing."""
    try:
        import pooch  # noqa: F401, PLC0415
    except ImportError as error:
        raise DataError(
            "pooch must be installed to download data, but it was not; "
            "run `pip install pooch`, or name a folder that holds the data with --data FOLDER"
        ) from error
