"""Measuring how long a model takes, from the command line."""

import os
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evocnn.deploy.latency import latencies
from evocnn.errors import ExperimentError
from evocnn.training.latency import MIN_PASSES, MIN_SECONDS, N_WARM_UP

MOST_THREADS = 1024  # no machine has as many cores, and a process that asks for many more dies


def show_latency(source: Path, batch_sizes: str, threads: str | None, *, is_trusted: bool) -> None:
    """Show how long a model takes on each device, with each number of threads and each batch size.

    Args:
        source: An .onnx or a .safetensors file.
        batch_sizes: Numbers of images, such as `1,32`.
        threads: Numbers of threads, such as `1,2`; one, and one a core, where they are not given.
        is_trusted: Whether code that the file names may be imported.

    Raises:
        ExperimentError: A number is none.
        DataError: The model cannot be read.
    """
    sizes = _numbers(batch_sizes, "--batch-sizes", "1,32")
    counts = sorted({1, os.cpu_count() or 1}) if threads is None else _numbers(threads, "--threads", "1,2")
    if max(counts) > MOST_THREADS:
        message = f"--threads must be at most {MOST_THREADS:,}, but it was '{threads}'; give fewer"
        raise ExperimentError(message)
    n_cores = os.cpu_count() or 1
    if max(counts) > n_cores:
        cores = f"{n_cores:,} {'core' if n_cores == 1 else 'cores'}"
        typer.echo(f"note: {max(counts):,} threads share {cores} here, and wait for each other", err=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("device")
    for title in ("threads", "batch", "median, ms", "spread, ms", "images/s"):
        table.add_column(title, justify="right")
    progress = Console(stderr=True, emoji=False)
    with progress.status("measuring"):
        for device, n_threads, batch_size, (median, spread) in latencies(
            source, sizes, counts, is_trusted=is_trusted
        ):
            table.add_row(
                *(device, "-" if n_threads is None else str(n_threads), str(batch_size)),
                *(f"{1e3 * median:.3f}", f"{1e3 * spread:.3f}", f"{batch_size / median:,.0f}"),
            )
    Console(emoji=False).print(table)
    typer.echo(
        f"a batch of random images, normalization included: median and interquartile range of {MIN_PASSES} "
        f"passes or more, {MIN_SECONDS:g} s at least, after {N_WARM_UP} to warm up"
    )


def _numbers(text: str, option: str, example: str) -> list[int]:
    """Return numbers above 0, in their order and each once.

    Raises:
        ExperimentError: The text holds something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        message = (
            f"{option} must be numbers above 0 with commas between, but it was '{text}'; write {example}"
        )
        raise ExperimentError(message)
    return list(dict.fromkeys(map(int, parts)))
