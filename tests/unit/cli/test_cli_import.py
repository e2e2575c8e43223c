"""`evocnn import`."""

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
NETWORK = """\
from torch import nn

def make():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.{activation}(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10, bias=False)
    )
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a folder with a network that can be imported and one that cannot."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "fits_import.py").write_text(NETWORK.format(activation="ReLU"))
    (tmp_path / "fits_not.py").write_text(NETWORK.format(activation="Softplus"))
    yield
    for name in ("fits_import", "fits_not"):
        sys.modules.pop(name, None)


def test_the_output_is_a_space_with_comments(evocnn: Call, home: None) -> None:
    said = evocnn("import", "fits_import:make")
    assert (said.code, said.err) == (0, "")
    assert tomllib.loads(said.out)["space"]["founders"] == [
        "conv4k3 valid norm=none · pool | flatten | adamw lr=.001"
    ]
    assert (
        "# fits_import:make: 10 classes, 410 parameters, for images of\n# 1x8x8 (no other usual" in said.out
    )
    assert (
        "\n# - '4' (Linear(in_features=36, out_features=10, bias=False)) gains biases\n# - recipe" in said.out
    )
    assert said.out.endswith("for random images: both compute the same.\n")


def test_a_given_shape_is_taken(evocnn: Call, home: None) -> None:
    said = evocnn("import", "fits_import:make", "--shape", "1,9,9")
    assert "for images of\n# 1x9x9\n" in said.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("fits_not:make", "--shape", "1,8,8"),
            "error: layer '1' (Softplus(beta=1.0, threshold=20.0)) cannot",
        ),
        (
            ("fits_import:make", "--shape", "1,9"),
            "error: --shape must be channels, height and width, but it was",
        ),
        (("fits_import:make", "--shape", "1,0,9"), "write 3,32,32"),
        (("fits_import:make", "--shape", "1,8²,8"), "write 3,32,32"),
        (("fits_import:made",), "did you mean 'make'?"),
    ],
    ids=["layer", "two", "zero", "superscript", "name"],
)
def test_a_mistake_ends_in_one_line(evocnn: Call, home: None, arguments: Any, expected: str) -> None:
    said = evocnn("import", *arguments)
    assert (said.code, said.out) == (2, "")
    assert expected in said.err
    assert said.err.count("\n") == 1
