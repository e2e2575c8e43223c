"""Claim: the page of 10,000 evaluations is written within 20 s and shows its first picture within 2 s.

    evocnn reproduce benchmarks/report [--quick]

Searches of a landscape of networks, on which nothing is trained, by NSGA-II without a surrogate. Measured are
reading the run, making its page and writing it, in one process that has imported everything; the size of the
file, that of 1,000 evaluations, too; and in a headless Chromium, if the machine has one and `playwright` is
installed, when something is painted first and when the front can be pointed at.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

from evocnn.cli.study import Asked, perform
from evocnn.problems import landscape
from evocnn.report.figures import Figure
from evocnn.report.page import page
from evocnn.runs import open_run
from evocnn.runs.problems import solve
from evocnn.store import environment

SIZES, QUICK_SIZES = (1_000, 10_000), (200, 1_000)
ROUNDS, QUICK_ROUNDS = 5, 2
WRITTEN_BAR, PAINTED_BAR, BYTES_BAR = 20.0, 2.0, 3_000_000  # of the last, of 1,000 evaluations
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DATA = {
    "name": "a landscape",
    "digest": "0" * 64,
    "shape": [1, 16, 16],
    "class_names": [str(n) for n in range(10)],
    "notes": [],
    "n_training": 1_000,
    "n_validation": 1_000,
}


@dataclass(frozen=True)
class Measured:
    """What the page of a run took.

    Attributes:
        n_evaluations: Of the run.
        n_bytes: Of the page.
        written: Seconds from the run folder to the file, of each round.
        painted: Seconds to the first paint, of each round; none without a browser.
        usable: Seconds until the front can be pointed at, likewise.
    """

    n_evaluations: int
    n_bytes: int
    written: list[float]
    painted: list[float]
    usable: list[float]


def measured(n: int, asked: Asked) -> Measured:
    """Return what the page of a search of so many evaluations took."""
    folder = asked.runs / str(n)
    solve(landscape(), budget=n, population=100, folder=folder, proposals=1)
    file, written = asked.runs / f"{n}.html", []
    for _ in range(QUICK_ROUNDS if asked.is_quick else ROUNDS):
        began = perf_counter()
        run = open_run(folder)
        file.write_text(page(replace(run, manifest={**run.manifest, "data": DATA})), encoding="utf-8")
        written.append(perf_counter() - began)
    painted, usable = shown(file, len(written))
    return Measured(n, file.stat().st_size, written, painted, usable)


def shown(file: Path, n_rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds until a page is painted and until its front is there; none without a browser."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    painted: list[float] = []
    usable: list[float] = []
    with suppress(ImportError):
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the rest needs no browser

        with sync_playwright() as started:
            for _ in range(n_rounds if chromium else 0):
                browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                tab = browser.new_page(viewport={"width": 1280, "height": 900})
                tab.goto(file.resolve().as_uri())
                tab.locator("#plot svg a").first.wait_for()
                usable.append(tab.evaluate("performance.now()") / 1000)
                paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                painted.append(tab.evaluate(paint) / 1000)
                browser.close()
    return painted, usable


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure all sizes, write the table, and return the medians."""
    found = [measured(n, asked) for n in (QUICK_SIZES if asked.is_quick else SIZES)]
    asked.write("results.md", report(found).splitlines())
    figures = {}
    for one in found:
        figures[f"{one.n_evaluations}.bytes"] = Figure(one.n_bytes, 0.2 * one.n_bytes)
        for name in ("written", "painted", "usable"):
            if seconds := getattr(one, name):
                figures[f"{one.n_evaluations}.{name}"] = Figure(round(median(seconds), 3), None, "s")
    return figures


def report(found: list[Measured]) -> str:
    """Return the results as Markdown."""
    where, large, small = environment(), found[-1], found[0]
    rows = "\n".join(
        f"| {one.n_evaluations:,} | {one.n_bytes / 1e6:.2f} | {spread(one.written)} | {spread(one.painted)} "
        f"| {spread(one.usable)} |"
        for one in found
    )
    verdicts = [
        f"written within {WRITTEN_BAR:g} s: {verdict(is_met=max(large.written) <= WRITTEN_BAR)}",
        f"{small.n_evaluations:,} evaluations below 3 MB: {verdict(is_met=small.n_bytes < BYTES_BAR)}",
    ]
    if large.painted:
        verdicts.append(
            f"first picture within {PAINTED_BAR:g} s: {verdict(is_met=max(large.painted) <= PAINTED_BAR)}"
        )
    return f"""# The report of a long run

| evaluations | MB | written, s | first painted, s | front can be pointed at, s |
|---|---|---|---|---|
{rows}

Medians of n = {len(large.written)}, with the largest. Of all of them: {"; ".join(verdicts)}.

Command: `evocnn reproduce benchmarks/report`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, commit {where["commit"]}.
"""


def spread(seconds: list[float]) -> str:
    """Return the median and the largest."""
    return f"{median(seconds):.2f} (largest {max(seconds):.2f})" if seconds else "no browser"


def verdict(*, is_met: bool) -> str:
    """Return how a bar ended."""
    return "met" if is_met else "missed"


if __name__ == "__main__":
    perform(study, __doc__)
