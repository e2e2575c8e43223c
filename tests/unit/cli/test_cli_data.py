"""The command that shows data."""

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Call = Callable[..., Any]


def write_npz(path: Path) -> Path:
    """Three classes of 6, 3 and 2 images, one of them twice and one under two classes; 2 test images."""
    pixels = np.arange(11, dtype=np.uint8)[:, None, None] * np.ones((4, 5), dtype=np.uint8)
    pixels[1] = pixels[0]  # both of the first class
    pixels[10] = pixels[0]  # of the last
    labels = np.array(["ape"] * 6 + ["bee"] * 3 + ["cat"] * 2)
    np.savez(path, x_train=pixels, y_train=labels, x_test=pixels[2:4], y_test=labels[2:4])
    return path


def write_folder(root: Path, side: int = 8) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for index in range(10):
            Image.new("L", (side + label, side), 20 * label + index).save(root / name / f"{index}.png")
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def test_everything_is_shown(evocnn: Call, tmp_path: Path) -> None:
    said = evocnn("data", write_npz(tmp_path / "toy.npz"))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("toy.npz train: images of 1×4×5, 3 classes; 11 training, 2 test\n")
    for line in (
        r"class +training +test +share *",
        r"ape +6 +2 +54\.5% *",
        r"cat +2 +0 +18\.2% *",
        r"imbalance of training: 3\.00 \(largest class 6, smallest 2\); .* right in 54\.5%",
        r"mean per channel of training, 0 to 255: 4\.00",
        r"deviation per channel of training, 0 to 255: 3\.13",
        r"exact duplicates: 2 within training, 1 of them under another class",
        r"exact duplicates: 2 of 2 test images are in training",
        r"digest of training: [0-9a-f]{64}",
    ):
        assert re.search(rf"^{line}$", said.out, re.MULTILINE), line
    assert "wrote" not in said.out


def test_a_source_without_a_test_split_says_so(evocnn: Call, tmp_path: Path) -> None:
    np.savez(tmp_path / "toy.npz", X=np.zeros((4, 5, 5), dtype=np.uint8), y=[0, 1, 0, 1])
    said = evocnn("data", "npz", "--data", tmp_path / "toy.npz")
    assert said.code == 0
    assert re.search(r"^no test split: data file .* for the test split", said.out, re.MULTILINE)
    assert "test images" not in said.out


def test_a_folder_is_framed_and_its_notes_are_shown_once(evocnn: Call, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    said = evocnn("data", root, "--size", "6x7", "--channels", "rgb", "--fit", "pad")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("pets train: images of 3×6×7, 2 classes; 16 training, 4 test\n")
    assert said.out.count("note: 1 file left out, not JPEG, PNG or WEBP: cat/notes.txt\n") == 1


def test_an_experiment_shows_how_it_divides_its_images(evocnn: Call, tiny: Path) -> None:
    said = evocnn("data", tiny, "--size", "9")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(
        "digits train: images of 1×9×9, 10 classes; 1,442 training, 300 to train, 100 to validate, 355 test\n"
    )


def test_settings_and_images_of_an_experiment_can_be_changed(
    evocnn: Call, tiny: Path, tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "pets")
    said = evocnn("data", tiny, "--data", root, "--size", "8", "--set", "data.images=10")
    assert "16 training, 7 to train, 3 to validate, 4 test" in said.out


def test_a_function_beside_one_is_found(
    evocnn: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_images.py").write_text(
        "import numpy as np\n"
        "def load(split):\n"
        "    return np.zeros((4, 5, 5), dtype=np.uint8), np.array([0, 1, 0, 1])\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    said = evocnn("data", "my_own_images:load")
    assert (said.code, said.err) == (0, "")
    assert "4 training, 4 test" in said.out


def test_of_many_classes_the_largest_and_smallest_are_shown(evocnn: Call, tmp_path: Path) -> None:
    labels = np.concatenate([np.arange(100), np.arange(100), np.full(5, 70), np.full(3, 7)])
    np.savez(tmp_path / "toy.npz", X=np.zeros((len(labels), 2, 2), dtype=np.uint8), y=labels)
    rows = evocnn("data", tmp_path / "toy.npz").out.splitlines()
    assert [rows[2].split()[:2], rows[3].split()[:2]] == [["70", "7"], ["7", "5"]]
    assert any("... 70 more" in row for row in rows)


def test_a_sheet_is_written_where_asked(evocnn: Call, tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.png"
    said = evocnn("data", "digits", "--out", path)
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith(f"\nwrote {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("digts",),
            "a source must be a path, .*, but nothing lies at 'digts'; did you mean 'digits'",
        ),
        (("digits", "--size", "big"), "--size must be a number of pixels or HEIGHTxWIDTH, but it was 'big'"),
        (("digits", "--size", "0"), "options: 'size': a size must be .* but it was 0;"),
        (("digits", "--fit", "cut"), "options: 'fit' must .*, but it was 'cut'"),
        (("digits", "--channels", "cmyk"), "options: 'channels' must .*, but it was 'cmyk'"),
        (("digits", "--set", "seed=1"), "--set must go with an experiment file"),
        (("digits", "--out", "sheet.jpg"), "a plot's file must end in .* 'sheet.jpg'"),
        (("nothing.toml",), "'nothing.toml' must be readable"),
        (("npz", "--data", "nothing.npz"), r"data file nothing\.npz must be readable"),
        (("idx",), "source 'idx' must have a path"),
    ],
)
def test_a_mistake_ends_in_one_line_and_code_2(
    arguments: tuple[str, ...], message: str, evocnn: Call
) -> None:
    said = evocnn("data", *arguments)
    assert (said.code, said.out) == (2, "")
    assert re.fullmatch(rf"error: .*{message}.*\n", said.err)


def test_a_folder_of_many_sizes_proposes_one(evocnn: Call, tmp_path: Path) -> None:
    said = evocnn("data", write_folder(tmp_path / "pets"))
    assert said.code == 2
    assert re.search(r"had 2, from 8×8 to 8×9; give data.size \(or --size\), for instance 8\n$", said.err)


def test_a_run_warns_of_what_is_left_out(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        said = evocnn("space", tiny, "--data", root, "--set", "data.size=8", "--samples", "1")
    assert said.code == 0
    assert said.err == "note: 1 file left out, not JPEG, PNG or WEBP: cat/notes.txt\n"


def test_help_gives_an_example_and_needs_nothing_heavy(evocnn: Call) -> None:
    said = evocnn("data", "--help")
    assert (said.code, said.err) == (0, "")
    assert "Example: evocnn data " in said.out
    code = """
import sys
from evocnn.cli.main import main
sys.argv = ["evocnn", "data", "--help"]
try:
    main()
except SystemExit:
    print("seen:", *(name for name in ("numpy", "torch", "matplotlib", "PIL") if name in sys.modules))
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.endswith("seen:\n")
