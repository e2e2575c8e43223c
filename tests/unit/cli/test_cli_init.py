"""The command that proposes an experiment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evocnn import load_experiment
from evocnn.genotype import size

Call = Callable[..., Any]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of two classes of 12 images in colour, of two sizes."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "My pets" / name).mkdir(parents=True)
        for index in range(12):
            pixels = rng.integers(100 * label, 100 * label + 100, (40 + index % 2, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "My pets" / name / f"{index}.png")
    return tmp_path / "My pets"


def test_a_proposal_for_a_folder_of_photographs_runs_as_it_is(
    evocnn: Call, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(size, "_GENES_DRAWN", 1)  # of the estimate that `space` prints: a second or two
    said = evocnn("init", "My pets")
    assert said.code == 0
    assert (
        "seen: 20 training images in colour, 2 sizes from 40×48 to 41×48; 2 classes of 10 to 10" in said.out
    )
    assert "note: 8 images to validate on" in said.err
    assert load_experiment("experiment.toml").data.path == "My pets"
    assert evocnn("space", "experiment.toml").code == 0
    small = ("--set", "search.rungs=[1]", "--set", "training.epochs=1")
    assert evocnn("run", "experiment.toml", "--workers", 0, "--budget", 2, *small).code == 0
    assert (tmp_path / "runs" / "My-pets" / "run.sqlite").exists()


def test_a_named_data_set_is_proposed_at_its_own_size(evocnn: Call, tmp_path: Path) -> None:
    said = evocnn("init", "digits", "--out", tmp_path / "digits.toml")
    assert said.code == 0
    experiment = load_experiment(tmp_path / "digits.toml")
    assert (experiment.name, experiment.data.source, experiment.data.size) == ("digits", "digits", None)


def test_a_path_that_leads_out_of_the_files_folder_is_written_in_full(
    evocnn: Call, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert evocnn("init", photos, "--out", tmp_path / "elsewhere" / "e.toml").code == 0
    assert load_experiment(tmp_path / "elsewhere" / "e.toml").data.path == str(photos)


def test_nothing_is_written_over(evocnn: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    said = evocnn("init", "digits", "--out", tmp_path / "mine.toml")
    assert said.code == 2
    assert "must be new, but it is there already; give another with --out" in said.err
    assert (tmp_path / "mine.toml").read_text() == "mine"
    said = evocnn("init", tmp_path / "gone", "--out", tmp_path / "mine.toml")
    assert "but nothing lies at" in said.err  # a wrong source is told first


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fashion-mnits", "did you mean 'fashion-mnist'?"),
        ("flat", "must hold at least 2 folders, one a class, but there was none"),
        ("nowhere/photos", "but nothing lies at 'nowhere/photos'; check the path"),
        ("flats", "but nothing lies at 'flats'; did you mean 'flat'?"),
        ("bare", "but it was an empty folder; put images there as bare/cat/1.jpg"),
    ],
)
def test_what_is_no_source_of_images_is_told(
    source: str, message: str, evocnn: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flat").mkdir()
    (tmp_path / "bare").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "flat" / "1.png")
    said = evocnn("init", source)
    assert said.code == 2
    assert message in said.err
    assert not (tmp_path / "experiment.toml").exists()


def test_the_file_must_be_one_that_can_be_written(evocnn: Call, tmp_path: Path) -> None:
    assert "write digits.toml" in evocnn("init", "digits", "--out", "digits.txt").err
    said = evocnn("init", "digits", "--out", tmp_path / "gone" / "e.toml")
    assert said.code == 2
    assert "must be writable, but: No such file or directory" in said.err
