"""A headless browser, and the page of a run whose names are meant to be taken for markup."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evocnn.problems import landscape
from evocnn.report.page import page
from evocnn.runs import Run
from evocnn.runs.problems import solve

EVIL = "<img src=x onerror=alert(1)>"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="module")  # its event loop must end before other modules start theirs
def browser() -> Iterator[Any]:
    """Return a headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of 80 candidates; its name, its data's, a class's and a candidate's text are markup."""
    solved = solve(landscape(), budget=80, population=12, folder=tmp_path_factory.mktemp("runs") / "evil")
    data = {
        "name": EVIL,
        "digest": "ab" * 32,
        "shape": [1, 16, 16],
        "class_names": [EVIL, *map(str, range(1, 10))],
        "notes": [EVIL],
        "n_training": 300,
        "n_validation": 100,
    }
    experiment = {**solved.manifest["experiment"], "name": EVIL}
    records = [replace(record, text=f"{record.text} {EVIL}") for record in solved.records]
    return replace(
        solved, records=tuple(records), manifest={**solved.manifest, "data": data, "experiment": experiment}
    )


@pytest.fixture(scope="session")
def html(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the run's page."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(run), encoding="utf-8")
    return path
