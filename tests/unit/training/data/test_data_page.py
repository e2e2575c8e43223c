"""The reference page of data names every source and key, with the defaults that the code has."""

import re
from pathlib import Path

import pytest

from evocnn.config.data import DataSettings
from evocnn.training.data.download import CACHE_VARIABLE
from evocnn.training.data.framing import CHANNELS, FITS
from evocnn.training.data.mapped import SHARE, SHARE_VARIABLE
from evocnn.training.data.npz import KEYS
from evocnn.training.data.sources import SOURCES

PAGE = (Path(__file__).parents[4] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_row(source: str) -> None:
    assert re.search(rf'^\| [^|]*`"{source}"`', PAGE, re.MULTILINE)


@pytest.mark.parametrize("key", DataSettings.model_fields)
def test_every_key_has_a_row_with_its_default(key: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{key}` |"))
    default = DataSettings.model_fields[key].get_default()
    if isinstance(default, str | float):
        assert row.split("|")[-2].strip().strip("`") in (f'"{default}"', str(default))


@pytest.mark.parametrize("word", [*FITS, *CHANNELS])
def test_every_word_of_a_key_is_explained(word: str) -> None:
    assert f'`"{word}"`' in PAGE


@pytest.mark.parametrize("name", [name for pairs in KEYS.values() for pair in pairs for name in pair])
def test_every_name_of_an_archives_arrays_is_listed(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_variables_and_the_share_are_stated() -> None:
    assert f"`{CACHE_VARIABLE}`" in PAGE
    assert f"`{SHARE_VARIABLE}`" in PAGE
    assert (SHARE, "more than a quarter of the memory" in PAGE) == (0.25, True)
