"""Fashion-MNIST over the network, once, into a cache.

Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
Learning Algorithms", arXiv:1708.07747. MIT licence, Zalando SE.
"""

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evocnn.errors import DataError

FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FASHION_MNIST_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
"""The four official files and their SHA-256."""

CACHE_VARIABLE = "EVOCNN_CACHE"
TIMEOUT = 20.0  # seconds without an answer
CHUNK = 1 << 16


def fetch_fashion_mnist(cache: Path | None = None, base_url: str = FASHION_MNIST_URL) -> Path:
    """Return the folder with the four files of Fashion-MNIST, downloading what is missing (30 MB).

    Args:
        cache: Root of the cache; by default the folder that the environment variable
            `EVOCNN_CACHE` names, or else the system's cache folder for evocnn.
        base_url: Address of the folder with the files. The public mirrors are tried after the
            official address, but not after another one.

    Returns:
        `cache / "fashion-mnist"`, in the form that `load_idx` reads.

    Raises:
        DataError: A file is neither in the cache nor to be had with the right checksum.
    """
    mirrors = FASHION_MNIST_MIRRORS if base_url == FASHION_MNIST_URL else ()
    root = cache_root() if cache is None else cache
    return fetch(FASHION_MNIST_FILES, root / "fashion-mnist", (base_url, *mirrors))


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

    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None,
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
    raise DataError(
        f"file {name} must be in the cache folder {folder} or on the web, but it was not: "
        f"{', '.join(failures)}; connect to the network, put the file into that folder, or name a folder "
        "that holds the data with --data FOLDER"
    ) from cause


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
