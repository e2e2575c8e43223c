"""The command that shows a search space."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evocnn.genotype import size

Call = Callable[..., Any]


@pytest.fixture
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimate the size of a space from few draws; by default it takes a second or two."""
    monkeypatch.setattr(size, "_GENES_DRAWN", 1)


def test_the_space_is_shown(evocnn: Call, tiny: Path) -> None:
    said = evocnn("space", tiny, "--samples", "50")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("tiny: images of 1×8×8, 10 classes\n")
    for line in (
        r"conv +1 +filters +2, 4 *",
        r"recipe +learning_rate +0.01 to 0.1, log *",
        r"limits: 3,000 parameters, 3 layers",
        r"layer genes: 5, up to 3 in a row",
        r"architectures: at most 156; about 1\d0 distinct within the limits",
        r"recipes: 901",
        r"50 samples +least .*",
        r"the limits changed \d+ of 50 samples.*",
    ):
        assert re.search(rf"^{line}$", said.out, re.MULTILINE), line
    assert "wrote" not in said.out


@pytest.mark.usefixtures("_few_draws")
def test_the_same_file_shows_the_same_and_another_seed_another(evocnn: Call, tiny: Path) -> None:
    shown = [evocnn("space", tiny, "--samples", "3", "--set", f"seed={seed}").out for seed in (1, 1, 2)]
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.usefixtures("_few_draws")
def test_a_picture_is_written_where_asked(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "space.svg"
    said = evocnn("space", tiny, "--samples", "2", "--out", path)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(f"\nwrote {path}\n")
    assert path.read_bytes().startswith(b"<?xml")


@pytest.mark.usefixtures("_few_draws")
def test_options_and_images_change_the_space(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    rng = np.random.default_rng(0)
    np.savez(path, images=rng.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8), labels=np.arange(40) % 4)
    said = evocnn("space", tiny, "--samples", "5", "--data", path, "--set", "space.limits.depth=2")
    assert said.out.startswith("tiny: images of 3×6×5, 4 classes\n")
    assert "architectures: at most 31;" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "space.limit=1"), "'space.limit' is not known; .*; did you mean 'limits'?"),
        (("--set", "space.limits.parameters=1"), "limits must permit some network"),
        (("--data", "nothing"), "data path .*nothing must be a folder with IDX files"),
        (("--out", "space.jpg"), "a plot's file must end in .* 'space.jpg'; change the ending"),
    ],
)
def test_a_mistake_ends_in_one_line_and_code_2(
    arguments: tuple[str, ...], message: str, evocnn: Call, tiny: Path
) -> None:
    said = evocnn("space", tiny, *arguments)
    assert (said.code, said.out) == (2, "")
    assert re.fullmatch(rf"error: .*{message}.*\n", said.err)


def test_a_missing_file_and_no_samples_are_mistakes(evocnn: Call, tiny: Path) -> None:
    said = evocnn("space", "nothing.toml")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "'nothing.toml' must be readable" in said.err
    assert evocnn("space", tiny, "--samples", "0").code == 2


def test_help_gives_an_example(evocnn: Call) -> None:
    said = evocnn("space", "--help")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"Usage: .*evocnn space ", said.out)
    assert "Example: evocnn space " in said.out


@pytest.mark.usefixtures("_few_draws")
def test_text_needs_no_matplotlib(evocnn: Call, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)  # what is imported again now fails
    for name in ("evocnn.cli.space", "evocnn.report.space", "evocnn.report.space_plot"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert evocnn("space", tiny, "--samples", "2").code == 0
    with pytest.raises(ImportError, match="matplotlib"):
        importlib.import_module("evocnn.report.space_plot")


@pytest.fixture
def transfer(tiny: Path, tmp_path: Path) -> Path:
    """Return an experiment whose limit lets one of two cuts occur, with the weights that it needs."""
    state = {"0.weight": torch.zeros(2, 1, 3, 3), "0.bias": torch.zeros(2)}
    state |= {"1.weight": torch.zeros(64, 2, 9, 9), "1.bias": torch.zeros(64)}
    torch.save(state, tmp_path / "digits.pth")
    layers = "conv2k3 norm=none · conv64k9 norm=none"
    table = f"""
[space.backbone]
weights = "digits.pth"
layers = "{layers}"
mean = [0.1]
deviation = [0.3]
"""
    path = tmp_path / "transfer.toml"
    path.write_text(tiny.read_text() + table)
    return path


@pytest.mark.filterwarnings("always:space.limits")
@pytest.mark.usefixtures("_few_draws")
def test_cuts_that_can_never_occur_are_told(evocnn: Call, transfer: Path, tmp_path: Path) -> None:
    told = "note: space.limits.parameters should allow all cuts of the backbone, but it was 3,000"
    assert told in evocnn("space", transfer, "--samples", "2").err
    assert told in evocnn("run", transfer, "--workers", 0, "--out", tmp_path / "run").err


@pytest.mark.usefixtures("_few_draws")
def test_weights_that_are_none_are_refused_before_anything_is_trained(evocnn: Call, transfer: Path) -> None:
    (transfer.parent / "digits.pth").write_text("no weights at all")
    said = evocnn("space", transfer)
    assert said.code == 2
    assert "digits.pth' must be a state_dict or a safetensors file" in said.err
    assert "weights_only" not in said.err
