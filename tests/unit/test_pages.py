"""Commands and names in the pages are those that evocnn has; `make docs` sees to links and the contents."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import evocnn
import evocnn.problems
import evocnn.testing
from evocnn.cli.main import app
from evocnn.config import Experiment, load_experiment

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/*/README.md")])
REFERENCE = "".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/api/*.md"))
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", flags=re.DOTALL | re.MULTILINE)
COMMANDS: Any = get_command(app)


def commands_in(page: Path) -> Iterator[list[str]]:
    """Yield the words of each line of a block that begins with `evocnn`."""
    for _, kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines() if kind in ("", "sh") else ():
            if found := re.match(r"(?:\$ |\.venv/bin/| )*evocnn (?=[a-z])", line):
                yield shlex.split(line[found.end() :], comments=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    for name, *rest in commands_in(page):
        assert name in COMMANDS.commands, name
        known = {option for parameter in COMMANDS.commands[name].params for option in parameter.opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known, (name, rest)


@pytest.mark.parametrize(
    "name",
    [
        *(f"evocnn.{name}" for name in evocnn.__all__),
        *(f"evocnn.testing.{name}" for name in evocnn.testing.__all__ if name != "ConformanceError"),
        *(f"evocnn.problems.{name}" for name in evocnn.problems.__all__),
    ],
)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    home, _, last = name.rpartition(".")
    is_error = home == "evocnn" and f"   :members: {last}," in REFERENCE
    assert re.search(rf":: {re.escape(name)}\b", REFERENCE) or is_error


def test_every_name_that_a_page_imports_is_in_the_reference() -> None:
    found = set()
    for page in PAGES:
        for module, names in re.findall(r"^from (evocnn[\w.]*) import (.+)$", page.read_text(), re.MULTILINE):
            found |= {(module, name.strip()) for name in names.split(",")}
    assert found
    missing = {
        f"{module}.{name}"
        for module, name in found
        if not re.search(rf":: {re.escape(module)}\.{name}\b", REFERENCE)
        and not (module == "evocnn.errors" and name in REFERENCE)
    }
    assert missing == set()


def test_settings_that_a_page_shows_are_those_of_the_experiment_beside_them() -> None:
    n_settings = 0
    for page in PAGES:
        for _, *rest in commands_in(page):
            settings = [given for option, given in pairwise(rest) if option == "--set"]
            files = [ROOT / word for word in rest if word.endswith(".toml") and (ROOT / word).exists()]
            if settings and files:
                load_experiment(files[0], settings)
                n_settings += len(settings)
    assert n_settings


def test_tables_of_question_pages_are_parts_of_experiments() -> None:
    n_tables = 0
    for page in ROOT.glob("docs/questions/*.md"):
        for _, kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            if kind == "toml":
                given = tomllib.loads(block)
                space = {"preset": "tiny", **given.get("space", {})}
                Experiment.from_dict({"name": "page", "data": {"source": "digits"}, **given, "space": space})
                n_tables += 1
    assert n_tables
