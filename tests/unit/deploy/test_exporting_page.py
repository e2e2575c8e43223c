"""The page on exporting states what the code does."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from evocnn.deploy.export import LIMIT
from evocnn.deploy.forms import FORMS, OPSET, Form, about
from evocnn.deploy.model import Model
from evocnn.training.data.framing import FITS
from evocnn.training.data.image_file import decode
from evocnn.training.latency import MIN_PASSES, MIN_SECONDS, N_WARM_UP

PAGE = (Path(__file__).parents[3] / "docs" / "exporting.md").read_text(encoding="utf-8")
TEXT = " ".join(re.sub("<!--.*?-->", "", PAGE).split())


@pytest.mark.parametrize(("name", "form"), FORMS.items())
def test_every_form_has_its_row(name: str, form: Form) -> None:
    assert re.search(rf"^\| `{name}`.*\| `{re.escape(form.ending)}`", PAGE, re.MULTILINE)


def test_opset_limit_and_passes_are_those_of_the_code() -> None:
    assert f"`.onnx`, opset {OPSET} " in TEXT
    assert f"{LIMIT:.0e}".replace("-0", "-") + " at most" in TEXT
    assert f"at least {MIN_PASSES} passes and {MIN_SECONDS:g} seconds, after {N_WARM_UP} to warm up" in TEXT


def test_every_entry_of_the_metadata_is_named(digits_model: Model) -> None:
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(json.loads(json.dumps(about(digits_model)))) | set(FITS)


@pytest.mark.parametrize("kind", ["transparent", "16 bits"])
def test_the_lines_for_other_images_give_the_pixels_that_evocnn_sees(tmp_path: Path, kind: str) -> None:
    """In place of the README's line, which gives others."""
    values = np.random.default_rng(0).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    image = Image.fromarray(values)
    if kind == "16 bits":
        image = Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    image.save(tmp_path / "photo.png")
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (whole,) = (one for one in re.findall("```python\n(.*?)```", readme, re.DOTALL) if "onnxruntime" in one)
    (lines,) = (one for one in re.findall("```python\n(.*?)```", PAGE, re.DOTALL) if "exif_transpose" in one)
    (line,) = (one for one in whole.splitlines(keepends=True) if "exif_transpose" in one)
    theirs = whole.partition("image = ")[1:]
    decoding = "".join(theirs).partition("probabilities = ")[0].replace("photo.jpg", "photo.png")
    wanted = np.zeros((3, 5, 5), dtype=np.uint8)
    assert decode(tmp_path / "photo.png", wanted, "RGB", (5, 5), "crop") is None
    for code, is_same in ((decoding, False), (decoding.replace(line, lines), True)):
        names: dict[str, Any] = {"Image": Image, "ImageOps": ImageOps, "np": np}
        names |= {"channels": 3, "height": 5, "width": 5}
        with contextlib.chdir(tmp_path):
            exec(code, names)  # noqa: S102 - lines of the pages
        assert np.array_equal(names["pixels"][0], wanted) == is_same
