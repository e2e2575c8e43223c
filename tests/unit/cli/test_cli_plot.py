"""`evocnn plot --what`: each topic is written, and a wrong one, a wrong pick and a wrong ending are told."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evocnn.cli.plot import TOPICS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_is_written(
    topic: str, evocnn: Callable[..., Any], finished: Path, tmp_path: Path
) -> None:
    target = tmp_path / "picture.svg"
    said = evocnn("plot", finished, "--what", topic, "--out", target)
    assert (said.code, said.out) == (0, f"wrote {target}\n")
    assert target.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--what", "allele"), "--what must be one of front, .* but it was 'allele'; did you mean 'alleles'"),
        (("--what", "time", "--pick", "knee"), "--pick must go with --what front, .* but it was with 'time'"),
        (
            ("--what", "genealogy", "--pick", "9999"),
            "a picked number must be a ticket of the run, but it was 9999",
        ),
        (("--what", "alleles", "--out", "x.jpg"), "a plot's file must end in .png, .svg, .pdf, but it was"),
    ],
)
def test_mistakes_are_told(
    options: tuple[str, ...], complaint: str, evocnn: Callable[..., Any], finished: Path
) -> None:
    said = evocnn("plot", finished, *options)
    assert said.code == 2
    assert re.search(complaint, said.err)


def test_the_page_on_pictures_has_every_topic() -> None:
    page = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows[1:]) == sorted(TOPICS)
