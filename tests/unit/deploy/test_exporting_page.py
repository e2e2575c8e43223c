"""The page on exporting states what the code does."""

import json
import re
from pathlib import Path

import pytest

from evocnn.deploy.export import FORMS, LIMIT, OPSET, about
from evocnn.deploy.model import Model
from evocnn.training.data.framing import FITS
from evocnn.training.latency import MIN_PASSES, MIN_SECONDS, N_WARM_UP

PAGE = (Path(__file__).parents[3] / "docs" / "exporting.md").read_text(encoding="utf-8")
TEXT = " ".join(re.sub("<!--.*?-->", "", PAGE).split())


@pytest.mark.parametrize(("form", "ending"), FORMS.items())
def test_every_form_has_its_row(form: str, ending: str) -> None:
    assert re.search(rf"^\| `{form}`.*\| `{re.escape(ending)}`", PAGE, re.MULTILINE)


def test_opset_limit_and_passes_are_those_of_the_code() -> None:
    assert f"`.onnx`, opset {OPSET} " in TEXT
    assert f"{LIMIT:.0e}".replace("-0", "-") + " at most" in TEXT
    assert f"at least {MIN_PASSES} passes and {MIN_SECONDS:g} seconds, after {N_WARM_UP} to warm up" in TEXT


def test_every_entry_of_the_metadata_is_named(digits_model: Model) -> None:
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(json.loads(json.dumps(about(digits_model)))) | set(FITS)
