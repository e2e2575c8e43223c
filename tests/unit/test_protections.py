"""The list of protections stays true while code and tests change; that tests notice takes hours to show."""

import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "protections"


def test_each_test_of_a_fault_stands_beside_a_protection_that_can_be_taken_out() -> None:
    """A test that proves no protection needs no mark."""
    script = runpy.run_path(str(FOLDER / "benchmark.py"))
    listed = tomllib.loads((FOLDER / "protections.toml").read_text(encoding="utf-8"))["protection"]
    protections = [script["Protection"](**one) for one in listed]
    for one in protections:
        source = (ROOT / "evocnn" / one.file).read_text(encoding="utf-8")
        assert script["without"](one, source) != source
    assert {*script["tests_of_faults"]()} == {one.test for one in protections}
