"""The reference pages name every gene, field, preset, key and operator, with the values that the code has."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import BaseModel

from evocnn.config.experiment import Experiment, ObjectiveSettings, TrainingSettings
from evocnn.config.operator_names import CROSSOVERS, DEFAULT_CROSSOVERS, DEFAULT_MUTATIONS, MUTATIONS
from evocnn.config.presets import preset_names
from evocnn.config.search import SearchSettings
from evocnn.config.space import LimitSettings, SpaceSettings
from evocnn.evaluation import METRICS
from evocnn.genotype import LAYERS, Head, LayerGene, Range, Recipe
from evocnn.genotype.recipe import INITIALIZATIONS, OPTIMIZERS, SCHEDULES
from evocnn.operators import RATES
from evocnn.training.learning_rate_range import HIGHEST, LOWEST, N_STEPS, SHARE

DOCS = Path(__file__).parents[2] / "docs"
SPACE = (DOCS / "search-space.md").read_text(encoding="utf-8")
OPERATORS = (DOCS / "operators.md").read_text(encoding="utf-8")
SHARED = ("activation", "normalization")  # stated once for all genes


@pytest.mark.parametrize("gene", LAYERS, ids=lambda gene: str(gene.name()))
def test_every_layer_gene_has_a_row_with_all_its_fields_and_a_text_that_it_reads(
    gene: type[LayerGene],
) -> None:
    """A field that a gene gains must be told."""
    row = next(line for line in SPACE.splitlines() if line.startswith(f"| `{gene.name()}` |"))
    for name in (f.name for f in fields(gene) if f.name not in SHARED):
        assert f"`{name}`" in row, name
    text = row.split("|")[2].strip().strip("`")
    assert gene.parse(text) is not None, text


@pytest.mark.parametrize("name", [*(f.name for f in fields(Head)), *(f.name for f in fields(Recipe))])
def test_every_field_of_head_and_recipe_is_listed(name: str) -> None:
    """In the table of head and recipe."""
    table = SPACE[SPACE.index("## Head and recipe") : SPACE.index("## What evolves")]
    assert f"`{name}`" in table


@pytest.mark.parametrize("word", [*OPTIMIZERS, *SCHEDULES, *INITIALIZATIONS])
def test_every_word_of_the_recipe_is_listed(word: str) -> None:
    """As a word of its own."""
    assert re.search(rf"(?<![\w-]){word}(?![\w-])", SPACE)


@pytest.mark.parametrize("key", [*preset_names(), *LimitSettings.model_fields, *SpaceSettings.model_fields])
def test_every_preset_limit_and_key_is_named(key: str) -> None:
    """Somewhere on the page, as code."""
    assert re.search(rf"(`|\[space\.|^|limits = {{ ){key}\b", SPACE, re.MULTILINE), key


def test_every_operator_has_its_row_with_its_default_share() -> None:
    """Those without a default share have an empty last cell."""
    shares = {**DEFAULT_CROSSOVERS, **{n: s for own in DEFAULT_MUTATIONS.values() for n, s in own.items()}}
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in OPERATORS.splitlines() if "|" in line
    ]
    found = {
        name: share
        for names, *_, last in rows
        for name, share in zip(
            re.findall(r"`([a-z_]+)`", names), last.split(",") if last else [""] * 9, strict=False
        )
    }
    for name in (*CROSSOVERS, *MUTATIONS):
        expected = f"{shares[name]:g}" if name in shares else ""
        assert found.get(name, "missing").strip() == expected, name


@pytest.mark.parametrize("rates", RATES)
def test_every_kind_of_rates_is_named(rates: str) -> None:
    """As it is written in a file."""
    assert f'`"{rates}"`' in OPERATORS


def test_the_page_of_range_tests_has_their_steps_and_rates() -> None:
    """And the line that it shows is one that an experiment file takes."""
    page = (DOCS / "learning-rates.md").read_text(encoding="utf-8")
    assert f"for {N_STEPS} steps each" in page
    assert f"from 1e-6 to {HIGHEST:g} in" in page
    assert LOWEST == 1e-6
    assert f"{SHARE:g}" == "0.1"  # a tenth of its whole fall
    table = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])["space"]["recipe"]
    tables = {"name": "a", "data": {"source": "digits"}, "space": {"preset": "tiny", "recipe": table}}
    assert Experiment.from_dict(tables).space.recipe.fields["learning_rate"] == Range(0.0021, 0.32, log=True)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: str(page.name))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files of the repository."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


FILE = (DOCS / "experiment-file.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "settings"),
    [
        ("## `[objectives.NAME]`", ObjectiveSettings),
        ("## `[training]`", TrainingSettings),
        ("## `[search]`", SearchSettings),
    ],
    ids=["objectives", "training", "search"],
)
def test_every_key_of_a_table_has_a_row_with_its_default(heading: str, settings: type[BaseModel]) -> None:
    """Numbers as they are in the code."""
    section = FILE[FILE.index(heading) :].split("\n## ")[0]
    for name, field in settings.model_fields.items():
        rows = [line for line in section.splitlines() if line.startswith("|")]
        row = next((line for line in rows if f"`{name}`" in line.split("|")[1]), None)
        assert row is not None, name
        if isinstance(field.default, int | float):
            assert f"{field.default:g}" in row, name


def test_every_metric_is_named() -> None:
    """As something that a search can optimize."""
    for metric in METRICS:
        assert f"`{metric}`" in FILE
