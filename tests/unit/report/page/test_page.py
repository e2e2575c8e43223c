"""The page as text: complete for every run, nothing in it is read as markup, nothing is fetched."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from evocnn.evaluation import Status
from evocnn.problems import zdt
from evocnn.report.page import MOST_MEMBERS, page
from evocnn.runs import Run
from evocnn.runs.problems import solve
from evocnn.store import Record

EVIL = "</script><img src=x onerror=alert(1)>"


class _Reader(HTMLParser):
    """Collects elements and the addresses that they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def _read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    return reader


def _cloud(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="cloud">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def text(make_record: Callable[..., Record], make_run: Callable[..., Run]) -> str:
    """Return the page of a run all of whose names are markup, with a script."""
    record = make_record(0, 0.9, 100, 0.1, text=EVIL, operators=(EVIL,))
    failed = make_record(1, status=Status.CRASHED, text=EVIL)
    failed = replace(failed, evaluation=replace(failed.evaluation, reason=EVIL))
    run = make_run(record, failed)
    data = {**run.manifest["data"], "class_names": [EVIL], "name": EVIL}
    manifest = {**run.manifest, "data": data, "experiment": {"name": EVIL}}
    return page(replace(run, manifest=manifest), script="console.log(1)")


@pytest.mark.fault
def test_user_texts_are_never_markup(text: str) -> None:
    """To see it fail: let the templates escape nothing."""
    found = _read(text)
    assert "img" not in found.tags
    assert found.handlers == []
    assert _cloud(text)["texts"] == [EVIL]


def test_nothing_is_fetched(text: str) -> None:
    addresses = _read(text).addresses
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)


def test_only_scripts_whose_hash_is_stated_are_run(text: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]  # type: ignore[index]
    assert policy.count("sha256-") == 2
    assert "<script>console.log(1)</script>" in text
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("status", ["running", "interrupted", "finished"])
def test_a_run_of_nothing_has_a_page(make_run: Callable[..., Run], status: str) -> None:
    text = page(make_run(status=status))
    assert "Nothing has been evaluated yet." in text
    assert f'data-status="{status}"' in text


def test_a_run_where_all_failed_has_a_page_that_says_why(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    failed = make_record(0, status=Status.DIVERGED)
    text = page(make_run(replace(failed, evaluation=replace(failed.evaluation, reason="loss was nan"))))
    assert (
        "There is no network to recommend, for the front is empty: no candidate trained without failure."
        in text
    )
    assert "loss was nan" in text


@pytest.mark.usefixtures("without_pictures_of_the_search")
def test_a_problem_without_images_has_a_page() -> None:
    text = page(solve(zdt(1), budget=20, population=10))
    assert "search the problem &#39;zdt1&#39;" in text
    assert "evocnn train" not in text


@pytest.mark.usefixtures("without_pictures_of_the_search")
def test_layers_that_need_code_of_the_users_are_left_out_in_words(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    known = make_record(0, 0.9, 100, 0.1)
    genome: Any = json.loads(json.dumps(known.genome))
    genome["layers"] = [{"gene": "blur", "size": 3}]
    text = page(make_run(replace(known, genome=genome)))
    assert "Its layers cannot be told here" in text


@pytest.mark.usefixtures("without_pictures_of_the_search")
def test_a_long_front_shows_some_in_full_and_the_knee_among_them(
    make_record: Callable[..., Record], make_run: Callable[..., Run]
) -> None:
    n = MOST_MEMBERS + 30
    run = make_run(*(make_record(t, 0.5 + t / 1000, 100 + t, 0.1) for t in range(n)))
    text = page(run)
    assert f'id="network-{run.front.knee.ticket}"' in text  # type: ignore[union-attr]
    assert text.count('<article id="network-') <= MOST_MEMBERS + 1
    assert text.count("<tr><th scope") >= n
