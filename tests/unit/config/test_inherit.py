"""The key `search.inherit`: what it makes of a search, and what it cannot go with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.config import Experiment, build_parts, load_experiment
from evocnn.errors import ExperimentError

Write = Callable[..., Path]
CLASH = (
    r": 'search\.inherit': inherit must be left out where a recipe of the space has epochs of its own, but "
    r"it was 0\.3; take it out, or take epochs out of the recipe$"
)


def inheriting(tables: dict[str, Any], share: Any = 0.3) -> dict[str, Any]:
    tables["search"]["inherit"] = share
    return tables


def test_nothing_is_inherited_by_default(tables: dict[str, Any]) -> None:
    experiment = Experiment.from_dict(tables)
    assert experiment.search.inherit is None
    assert not build_parts(experiment).algorithm.ask(0, np.random.default_rng(1)).request.donor  # type: ignore[union-attr]


@pytest.mark.parametrize("algorithm", ["nsga2", "nsga2-generational"])
@pytest.mark.parametrize("is_on", [True, False])
def test_full_training_saves_its_state_if_offspring_inherit(
    tables: dict[str, Any], algorithm: str, *, is_on: bool
) -> None:
    tables["search"] |= {"algorithm": algorithm, "rungs": [1]}
    parts = build_parts(Experiment.from_dict(inheriting(tables) if is_on else tables))
    candidate = parts.algorithm.ask(0, np.random.default_rng(1))
    assert candidate is not None
    assert candidate.request.saves_state == is_on


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (0, "must be greater than 0, but it was 0"),
        (1.5, "must be less than or equal to 1, but it was 1.5"),
        ("0.3", "must be a valid number, but it was '0.3'"),
    ],
)
def test_a_share_of_the_epochs_is_above_0_and_at_most_1(
    tables: dict[str, Any], share: Any, message: str
) -> None:
    with pytest.raises(ExperimentError, match=rf"'search\.inherit' {message}"):
        Experiment.from_dict(inheriting(tables, share))


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"optimizer": ["sgd"], "learning_rate": 0.1, "epochs": [0, 5]}},
        {"recipe": {"optimizer": ["sgd"], "learning_rate": 0.1, "epochs": 5}},
        {"recipe": {}, "evolve": ["layers", "head"], "hold": {"recipe": "sgd lr=.1 epochs=5"}},
        {"founders": ["conv4k3 | gap | sgd lr=.1 epochs=5"]},
    ],
    ids=["alleles", "one allele", "held", "founder"],
)
def test_a_recipe_with_epochs_of_its_own_cannot_inherit(
    tables: dict[str, Any], change: dict[str, Any]
) -> None:
    """Its heirs would be trained in full."""
    tables["search"]["mutation"] = ["add_gene"]
    tables["space"] |= change
    Experiment.from_dict(tables)
    with pytest.raises(ExperimentError, match=CLASH):
        Experiment.from_dict(inheriting(tables))


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"optimizer": ["sgd"], "learning_rate": 0.1, "epochs": 0}},
        {"recipe": {}, "evolve": ["layers", "head"], "hold": {"recipe": "sgd lr=.1"}},
        {"founders": ["conv4k3 | gap | sgd lr=.1"]},
    ],
    ids=["allele 0", "held", "founder"],
)
def test_a_recipe_that_leaves_its_epochs_to_the_experiment_can(
    tables: dict[str, Any], change: dict[str, Any]
) -> None:
    tables["search"]["mutation"] = ["add_gene"]
    tables["space"] |= change
    assert Experiment.from_dict(inheriting(tables)).search.inherit == 0.3


def test_the_mistake_is_told_with_its_line(write: Write, experiment_text: str) -> None:
    text = experiment_text.replace("[space.recipe]", "[space.recipe]\nepochs = 5").replace(
        "window = 4", "window = 4\ninherit = 0.3"
    )
    path = write(text)
    line = text[: text.index("inherit")].count("\n") + 1
    with pytest.raises(ExperimentError, match=rf"experiment\.toml:{line}{CLASH}"):
        load_experiment(path)
