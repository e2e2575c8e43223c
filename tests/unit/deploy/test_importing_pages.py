"""What the pages on imported networks and on the estimator show runs, and names what there is."""

import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn import EvoClassifier
from evocnn.deploy.sequential import SIDES, import_network, network_named, space_lines

ROOT = Path(__file__).parents[3]
IMPORTING = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
CLASSIFIER = (ROOT / "docs" / "classifier.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def mynet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that gives the network of the page."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mynet.py").write_text(blocks(IMPORTING, "python")[0])
    return lambda: network_named("mynet:make", tmp_path)


def test_the_network_of_the_page_gives_its_space(mynet: Callable[[], Any]) -> None:
    found = import_network(mynet(), (1, 28, 28))
    (shown,) = blocks(IMPORTING, "toml")
    assert "\n".join(space_lines(found)) + "\n" == shown
    assert "evocnn import mynet:make --shape 1,28,28\n" in IMPORTING
    assert found.network is not None


def test_the_python_of_the_page_runs(mynet: Callable[[], Any], capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(blocks(IMPORTING, "python")[1], names)  # noqa: S102 - the page is ours
    assert names["network"] is not None
    assert tomllib.loads(blocks(IMPORTING, "toml")[0])["space"]["founders"][0] in capsys.readouterr().out


def test_the_sizes_that_are_tried_are_told() -> None:
    assert f"from\n{SIDES[0]}x{SIDES[0]} to {SIDES[-1]}x{SIDES[-1]} are tried" in IMPORTING


def test_every_argument_and_attribute_of_the_estimator_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)` \| )?", CLASSIFIER, flags=re.MULTILINE)
    arguments = {name: default.strip('"') for name, default in rows if default}
    defaults = inspect.signature(EvoClassifier).parameters.values()
    assert arguments == {one.name: str(one.default) for one in defaults}
    attributes = {name for name, default in rows if not default}
    assert attributes == set(re.findall(r"^ +(\w+_):", inspect.getdoc(EvoClassifier) or "", re.MULTILINE))


def shortened(code: str) -> str:
    """Return code with a search that takes a second."""
    changed = re.sub(r"budget=\d+", "budget=2, epochs=1, population=2", code)
    assert changed != code
    return changed


@pytest.mark.filterwarnings("ignore:the front is empty")
def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, further = blocks(CLASSIFIER, "python")
    names: dict[str, Any] = {}
    exec(shortened(first), names)  # noqa: S102 - the page is ours
    assert 0 <= float(capsys.readouterr().out.splitlines()[0]) <= 1
    exec(further, names)  # noqa: S102 - the page is ours
    assert Path("digits.onnx").is_file()


@pytest.mark.filterwarnings("ignore:the front is empty")
def test_the_three_lines_of_the_readme_run() -> None:
    (code,) = (block for block in blocks(README, "python") if "EvoClassifier" in block)
    assert len([line for line in code.splitlines() if line]) == 3
    images = np.repeat(np.array([0, 250], dtype=np.uint8), 16 * 20).reshape(40, 4, 4)
    names: dict[str, Any] = {"images": images, "labels": np.repeat(["a", "b"], 20), "new_images": images[:3]}
    exec(shortened(code), names)  # noqa: S102 - the page is ours
    assert set(names["found"]) <= {"a", "b"}
