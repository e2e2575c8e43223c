"""The list of protections stays true while code and tests change; that tests notice takes hours to show."""

import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "protections"


def test_each_protection_can_be_taken_out_and_each_test_of_faults_stands_beside_one() -> None:
    script = runpy.run_path(str(FOLDER / "benchmark.py"))
    listed = tomllib.loads((FOLDER / "protections.toml").read_text(encoding="utf-8"))["protection"]
    protections = [script["Protection"](**one) for one in listed]
    for one in protections:
        source = (ROOT / "evocnn" / one.file).read_text(encoding="utf-8")
        assert script["without"](one, source) != source
        path, _, name = one.test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
    assert script["without_protection"](protections) == []
