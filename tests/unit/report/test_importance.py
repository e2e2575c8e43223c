"""What explains the accuracies of a run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.report import importance
from evocnn.report.importance import Effect, Importance, importance_of, importance_table
from evocnn.runs import Run

Make = Callable[..., Any]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "N_TREES", 20)


def test_what_decides_is_found_and_its_copy_shares_its_group() -> None:
    rows = RNG.random((80, 4))
    rows[:, 1] = -2 * rows[:, 0] + 0.01 * rows[:, 1]
    score, effects = importance._explained(rows, rows[:, 0] + 0.6 * rows[:, 2], ["a", "copy", "little", "no"])
    assert score > 0.7
    assert [effect.names for effect in effects] == [("a", "copy"), ("little",), ("no",)]
    assert effects[0].drop > 2 * effects[1].drop > 0.1 > effects[2].drop


def test_the_words_of_a_field_are_one_effect() -> None:
    """Each word can be told from the others, so shuffling one alone would hide what they explain."""
    words = RNG.integers(3, size=90)
    rows = np.column_stack([RNG.random(90), *(words == word for word in range(3))]).astype(float)
    names = ["depth", *(f"recipe.optimizer={word}" for word in ("sgd", "adam", "adamw"))]
    _, effects = importance._explained(rows, words + 0.5 * rows[:, 0], names)
    assert [effect.names for effect in effects] == [("recipe.optimizer",), ("depth",)]
    assert effects[0].drop > 1


def test_noise_has_no_score() -> None:
    score, _ = importance._explained(RNG.random((60, 5)), RNG.random(60), list("abcde"))
    assert score < 0.1


def test_a_run_is_explained_by_the_descriptors_of_its_networks(make_run: Make, make_record: Make) -> None:
    def genome(n_layers: int) -> Any:
        from evocnn.config import Experiment, space_of

        run = make_run()
        space = space_of(Experiment.from_dict(run.manifest["experiment"]), (1, 8, 8), 10)
        return space.parse(" > ".join(["conv4k3"] * n_layers) + " | gap | sgd lr=.05").to_json()

    records = [
        make_record(n, 0.1 * (1 + n % 6) + 0.001 * n, 100 + n, genome=genome(1 + n % 6)) for n in range(24)
    ]
    run: Run = make_run(
        *records, *[make_record(24, 0.9, 1, share=0.1), make_record(25, 0.9, 1, reused_from=0)]
    )
    run.manifest["experiment_folder"] = "."
    found = importance_of(run)
    assert found.n_candidates == 24
    assert found.score > 0.8
    assert "depth" in found.effects[0].names
    assert found == importance_of(run)
    short: Run = make_run(*records[:19])
    short.manifest["experiment_folder"] = "."
    with pytest.raises(ExperimentError, match=r"at least 20 candidates trained in full .* had 19; give it"):
        importance_of(short)


def test_bars_are_as_long_as_effects(capsys: pytest.CaptureFixture[str]) -> None:
    effects = (
        Effect(("depth", "log flops"), 0.4, 0.05),
        Effect(("conv",), 0.2, 0.01),
        Effect(("x",), -0.1, 0.0),
    )
    importance_table(Importance("mine", 40, 0.55, effects))
    head, *_ = out = capsys.readouterr().out.splitlines()
    assert head.startswith("mine: a random forest on 40 candidates explains 55% of the variance")
    assert [line.count("█") for line in out if "±" in line] == [30, 15, 0]
    assert any(line.startswith("this is what the forest uses, not what causes accuracy") for line in out)


def test_a_forest_that_predicts_nothing_shows_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    importance_table(Importance("mine", 40, -0.1, (Effect(("conv",), 0.2, 0.01),)))
    out = " ".join(capsys.readouterr().out.split())
    assert "explains 0% of the variance" in out
    assert out.endswith("it predicts nothing, so no importance can be read from it: more candidates may help")
