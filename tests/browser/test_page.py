"""The page in a real browser: nothing goes wrong, nothing is fetched, and what moves moves."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evocnn.runs import Run

WIDTHS = (1280, 390)


@pytest.fixture
def opened(browser: Any, html: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page; whatever goes wrong in it fails the test in the end."""
    contexts, wrong = [], []

    def open_page(fragment: str = "", **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **settings)
        contexts.append(context)
        sheet = context.new_page()
        sheet.on("console", lambda message: wrong.append(message.text))
        sheet.on("pageerror", lambda error: wrong.append(str(error)))
        sheet.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        sheet.on("request", lambda request: None if _is_own(request.url, html) else wrong.append(request.url))
        sheet.goto(html.as_uri() + fragment)
        return sheet

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def _is_own(url: str, html: Path) -> bool:
    return url.startswith((html.as_uri(), "data:"))


def _chosen(sheet: Any) -> str:
    return str(sheet.locator("#network article:visible h3").inner_text())


def _place_of_dot(sheet: Any, index: int) -> tuple[float, float]:
    """Return where a member of the front is, in pixels of the viewport."""
    sheet.locator("#plot").scroll_into_view_if_needed()
    box = sheet.locator("#plot svg a").nth(index).locator(".front").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_no_serious_barrier_is_found_by_axe(opened: Callable[..., Any]) -> None:
    sheet = opened()
    sheet.evaluate("document.querySelectorAll('#search details').forEach((one) => { one.open = true; })")
    serious, passed = _barriers(sheet, {})
    assert serious == []
    assert {"color-contrast", "scrollable-region-focusable", "svg-img-alt"} <= passed


def test_contrasts_are_enough_in_the_dark(opened: Callable[..., Any]) -> None:
    serious, passed = _barriers(opened(color_scheme="dark"), {"runOnly": ["color-contrast"]})
    assert serious == []
    assert passed == {"color-contrast"}


def _barriers(sheet: Any, options: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Return what axe finds that is serious, and the rules that passed; pictures are looked at as a whole."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(sheet, context={"exclude": [[".picture svg > *"]]}, options=options).response
    serious = [one["id"] for one in found["violations"] if one["impact"] in {"serious", "critical"}]
    return serious, {one["id"] for one in found["passes"]}


def test_names_that_look_like_markup_stay_text(opened: Callable[..., Any], run: Run) -> None:
    sheet = opened()
    assert sheet.locator("h1").inner_text() == run.name
    assert sheet.title().startswith(run.name)
    assert sheet.locator("img").count() == 0
    sheet.mouse.move(*_place_of_dot(sheet, 0))
    assert run.name in sheet.locator("#tip").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(opened: Callable[..., Any], width: int) -> None:
    sheet = opened()
    sheet.set_viewport_size({"width": width, "height": 900})
    assert sheet.evaluate("document.documentElement.scrollWidth") == width


def test_pointing_at_a_dot_tells_what_it_is(opened: Callable[..., Any], run: Run) -> None:
    sheet = opened()
    assert sheet.locator("#tip").is_hidden()
    sheet.mouse.move(*_place_of_dot(sheet, 0))
    smallest = min(run.front.members, key=lambda member: member.metrics["parameters"])
    assert sheet.locator("#tip b").inner_text().startswith(f"network {smallest.ticket}")


def test_a_click_on_a_dot_shows_that_network(opened: Callable[..., Any], run: Run) -> None:
    sheet = opened()
    assert _chosen(sheet).startswith(f"Network {run.front.knee.ticket}")  # type: ignore[union-attr]
    sheet.mouse.click(*_place_of_dot(sheet, 0))
    smallest = min(run.front.members, key=lambda member: member.metrics["parameters"])
    assert _chosen(sheet).startswith(f"Network {smallest.ticket}")
    assert f"network={smallest.ticket}" in sheet.url


def test_a_candidate_behind_the_front_has_a_record_too(opened: Callable[..., Any], run: Run) -> None:
    front = {member.ticket for member in run.front.members}
    behind = next(record for record in run.candidates if record.ticket not in front)
    sheet = opened(f"#network={behind.ticket}")
    assert _chosen(sheet) == f"Network {behind.ticket}"
    assert behind.text in sheet.locator("#candidate").inner_text()


def test_other_axes_change_the_picture_and_stay_in_the_address(opened: Callable[..., Any]) -> None:
    sheet = opened()
    sheet.locator("select[name=x]").select_option("validation_accuracy")
    sheet.locator("select[name=y]").select_option("parameters")
    assert sheet.locator("#plot .name").all_text_contents() == [
        "validation accuracy",
        "parameters (log scale)",
    ]
    sheet.locator("input[name=ylog]").uncheck()
    sheet.reload()
    assert sheet.locator("#plot .name").all_text_contents() == ["validation accuracy", "parameters"]


def test_filtering_by_size_leaves_the_small_ones(opened: Callable[..., Any]) -> None:
    sheet = opened()
    before = sheet.locator("#plot svg a").count()
    sheet.locator("input[name=most]").fill("30")
    said = sheet.locator("#said").inner_text()
    shown, n_all = map(int, re.findall(r"\d+", said))
    assert 0 < shown < n_all
    assert sheet.locator("#plot svg a").count() < before


def test_the_keyboard_walks_along_the_front_and_chooses(opened: Callable[..., Any], run: Run) -> None:
    sheet = opened()
    sheet.locator("#plot svg a").first.focus()
    sheet.keyboard.press("ArrowRight")
    second = sorted(run.front.members, key=lambda member: member.metrics["parameters"])[1]
    assert sheet.locator("#tip b").inner_text().startswith(f"network {second.ticket}")
    sheet.keyboard.press("Enter")
    assert _chosen(sheet).startswith(f"Network {second.ticket}")


def test_a_newer_page_in_place_keeps_axes_and_choice(opened: Callable[..., Any]) -> None:
    sheet = opened()
    sheet.locator("select[name=x]").select_option("validation_accuracy")
    sheet.mouse.click(*_place_of_dot(sheet, 0))
    chosen = _chosen(sheet)
    sheet.evaluate(
        """() => {
            const copy = new DOMParser().parseFromString(document.documentElement.outerHTML, "text/html");
            copy.querySelectorAll("#controls select").forEach((one) => one.replaceChildren());
            document.querySelector("main").replaceWith(copy.querySelector("main"));
            window.evocnn.start();
        }"""
    )
    assert _chosen(sheet) == chosen
    assert sheet.locator("select[name=x]").input_value() == "validation_accuracy"
    sheet.locator("#plot svg a").first.wait_for()


def test_without_javascript_there_are_pictures_and_tables(opened: Callable[..., Any], run: Run) -> None:
    sheet = opened(java_script_enabled=False)
    assert sheet.locator("#controls").is_hidden()
    assert sheet.locator("figure.static svg").is_visible()
    assert sheet.locator("#members tbody tr").count() == len(run.front.members)
    assert sheet.locator("article.network").count() == len(run.front.members)


def test_on_paper_stands_the_still_picture(opened: Callable[..., Any]) -> None:
    sheet = opened()
    sheet.emulate_media(media="print")
    assert sheet.locator("figure.static svg").is_visible()
    assert sheet.locator("#controls").is_hidden()
