import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path

import numpy as np
import pytest
import sklearn

from evocnn.store import environment
from evocnn.store.environment import PACKAGES

KEYS = {"python", "platform", "processor", "cores", "commit", *PACKAGES}


def test_it_names_versions_and_hardware() -> None:
    found = environment()
    assert set(found) == KEYS
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert found["scikit-learn"] == sklearn.__version__
    assert found["cores"] == os.cpu_count()
    assert all(value not in ("", None) for value in found.values())
    assert json.loads(json.dumps(found)) == found


def test_the_same_machine_gives_the_same_answer() -> None:
    assert environment() == environment()  # a difference would warn at every resume


def test_the_commit_is_short_and_marks_changes() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}\+?|none|unknown", str(environment()["commit"]))


def test_without_git_the_commit_is_unknown_and_nothing_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment()["commit"] in ("unknown", "none")


def test_a_package_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "ray":
            raise importlib.metadata.PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setitem(environment.__globals__, "version", version)
    assert environment()["ray"] == "not installed"
    assert environment()["torch"] == "1.0"


def test_a_machine_without_cpuinfo_still_has_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Path, encoding: str) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", missing)
    assert environment()["processor"] == (platform.processor() or platform.machine())


@pytest.mark.parametrize(
    ("told", "processor"),
    [
        ("model name\t: AMD EPYC\ncpu family\t: 25\nmodel\t\t: 17\n", "AMD EPYC, family 25, model 17"),
        ("model name\t: AMD EPYC\n", "AMD EPYC"),
        ("BogoMIPS\t: 50.00\n", platform.machine()),
    ],
)
def test_a_processor_is_named_with_family_and_model(
    monkeypatch: pytest.MonkeyPatch, told: str, processor: str
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _, encoding: f"processor\t: 0\n{told}\nprocessor\t: 1\n")
    assert environment()["processor"] == processor
