"""The list of protections stays true while code and tests change; that tests notice takes hours to show."""

import ast
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "protections"
MARK = "pytest.mark.fault"


@pytest.fixture(scope="module")
def protections() -> list[Any]:
    script = runpy.run_path(str(FOLDER / "benchmark.py"))
    listed = tomllib.loads((FOLDER / "protections.toml").read_text(encoding="utf-8"))["protection"]
    found = [script["Protection"](**one) for one in listed]
    for one in found:
        source = (ROOT / "evocnn" / one.file).read_text(encoding="utf-8")
        assert script["without"](one, source) != source
    return found


def of_faults() -> Iterator[str]:
    """Yield the tests of the suite that are marked as such, alone or with their whole file."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body if MARK in text else []
        whole = [each for each in body if ast.unparse(each).startswith("pytestmark =")]
        for each in body:
            if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
                marks = " ".join(map(ast.unparse, [*whole, *each.decorator_list]))
                if MARK in marks:
                    yield f"{path.relative_to(ROOT).as_posix()}::{each.name}"


def test_each_test_of_a_fault_stands_beside_a_protection_that_can_be_taken_out(
    protections: list[Any],
) -> None:
    """A test that proves no protection needs no mark."""
    assert {*of_faults()} == {one.test for one in protections}
