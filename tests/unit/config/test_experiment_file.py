"""Reading experiment files: the shipped ones, the lines of keys, `--set`, budgets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.config import Experiment, load_experiment, parse_budget, space_of
from evocnn.config.toml import COMMAND_LINE, read_toml, set_value
from evocnn.errors import ExperimentError
from evocnn.genotype import Choice, Conv, Head, Pool, Range, Recipe
from evocnn.operators import AddGene, OnePoint, ResampleRecipe, Uniform, Weighted
from evocnn.search import Budget

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SHIPPED = sorted(EXPERIMENTS.glob("*/experiment.toml"))
Write = Callable[..., Path]


def test_there_are_shipped_experiments() -> None:
    assert {path.parent.name for path in SHIPPED} >= {"digits", "fashion-mnist", "own-parts"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_experiments_load_and_permit_networks(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.name == path.parent.name
    assert experiment.folder == path.parent
    side = {"fashion-mnist": 28}.get(path.parent.name, 8)
    space = space_of(experiment, (1, side, side), 10)
    founder = space.sample(np.random.default_rng(1))
    assert space.limits.excess(founder.counts(space.input_shape, 10))[0] <= 1


@pytest.mark.parametrize(
    "name",
    [
        "cifar10-gpu/experiment.toml",
        "fashion-mnist/study.toml",
        "paper-presets/cnn-ga.toml",
        "paper-presets/evocnn.toml",
    ],
)
def test_the_other_files_of_studies_load(name: str) -> None:
    assert load_experiment(EXPERIMENTS / name).space.segments


def test_every_key_arrives(write: Write) -> None:
    experiment = load_experiment(write())
    space, search = experiment.space, experiment.search
    assert (experiment.name, experiment.seed) == ("mine", 7)
    assert (experiment.data.source, experiment.data.validation, experiment.data.images) == (
        "digits",
        0.25,
        400,
    )
    assert (space.founder_depth, space.pool_order) == ((1, 3), "early")
    assert (space.limits.parameters, space.limits.flops, space.limits.depth) == (20_000, 1_000_000, 4)
    conv, pool = space.layers
    assert (conv.gene, conv.weight, pool.gene, pool.weight) == (Conv, 2.0, Pool, 1.0)
    assert conv.fields == {
        "filters": Choice((4, 8)),
        "kernel": Choice((3,)),
        "activation": Choice(("relu", "silu")),
    }
    assert (space.head.gene, space.head.fields["units"]) == (Head, Choice(((), (16,))))
    assert (space.recipe.gene, space.recipe.fields["learning_rate"]) == (Recipe, Range(0.01, 0.1, log=True))
    assert experiment.objectives["parameters"].reference == 30_000
    assert (experiment.training.epochs, experiment.training.timeout) == (2, 30.0)
    assert (search.algorithm.name, search.population, search.window) == ("nsga2", 4, 4)
    assert search.budget == Budget(evaluations=6)
    assert search.crossover == (Weighted("one_point", OnePoint()), Weighted("uniform", Uniform(0.3)))
    assert search.mutation == (
        Weighted("add_gene", AddGene()),
        Weighted("resample_recipe", ResampleRecipe(0.2), 2.0),
    )


def test_what_is_left_out_has_a_default(tables: dict[str, Any]) -> None:
    layers = {"conv": {"filters": 4, "kernel": 3}}
    experiment = Experiment.from_dict(
        {"name": "x", "data": {"source": "digits"}, "space": {"layers": layers}}
    )
    assert list(experiment.objectives) == ["validation_accuracy", "parameters", "generalization_gap"]
    assert (experiment.seed, experiment.data.validation, experiment.training.patience) == (0, 0.2, None)
    assert (experiment.search.algorithm.name, experiment.search.budget) == ("nsga2", Budget(evaluations=100))
    assert (experiment.search.crossover, experiment.search.mutation) == (None, None)  # those of the space
    space = experiment.space
    assert (space.source, space.evolve, space.founders) == ("", ("layers", "head", "recipe"), ())
    assert (space.hold.layers, space.hold.head, space.hold.recipe) == (None, None, None)
    assert (space.founder_prior, space.limits.activations) == ("informed", None)
    assert experiment.search.rates == "fixed"
    assert experiment.search.rungs == (0.1, 0.3, 1.0)


def test_the_tables_are_kept_as_they_were_given(tables: dict[str, Any]) -> None:
    experiment = Experiment.from_dict(tables)
    assert experiment.tables == tables
    with pytest.raises(ValueError, match="frozen"):
        experiment.seed = 8  # type: ignore[misc]


def test_windows_line_ends_are_read(write: Write, experiment_text: str) -> None:
    assert load_experiment(write(experiment_text.replace("\n", "\r\n"))).seed == 7


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\n\n[b]\nc = 2", {("a",): 1, ("b",): 3, ("b", "c"): 4}),
        ("[a.b]\n  c.d = 1", {("a", "b"): 1, ("a", "b", "c", "d"): 2}),
        ('["a"."b c"]\n"d" = 1', {("a", "b c"): 1, ("a", "b c", "d"): 2}),
        ("a = { b = 1 }\nc = 2", {("a",): 1, ("c",): 2}),
        ("# a = 1\na = [\n  [3],\n  [4]\n]\nb = 2", {("a",): 2, ("b",): 6}),
        ("[a] # [b]\nc = 1", {("a",): 1, ("a", "c"): 2}),
    ],
)
def test_lines_of_keys(text: str, lines: dict[tuple[str, ...], int], write: Write) -> None:
    assert read_toml(write(text))[1] == lines


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("search.budget=50", 50),
        ("search.budget=5m", "5m"),  # no TOML, so plain text
        ("search.budget='5m'", "5m"),
        ("search.budget = [1, 2.5]", [1, 2.5]),
        ("search.budget={ a = true }", {"a": True}),
        ("search.budget=", ""),
        ("search.budget=a=b", "a=b"),
        ("search.budget=inf", float("inf")),
        (f"search.budget={'1' * 5000}", "1" * 5000),  # more digits than Python reads
        (f"search.budget={'[' * 5000}", "[" * 5000),
    ],
)
def test_values_set_on_the_command_line_are_toml_or_else_text(setting: str, value: object) -> None:
    values: dict[str, Any] = {"search": {"window": 4}}
    assert set_value(values, setting) == ("search", "budget")
    assert values == {"search": {"window": 4, "budget": value}}


def test_setting_makes_the_tables_that_lead_to_a_key() -> None:
    values: dict[str, Any] = {}
    set_value(values, "space.layers.conv.kernel=3")
    assert values == {"space": {"layers": {"conv": {"kernel": 3}}}}


@pytest.mark.parametrize("setting", ["seed", "", "=5", " =5"])
def test_settings_without_key_or_sign_are_refused(setting: str) -> None:
    with pytest.raises(ExperimentError, match=rf"--set must be given as key=value, but it was '{setting}'"):
        set_value({}, setting)


@pytest.mark.parametrize(
    ("setting", "through"), [("seed.x=1", "'seed' was 7"), ("data.images.x.y=1", "'images' was 400")]
)
def test_settings_cannot_lead_through_a_value(setting: str, through: str, tables: dict[str, Any]) -> None:
    with pytest.raises(ExperimentError, match=rf"--set {setting} must lead through tables, but {through};"):
        set_value(tables, setting)


def test_settings_change_the_experiment(write: Write) -> None:
    settings = [
        "seed=9",
        "search.budget=90s",
        "space.layers.conv.filters=[2]",
        "space.layers.dropout.rate=0.1",
    ]
    experiment = load_experiment(write(), settings)
    assert (experiment.seed, experiment.search.budget) == (9, Budget(seconds=90.0))
    assert [alleles.gene.name() for alleles in experiment.space.layers] == ["conv", "pool", "dropout"]
    assert experiment.space.layers[0].fields["filters"] == Choice((2,))
    assert experiment.tables["seed"] == 9


def test_a_file_may_begin_with_a_mark_of_its_encoding(write: Write, experiment_text: str) -> None:
    path = write(experiment_text)
    plain = load_experiment(path)
    path.write_text(experiment_text, encoding="utf-8-sig")
    assert load_experiment(path) == plain


def test_a_mistake_on_the_command_line_names_no_line_of_the_file(write: Write) -> None:
    path = write()
    with pytest.raises(
        ExperimentError, match=rf"^{path} as changed on the command line: 'search.window' must be .* 0;"
    ):
        load_experiment(path, ["search.window=0"])
    with pytest.raises(
        ExperimentError, match=rf"^{path} as changed on the command line: 'space.layers.conv': a field .* 'x'"
    ):
        load_experiment(path, ["space.layers.conv={ x = 1 }"])


def test_a_mistake_of_the_file_keeps_its_line_beside_settings(write: Write, experiment_text: str) -> None:
    path = write(experiment_text.replace("window = 4", "window = 0"))
    line = experiment_text.splitlines().index("window = 4") + 1
    assert line != COMMAND_LINE
    with pytest.raises(ExperimentError, match=rf"^{path}:{line}: 'search.window' must be"):
        load_experiment(path, ["seed=9", "search.budget=3"])


@pytest.mark.parametrize(
    ("value", "budget"),
    [
        (1, Budget(evaluations=1)),
        (200, Budget(evaluations=200)),
        ("200", Budget(evaluations=200)),
        ("200 evaluations", Budget(evaluations=200)),
        (" 90s ", Budget(seconds=90.0)),
        ("10m", Budget(seconds=600.0)),
        ("2h", Budget(seconds=7200.0)),
        (999_999_999, Budget(evaluations=999_999_999)),
        ("500 epochs", Budget(epochs=500)),
        (" 1 epochs ", Budget(epochs=1)),
    ],
)
def test_budgets(value: object, budget: Budget) -> None:
    assert parse_budget(value) == budget


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        1.0,
        True,
        None,
        [],
        {},
        "",
        "0",
        "0s",
        "-5m",
        "1.5h",
        "10 m",
        "10d",
        "m",
        "1h30m",
        10**9,
        "1e3",
        "0 epochs",
        "epochs",
        "5epochs",
    ],
)
def test_what_is_no_budget_is_refused(value: object) -> None:
    with pytest.raises(
        ExperimentError,
        match=r"a budget must be a number of evaluations, of epochs or a time, but it was .*; write 200, '5",
    ):
        parse_budget(value)
